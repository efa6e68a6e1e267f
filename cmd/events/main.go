// SPDX-License-Identifier: Apache-2.0

// Command events is tug-events.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/events"
)

func main() { cli.Main(events.New()) }
