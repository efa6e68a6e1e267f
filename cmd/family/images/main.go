// SPDX-License-Identifier: Apache-2.0

// Command images is all the commands that move images: make install links it
// to each of their names.
package main

import (
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/copy"
	"github.com/tug-containers/tug/internal/command/inspectremote"
	"github.com/tug-containers/tug/internal/command/login"
	"github.com/tug-containers/tug/internal/command/logout"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Family(map[string]func() *cobra.Command{
		"copy":           copy.New,
		"inspect-remote": inspectremote.New,
		"login":          login.New,
		"logout":         logout.New,
		"pull":           pull.New,
	})
}
