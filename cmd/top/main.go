// SPDX-License-Identifier: Apache-2.0

// Command top is tug-top.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/top"
)

func main() { cli.Main(top.New()) }
