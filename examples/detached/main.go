// SPDX-License-Identifier: Apache-2.0

// Command detached starts a command in a directory that has a root file system, and
// ends; the command lives on under tug-monitor, and can be come back to.
//
//	detached start MONITOR DIR ROOTFS COMMAND [ARGUMENT]...
//	detached attach DIR
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
)

func main() {
	var code int
	var err error
	switch args := os.Args[1:]; {
	case len(args) >= 5 && args[0] == "start":
		err = start(context.Background(), args[1], args[2], args[3], args[4:])
	case len(args) == 2 && args[0] == "attach":
		code, err = attach(context.Background(), args[1])
	default:
		err = errors.New("usage: detached start MONITOR DIR ROOTFS COMMAND [ARGUMENT]... | attach DIR")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 125
	}
	os.Exit(code)
}

// start makes dir, which is what there is of the container: its bundle, its log, and
// what the monitor notes of its life.
func start(ctx context.Context, program, dir, rootfs string, command []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	id := filepath.Base(dir)
	image := &v1.ImageConfig{Env: []string{"PATH=/bin:/usr/bin"}}
	spec, err := libexec.NewSpec(rootfs, image, libexec.Options{
		ID: id, RunDir: dir,
		Command: command,
		Network: libexec.Namespace{Mode: libexec.NoneMode},
	})
	if err != nil {
		return err
	}
	config, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		return err
	}
	runtime, err := libexec.FindRuntime(ctx, libexec.RuntimeOptions{
		StateDir: filepath.Join(dir, "runtime"),
		Path:     os.Getenv("PATH"),
		Env:      libexec.RuntimeEnv(os.Environ()),
	})
	if err != nil {
		return err
	}
	process, err := runtime.Monitor(ctx, libexec.Container{ID: id, Bundle: dir}, libexec.MonitorOptions{
		Program: program,
		Config: monitor.Config{
			Name: id, Dir: dir, Starts: 1,
			Stdin: true, StdinOnce: true, // it waits for who comes with input
			Log:        monitor.Log{Driver: monitor.LogFile, Path: filepath.Join(dir, "log"), MaxSize: 1 << 20, MaxFiles: 2},
			StopSignal: int(syscall.SIGTERM), StopTimeout: 10 * time.Second,
		},
		User: &spec.Process.User, Args: spec.Process.Args,
	})
	if err != nil {
		return err
	}
	fmt.Println(process.Pid)
	return nil
}

// attach gives our input to a container that runs, and its output from now on to us,
// and returns with its exit code.
func attach(ctx context.Context, dir string) (code int, err error) {
	conn, _, err := monitor.Attach(ctx, dir, monitor.Hello{Input: true, Output: true})
	if err != nil {
		return 0, err
	}
	end, err := libexec.Follow(ctx, conn, libexec.FollowOptions{
		Stdio: libexec.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr},
	})
	if err == nil && end.Code == nil {
		err = errors.New("nobody knows how it ended")
	}
	if err != nil {
		return 0, err
	}
	return *end.Code, nil
}
