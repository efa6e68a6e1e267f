// SPDX-License-Identifier: Apache-2.0

// Command attach is installed as tug-attach.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/attach"
)

func main() { cli.Main(attach.New()) }
