// SPDX-License-Identifier: Apache-2.0

// Command images is all the commands that move images, or look after the store:
// make install links it to each of their names.
package main

import (
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/autoupdate"
	"github.com/tug-containers/tug/internal/command/commit"
	"github.com/tug-containers/tug/internal/command/copy"
	"github.com/tug-containers/tug/internal/command/cp"
	"github.com/tug-containers/tug/internal/command/df"
	"github.com/tug-containers/tug/internal/command/diff"
	"github.com/tug-containers/tug/internal/command/doctor"
	"github.com/tug-containers/tug/internal/command/events"
	"github.com/tug-containers/tug/internal/command/exists"
	"github.com/tug-containers/tug/internal/command/export"
	"github.com/tug-containers/tug/internal/command/gc"
	"github.com/tug-containers/tug/internal/command/history"
	"github.com/tug-containers/tug/internal/command/images"
	"github.com/tug-containers/tug/internal/command/importer"
	"github.com/tug-containers/tug/internal/command/info"
	"github.com/tug-containers/tug/internal/command/inspectremote"
	"github.com/tug-containers/tug/internal/command/load"
	"github.com/tug-containers/tug/internal/command/login"
	"github.com/tug-containers/tug/internal/command/logout"
	"github.com/tug-containers/tug/internal/command/mount"
	"github.com/tug-containers/tug/internal/command/network"
	"github.com/tug-containers/tug/internal/command/prune"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/internal/command/push"
	"github.com/tug-containers/tug/internal/command/rename"
	"github.com/tug-containers/tug/internal/command/rmi"
	"github.com/tug-containers/tug/internal/command/save"
	"github.com/tug-containers/tug/internal/command/stats"
	"github.com/tug-containers/tug/internal/command/tag"
	"github.com/tug-containers/tug/internal/command/top"
	"github.com/tug-containers/tug/internal/command/umount"
	"github.com/tug-containers/tug/internal/command/unshare"
	"github.com/tug-containers/tug/internal/command/update"
	"github.com/tug-containers/tug/internal/command/volume"
	"github.com/tug-containers/tug/libimage/unpack"
)

func main() {
	if unpack.Init() {
		return
	}
	cli.Family(map[string]func() *cobra.Command{
		"auto-update":    autoupdate.New,
		"commit":         commit.New,
		"copy":           copy.New,
		"cp":             cp.New,
		"df":             df.New,
		"diff":           diff.New,
		"doctor":         doctor.New,
		"events":         events.New,
		"exists":         exists.New,
		"export":         export.New,
		"gc":             gc.New,
		"history":        history.New,
		"images":         images.New,
		"import":         importer.New,
		"info":           info.New,
		"inspect-remote": inspectremote.New,
		"load":           load.New,
		"login":          login.New,
		"logout":         logout.New,
		"mount":          mount.New,
		"network":        network.New,
		"prune":          prune.New,
		"pull":           pull.New,
		"push":           push.New,
		"rename":         rename.New,
		"rmi":            rmi.New,
		"save":           save.New,
		"stats":          stats.New,
		"tag":            tag.New,
		"top":            top.New,
		"umount":         umount.New,
		"unshare":        unshare.New,
		"update":         update.New,
		"volume":         volume.New,
	})
}
