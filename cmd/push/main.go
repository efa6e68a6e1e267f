// SPDX-License-Identifier: Apache-2.0

// Command push is tug-push.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/push"
)

func main() { cli.Main(push.New()) }
