// SPDX-License-Identifier: Apache-2.0

// Command inspect-remote is installed as tug-inspect-remote.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/inspectremote"
)

func main() { cli.Main(inspectremote.New()) }
