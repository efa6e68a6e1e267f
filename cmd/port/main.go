// SPDX-License-Identifier: Apache-2.0

// Command port is tug-port.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/port"
)

func main() { cli.Main(port.New()) }
