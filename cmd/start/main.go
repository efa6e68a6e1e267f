// SPDX-License-Identifier: Apache-2.0

// Command start is installed as tug-start.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/start"
)

func main() { cli.Main(start.New()) }
