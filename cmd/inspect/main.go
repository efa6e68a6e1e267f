// SPDX-License-Identifier: Apache-2.0

// Command inspect is tug-inspect.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/inspect"
)

func main() { cli.Main(inspect.New()) }
