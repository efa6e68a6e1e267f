// SPDX-License-Identifier: Apache-2.0

// Command info is tug-info.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/info"
)

func main() { cli.Main(info.New()) }
