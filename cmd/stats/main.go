// SPDX-License-Identifier: Apache-2.0

// Command stats is tug-stats.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/stats"
)

func main() { cli.Main(stats.New()) }
