// SPDX-License-Identifier: Apache-2.0

// Command rm is tug-rm.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/rm"
)

func main() { cli.Main(rm.New()) }
