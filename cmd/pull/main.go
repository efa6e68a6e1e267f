// SPDX-License-Identifier: Apache-2.0

// Command pull is installed as tug-pull.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Main(pull.New())
}
