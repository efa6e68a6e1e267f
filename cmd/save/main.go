// SPDX-License-Identifier: Apache-2.0

// Command save is tug-save.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/save"
)

func main() { cli.Main(save.New()) }
