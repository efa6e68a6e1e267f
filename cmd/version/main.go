// SPDX-License-Identifier: Apache-2.0

// Command version is installed as tug-version.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/version"
)

func main() { cli.Main(version.New()) }
