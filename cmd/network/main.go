// SPDX-License-Identifier: Apache-2.0

// Command network is tug-network.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/network"
)

func main() { cli.Main(network.New()) }
