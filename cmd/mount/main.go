// SPDX-License-Identifier: Apache-2.0

// Command mount is tug-mount.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/mount"
)

func main() { cli.Main(mount.New()) }
