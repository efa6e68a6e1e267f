// SPDX-License-Identifier: Apache-2.0

// Command monitor is installed as tug-monitor. It is started by tug-run and
// tug-start, and by nobody else.
package main

import (
	"os"

	"github.com/tug-containers/tug/internal/keeper"
)

func main() { os.Exit(keeper.Main()) }
