// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec/network/cni"
	"golang.org/x/sys/unix"
)

const longestResult = 1 << 20

// executor is libcni's way to a plugin, with bounds.
type executor struct {
	version.PluginDecoder
	timeout time.Duration
	hung    bool // one was killed
}

// FindInPath finds the file of a plugin.
func (e *executor) FindInPath(plugin string, dirs []string) (string, error) {
	var there []string
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			there = append(there, dir)
		}
	}
	path, err := invoke.FindInPath(plugin, there)
	if err != nil {
		err = errclass.New(errclass.NotFound, plugin, fmt.Errorf("no such plugin in %s", strings.Join(dirs, ", ")))
	}
	return path, err
}

// ExecPlugin runs a plugin in a group of its own, and kills the group of one that
// takes too long.
func (e *executor) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, path)
	cmd.Env, cmd.Stdin = environ, bytes.NewReader(stdin)
	stdout, stderr := &cni.Bounded{Limit: longestResult}, &cni.Bounded{Limit: 4096}
	cmd.Stdout, cmd.Stderr = stdout, stderr

	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case limited.Err() != nil:
		e.hung = true
		return nil, errclass.New(errclass.Internal, path, fmt.Errorf("%s has not ended within %s, and was killed", path, e.timeout))
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // a child of its keeps the pipe open; it has said what it had to
	}
	if err != nil {
		return nil, failure(path, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// failure is what a plugin says of itself, on stdout as the specification has it, or
// what can be had.
func failure(path string, err error, stdout, stderr []byte) error {
	var said types.Error
	if json.Unmarshal(stdout, &said) == nil && said.Msg != "" {
		return errclass.New(errclass.Internal, path, &said)
	}
	const enough = 300
	words := strings.Join(strings.Fields(string(append(bytes.Clone(stderr), stdout...))), " ")
	if words == "" {
		words = "it has said nothing"
	}
	return errclass.New(errclass.Internal, path, fmt.Errorf("%s: %w: %s", path, err, words[:min(enough, len(words))]))
}
