// SPDX-License-Identifier: Apache-2.0

// Command exec is installed as tug-exec.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/exec"
)

func main() { cli.Main(exec.New()) }
