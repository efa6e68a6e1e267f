// SPDX-License-Identifier: Apache-2.0

// Command restart is installed as tug-restart.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/restart"
)

func main() { cli.Main(restart.New()) }
