// SPDX-License-Identifier: Apache-2.0

// Command rename is tug-rename.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/rename"
)

func main() { cli.Main(rename.New()) }
