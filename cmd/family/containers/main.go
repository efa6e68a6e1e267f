// SPDX-License-Identifier: Apache-2.0

// Command containers is all the commands that touch running containers, and none
// that moves images: make install links it to each of their names.
package main

import (
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/attach"
	"github.com/tug-containers/tug/internal/command/cleanup"
	"github.com/tug-containers/tug/internal/command/exec"
	"github.com/tug-containers/tug/internal/command/healthcheck"
	"github.com/tug-containers/tug/internal/command/inspect"
	"github.com/tug-containers/tug/internal/command/kill"
	"github.com/tug-containers/tug/internal/command/logs"
	"github.com/tug-containers/tug/internal/command/pause"
	"github.com/tug-containers/tug/internal/command/port"
	"github.com/tug-containers/tug/internal/command/ps"
	"github.com/tug-containers/tug/internal/command/restart"
	"github.com/tug-containers/tug/internal/command/rm"
	"github.com/tug-containers/tug/internal/command/run"
	"github.com/tug-containers/tug/internal/command/start"
	"github.com/tug-containers/tug/internal/command/stop"
	"github.com/tug-containers/tug/internal/command/unpause"
	"github.com/tug-containers/tug/internal/command/version"
	"github.com/tug-containers/tug/internal/command/wait"
	"go.podman.io/storage/pkg/reexec"
)

func main() {
	// Drivers without overlay copy a layer by a worker: this program again.
	if reexec.Init() {
		return
	}
	cli.Family(map[string]func() *cobra.Command{
		"attach":      attach.New,
		"cleanup":     cleanup.New,
		"exec":        exec.New,
		"healthcheck": healthcheck.New,
		"inspect":     inspect.New,
		"kill":        kill.New,
		"logs":        logs.New,
		"pause":       pause.New,
		"port":        port.New,
		"ps":          ps.New,
		"restart":     restart.New,
		"rm":          rm.New,
		"run":         run.New,
		"start":       start.New,
		"stop":        stop.New,
		"unpause":     unpause.New,
		"version":     version.New,
		"wait":        wait.New,
		"create":      run.NewCreate,
	})
}
