// SPDX-License-Identifier: Apache-2.0

// Command rmi is tug-rmi.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/rmi"
)

func main() { cli.Main(rmi.New()) }
