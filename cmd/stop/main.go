// SPDX-License-Identifier: Apache-2.0

// Command stop is tug-stop.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/stop"
)

func main() { cli.Main(stop.New()) }
