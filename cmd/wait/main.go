// SPDX-License-Identifier: Apache-2.0

// Command wait is tug-wait.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/wait"
)

func main() { cli.Main(wait.New()) }
