// SPDX-License-Identifier: Apache-2.0

// Command unpause is tug-unpause.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/unpause"
)

func main() { cli.Main(unpause.New()) }
