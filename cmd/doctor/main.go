// SPDX-License-Identifier: Apache-2.0

// Command doctor is tug-doctor.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/doctor"
)

func main() { cli.Main(doctor.New()) }
