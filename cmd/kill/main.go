// SPDX-License-Identifier: Apache-2.0

// Command kill is tug-kill.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/kill"
)

func main() { cli.Main(kill.New()) }
