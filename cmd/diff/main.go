// SPDX-License-Identifier: Apache-2.0

// Command diff is tug-diff.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/diff"
)

func main() { cli.Main(diff.New()) }
