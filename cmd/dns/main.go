// SPDX-License-Identifier: Apache-2.0

// Command dns is installed as tug-dns: the resolver of a network. It is started by
// the commands that start containers, and by nobody else.
package main

import (
	"os"

	"github.com/tug-containers/tug/internal/resolver"
)

func main() { os.Exit(resolver.Main()) }
