// SPDX-License-Identifier: Apache-2.0

// Command update is tug-update.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/update"
)

func main() { cli.Main(update.New()) }
