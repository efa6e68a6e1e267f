// SPDX-License-Identifier: Apache-2.0

// Command logs is tug-logs.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/logs"
)

func main() { cli.Main(logs.New()) }
