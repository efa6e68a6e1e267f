// SPDX-License-Identifier: Apache-2.0

// Command healthcheck is tug-healthcheck.
package main

import (
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/healthcheck"
)

func main() { cli.Main(healthcheck.New()) }
