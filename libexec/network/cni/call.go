// SPDX-License-Identifier: Apache-2.0

package cni

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

const longestAnswer = 4 << 20

// environment is what plugins see beside their arguments: they look for programs of
// the system, and know nothing of the caller.
func environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
}

// call has the program do something. When ctx ends, it is killed with the plugins
// that it has started.
func (d Driver) call(ctx context.Context, name string, q Request) (Response, error) {
	q.PluginDirs, q.CacheDir, q.Timeout = d.PluginDirs, filepath.Join(d.RunDir, "cni"), d.Timeout
	if q.Timeout == 0 {
		q.Timeout = DefaultTimeout
	}
	var r Response
	input, err := json.Marshal(q)
	if err != nil {
		return r, err
	}
	if len(d.Program) == 0 {
		return r, errclass.New(errclass.Unsupported, name, fmt.Errorf("network %s: nothing here starts plugins of CNI", name))
	}
	cmd := exec.CommandContext(ctx, d.Program[0], d.Program[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin = environment(), "/", bytes.NewReader(input)
	stdout, stderr := &Bounded{Limit: longestAnswer}, &Bounded{Limit: 4096}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// It kills what it has started; and a signal from the terminal is ours to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if uerr := json.Unmarshal(stdout.Bytes(), &r); uerr != nil {
		if err == nil {
			err = uerr
		}
		words := strings.Join(strings.Fields(string(stderr.Bytes())), " ")
		return r, errclass.New(errclass.Internal, name, fmt.Errorf("network %s: %s: %w: %s", name, strings.Join(d.Program, " "), err, words))
	}
	if r.Message != "" {
		return r, errclass.New(r.Class, name, fmt.Errorf("network %s: %w", name, errors.New(r.Message)))
	}
	return r, nil
}

// Bounded keeps the first bytes of an output, and takes no more: who writes more
// gets an error.
type Bounded struct {
	Limit int
	buf   bytes.Buffer
}

// Write keeps p, if there is room for all of it.
func (b *Bounded) Write(p []byte) (int, error) {
	room := b.Limit - b.buf.Len()
	if len(p) > room {
		b.buf.Write(p[:room])
		return room, fmt.Errorf("more than %d bytes", b.Limit)
	}
	return b.buf.Write(p)
}

// Bytes are what was kept.
func (b *Bounded) Bytes() []byte { return b.buf.Bytes() }

// sameMAC does not mind how they are written.
func sameMAC(a, b string) bool {
	x, err := net.ParseMAC(a)
	y, yerr := net.ParseMAC(b)
	return err == nil && yerr == nil && bytes.Equal(x, y)
}
