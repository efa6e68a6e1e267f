// SPDX-License-Identifier: Apache-2.0

// Command logout is installed as tug-logout.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/logout"
)

func main() { cli.Main(logout.New()) }
