// SPDX-License-Identifier: Apache-2.0

// Command volume is tug-volume.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/volume"
)

func main() { cli.Main(volume.New()) }
