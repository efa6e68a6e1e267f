// SPDX-License-Identifier: Apache-2.0

// Command prune is tug-prune.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/prune"
)

func main() { cli.Main(prune.New()) }
