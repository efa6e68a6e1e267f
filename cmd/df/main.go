// SPDX-License-Identifier: Apache-2.0

// Command df is tug-df.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/df"
)

func main() { cli.Main(df.New()) }
