// SPDX-License-Identifier: Apache-2.0

// Command login is installed as tug-login.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/login"
)

func main() { cli.Main(login.New()) }
