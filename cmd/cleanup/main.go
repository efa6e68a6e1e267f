// SPDX-License-Identifier: Apache-2.0

// Command cleanup is installed as tug-cleanup.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/cleanup"
)

func main() { cli.Main(cleanup.New()) }
