// SPDX-License-Identifier: Apache-2.0

// Command commit is installed as tug-commit.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/commit"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Main(commit.New())
}
