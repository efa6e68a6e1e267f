// SPDX-License-Identifier: Apache-2.0

// Command exists is tug-exists.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/exists"
)

func main() { cli.Main(exists.New()) }
