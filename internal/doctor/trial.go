// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// TrialVerb is the first argument of the process that makes a trial, instead of
// us: mounts and namespaces are a process's, and a Go program has threads.
const TrialVerb = "trial"

// The trials, and what comes after their name: a directory and "root" or "user";
// the name of a runtime.
const (
	trialOverlay = "overlay"
	TrialRuntime = "runtime"
)

// Trial is that process. words are what follows TrialVerb.
func (v *View) Trial(ctx context.Context, words []string) error {
	switch {
	case len(words) == 3 && words[0] == trialOverlay:
		return tryOverlay(words[1], words[2] == "user")
	case len(words) == 2 && words[0] == TrialRuntime:
		found, err := v.examineRuntime(ctx, words[1])
		if err == nil {
			err = found[0].Err
		}
		return err
	}
	return errors.New("internal error: no such trial")
}

func tryOverlay(dir string, user bool) error {
	// Nobody's mounts but our own are made private.
	ours, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	// From a user namespace of our own we may not even look at our parent's.
	if theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", os.Getppid())); ours == theirs || err != nil && os.Getppid() == 0 {
		return errors.New("internal error: a trial has mounts of its own")
	}
	return mountOverlay(dir, user)
}

const trialTimeout = 30 * time.Second

// inNamespaces makes a trial in a directory. The error is what the process said.
func (v *View) inNamespaces(ctx context.Context, trial, dir string) error {
	who := "root"
	if !v.root() {
		who = "user"
	}
	return v.inProcess(ctx, v.ownNamespaces(), trial, dir, who)
}

// inProcess starts the process of a trial.
func (v *View) inProcess(ctx context.Context, attr *syscall.SysProcAttr, words ...string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	if self, err := os.Executable(); err == nil {
		cmd.Path = self // as nsenter(1) can execute it
	}
	cmd.Args = append([]string{"tug-doctor"}, v.globals...)
	cmd.Args = append(append(cmd.Args, TrialVerb), words...)
	cmd.SysProcAttr = attr
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	if text := strings.TrimPrefix(strings.TrimSpace(said.String()), "Error: "); err != nil && text != "" {
		return errors.New(text)
	}
	return err
}
