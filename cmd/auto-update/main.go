// SPDX-License-Identifier: Apache-2.0

// Command tug-auto-update restarts units whose containers have newer images.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/autoupdate"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Main(autoupdate.New())
}
