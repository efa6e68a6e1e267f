// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"sort"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/command/attach"
	"github.com/tug-containers/tug/internal/command/autoupdate"
	"github.com/tug-containers/tug/internal/command/cleanup"
	"github.com/tug-containers/tug/internal/command/commit"
	"github.com/tug-containers/tug/internal/command/copy"
	"github.com/tug-containers/tug/internal/command/cp"
	"github.com/tug-containers/tug/internal/command/df"
	"github.com/tug-containers/tug/internal/command/diff"
	"github.com/tug-containers/tug/internal/command/doctor"
	"github.com/tug-containers/tug/internal/command/events"
	"github.com/tug-containers/tug/internal/command/exec"
	"github.com/tug-containers/tug/internal/command/exists"
	"github.com/tug-containers/tug/internal/command/export"
	"github.com/tug-containers/tug/internal/command/gc"
	"github.com/tug-containers/tug/internal/command/healthcheck"
	"github.com/tug-containers/tug/internal/command/history"
	"github.com/tug-containers/tug/internal/command/images"
	"github.com/tug-containers/tug/internal/command/importer"
	"github.com/tug-containers/tug/internal/command/info"
	"github.com/tug-containers/tug/internal/command/inspect"
	"github.com/tug-containers/tug/internal/command/inspectremote"
	"github.com/tug-containers/tug/internal/command/kill"
	"github.com/tug-containers/tug/internal/command/load"
	"github.com/tug-containers/tug/internal/command/login"
	"github.com/tug-containers/tug/internal/command/logout"
	"github.com/tug-containers/tug/internal/command/logs"
	"github.com/tug-containers/tug/internal/command/mount"
	"github.com/tug-containers/tug/internal/command/network"
	"github.com/tug-containers/tug/internal/command/pause"
	"github.com/tug-containers/tug/internal/command/port"
	"github.com/tug-containers/tug/internal/command/prune"
	"github.com/tug-containers/tug/internal/command/ps"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/internal/command/push"
	"github.com/tug-containers/tug/internal/command/rename"
	"github.com/tug-containers/tug/internal/command/restart"
	"github.com/tug-containers/tug/internal/command/rm"
	"github.com/tug-containers/tug/internal/command/rmi"
	"github.com/tug-containers/tug/internal/command/run"
	"github.com/tug-containers/tug/internal/command/save"
	"github.com/tug-containers/tug/internal/command/start"
	"github.com/tug-containers/tug/internal/command/stats"
	"github.com/tug-containers/tug/internal/command/stop"
	"github.com/tug-containers/tug/internal/command/tag"
	"github.com/tug-containers/tug/internal/command/top"
	"github.com/tug-containers/tug/internal/command/umount"
	"github.com/tug-containers/tug/internal/command/unit"
	"github.com/tug-containers/tug/internal/command/unpause"
	"github.com/tug-containers/tug/internal/command/unshare"
	"github.com/tug-containers/tug/internal/command/update"
	"github.com/tug-containers/tug/internal/command/version"
	"github.com/tug-containers/tug/internal/command/volume"
	"github.com/tug-containers/tug/internal/command/wait"
)

// Commands are the programs that have a page, by verb, as they are built.
func Commands() map[string]*cobra.Command {
	commands := map[string]*cobra.Command{
		"healthcheck":    healthcheck.New(),
		"stats":          stats.New(),
		"events":         events.New(),
		"port":           port.New(),
		"top":            top.New(),
		"update":         update.New(),
		"kill":           kill.New(),
		"logs":           logs.New(),
		"pause":          pause.New(),
		"ps":             ps.New(),
		"cp":             cp.New(),
		"import":         importer.New(),
		"export":         export.New(),
		"exec":           exec.New(),
		"exists":         exists.New(),
		"auto-update":    autoupdate.New(),
		"commit":         commit.New(),
		"rm":             rm.New(),
		"save":           save.New(),
		"push":           push.New(),
		"load":           load.New(),
		"restart":        restart.New(),
		"doctor":         doctor.New(),
		"info":           info.New(),
		"unshare":        unshare.New(),
		"history":        history.New(),
		"create":         run.NewCreate(),
		"start":          start.New(),
		"cleanup":        cleanup.New(),
		"attach":         attach.New(),
		"copy":           copy.New(),
		"images":         images.New(),
		"inspect":        inspect.New(),
		"run":            run.New(),
		"inspect-remote": inspectremote.New(),
		"login":          login.New(),
		"logout":         logout.New(),
		"pull":           pull.New(),
		"rmi":            rmi.New(),
		"stop":           stop.New(),
		"tag":            tag.New(),
		"unpause":        unpause.New(),
		"version":        version.New(),
		"diff":           diff.New(),
		"volume":         volume.New(),
		"mount":          mount.New(),
		"umount":         umount.New(),
		"unit":           unit.New(),
		"rename":         rename.New(),
		"df":             df.New(),
		"gc":             gc.New(),
		"network":        network.New(),
		"prune":          prune.New(),
		"wait":           wait.New(),
	}
	for _, cmd := range commands {
		cmd.InitDefaultHelpFlag()
		for _, sub := range cmd.Commands() {
			sub.InitDefaultHelpFlag()
		}
	}
	return commands
}

// Verbs are the names of Commands in order.
func Verbs() []string {
	var verbs []string
	for verb := range Commands() {
		verbs = append(verbs, verb)
	}
	sort.Strings(verbs)
	return verbs
}
