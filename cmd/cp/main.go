// SPDX-License-Identifier: Apache-2.0

// Command cp is installed as tug-cp.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/cp"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Main(cp.New())
}
