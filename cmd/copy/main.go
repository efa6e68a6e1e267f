// SPDX-License-Identifier: Apache-2.0

// Command copy is installed as tug-copy.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/copy"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Main(copy.New())
}
