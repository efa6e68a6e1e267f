// SPDX-License-Identifier: Apache-2.0

// Command ps is tug-ps.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/ps"
)

func main() { cli.Main(ps.New()) }
