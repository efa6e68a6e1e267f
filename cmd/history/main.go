// SPDX-License-Identifier: Apache-2.0

// Command history is tug-history.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/history"
)

func main() { cli.Main(history.New()) }
