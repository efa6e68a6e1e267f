// SPDX-License-Identifier: Apache-2.0

// Command tug-auto-update restarts units whose containers have newer images.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/autoupdate"
)

func main() { cli.Main(autoupdate.New()) }
