// SPDX-License-Identifier: Apache-2.0

// Command libexec runs a command in a directory that has a root file system.
//
//	libexec ROOTFS COMMAND [ARGUMENT]...
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/libexec"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: libexec ROOTFS COMMAND [ARGUMENT]...")
		os.Exit(2)
	}
	code, err := run(context.Background(), os.Args[1], os.Args[2:])
	switch {
	case errors.Is(err, libexec.ErrCommandNotFound):
		code = 127
	case errors.Is(err, libexec.ErrCommandNotExecutable):
		code = 126
	case err != nil:
		code = 125
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(ctx context.Context, rootfs string, command []string) (code int, err error) {
	// The bundle is a directory for what belongs to this container alone.
	bundle, err := os.MkdirTemp("", "bundle-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bundle)) }()
	id := filepath.Base(bundle)

	image := &v1.ImageConfig{Env: []string{"PATH=/bin:/usr/bin"}}
	spec, err := libexec.NewSpec(rootfs, image, libexec.Options{
		ID: id, RunDir: bundle,
		Command: command,
		CapDrop: []string{"ALL"},
		Network: libexec.Namespace{Mode: libexec.NoneMode},
	})
	if err != nil {
		return 0, err
	}
	config, err := json.Marshal(spec)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o600); err != nil {
		return 0, err
	}

	runtime, err := libexec.FindRuntime(ctx, libexec.RuntimeOptions{
		StateDir: filepath.Join(bundle, "runtime"),
		Path:     os.Getenv("PATH"),
		Env:      libexec.RuntimeEnv(os.Environ()),
	})
	if err != nil {
		return 0, err
	}
	exit, err := runtime.Run(ctx, libexec.Container{ID: id, Bundle: bundle}, libexec.RunOptions{
		Stdio: libexec.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr},
		User:  &spec.Process.User,
	})
	return exit.Code, err
}
