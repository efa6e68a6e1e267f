// SPDX-License-Identifier: Apache-2.0

// Command images is all the commands that move images: make install links it
// to each of their names.
package main

import (
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/commit"
	"github.com/tug-containers/tug/internal/command/copy"
	"github.com/tug-containers/tug/internal/command/cp"
	"github.com/tug-containers/tug/internal/command/export"
	"github.com/tug-containers/tug/internal/command/importer"
	"github.com/tug-containers/tug/internal/command/inspectremote"
	"github.com/tug-containers/tug/internal/command/load"
	"github.com/tug-containers/tug/internal/command/login"
	"github.com/tug-containers/tug/internal/command/logout"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/internal/command/push"
	"github.com/tug-containers/tug/internal/command/save"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Family(map[string]func() *cobra.Command{
		"cp":             cp.New,
		"import":         importer.New,
		"export":         export.New,
		"commit":         commit.New,
		"save":           save.New,
		"push":           push.New,
		"load":           load.New,
		"copy":           copy.New,
		"inspect-remote": inspectremote.New,
		"login":          login.New,
		"logout":         logout.New,
		"pull":           pull.New,
	})
}
