// SPDX-License-Identifier: Apache-2.0

// Command umount is tug-umount.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/umount"
)

func main() { cli.Main(umount.New()) }
