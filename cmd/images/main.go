// SPDX-License-Identifier: Apache-2.0

// Command images is tug-images.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/images"
)

func main() { cli.Main(images.New()) }
