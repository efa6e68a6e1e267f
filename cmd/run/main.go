// SPDX-License-Identifier: Apache-2.0

// Command run is installed as tug-run.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/run"
)

func main() { cli.Main(run.New()) }
