// SPDX-License-Identifier: Apache-2.0

// Command unit is tug-unit, which makes systemd units of container files.
package main

import (
	"os"

	"github.com/tug-containers/tug/internal/command/unit"
)

func main() { os.Exit(unit.Main(os.Args, os.Stdout, os.Stderr)) }
