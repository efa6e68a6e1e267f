// SPDX-License-Identifier: Apache-2.0

// Command pause is tug-pause.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/pause"
)

func main() { cli.Main(pause.New()) }
