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
	"time"
)

// TrialVerb is the first argument of the process that makes a trial, instead of
// us: mounts and namespaces are a process's, and a Go program has threads.
const TrialVerb = "trial"

const trialOverlay = "overlay"

// Trial is that process. words are what follows TrialVerb.
func Trial(words []string) error {
	if len(words) != 3 || words[0] != trialOverlay {
		return errors.New("internal error: no such trial")
	}
	// Nobody's mounts but our own are made private.
	ours, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	// From a user namespace of our own we may not even look at our parent's.
	if theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", os.Getppid())); ours == theirs || err != nil && os.Getppid() == 0 {
		return errors.New("internal error: a trial has mounts of its own")
	}
	return mountOverlay(words[1], words[2] == "user")
}

const trialTimeout = 30 * time.Second

// inNamespaces makes a trial in a directory. The error is what the process said.
func (v *View) inNamespaces(ctx context.Context, trial, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	who := "root"
	if !v.root() {
		who = "user"
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{"tug-doctor", TrialVerb, trial, dir, who}
	cmd.SysProcAttr = v.ownNamespaces()
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	if text := strings.TrimPrefix(strings.TrimSpace(said.String()), "Error: "); err != nil && text != "" {
		return errors.New(text)
	}
	return err
}
