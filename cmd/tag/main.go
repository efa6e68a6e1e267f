// SPDX-License-Identifier: Apache-2.0

// Command tag is tug-tag.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/tag"
)

func main() { cli.Main(tag.New()) }
