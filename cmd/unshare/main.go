// SPDX-License-Identifier: Apache-2.0

// Command unshare is tug-unshare.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/unshare"
)

func main() { cli.Main(unshare.New()) }
