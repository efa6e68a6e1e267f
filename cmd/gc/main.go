// SPDX-License-Identifier: Apache-2.0

// Command gc is tug-gc.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/gc"
)

func main() { cli.Main(gc.New()) }
