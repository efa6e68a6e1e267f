// SPDX-License-Identifier: Apache-2.0

// Command create is installed as tug-create.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/run"
	"go.podman.io/storage/pkg/reexec"
)

func main() {
	// Drivers without overlay copy a layer by a worker: this program again.
	if reexec.Init() {
		return
	}
	cli.Main(run.NewCreate())
}
