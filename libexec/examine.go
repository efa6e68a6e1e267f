// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// An Examined runtime is one that is installed, and what a trial of it showed.
type Examined struct {
	*Runtime
	// Err says why it cannot run a container here; nil when it can.
	Err error
}

// Examine finds every runtime that FindRuntime could choose, and with try tries
// it anew: nothing is remembered, and no memory asked. One that was asked for, and is not there, is an
// error; one of the usual ones is left out.
func Examine(ctx context.Context, opts RuntimeOptions, try bool) ([]Examined, error) {
	name := opts.Name
	if name == "" {
		name = opts.Config.Runtime
	}
	names := candidates[:]
	if name != "" {
		names = []string{name}
	}
	var found []Examined
	var unusable error
	for _, candidate := range names {
		r, err := opts.named(candidate)
		switch {
		case errors.Is(err, ErrRuntimeNotFound) && name == "":
			continue
		case err != nil:
			unusable = err
			continue
		case try:
			err = r.try(ctx, trial{})
		}
		found = append(found, Examined{r, err})
	}
	if found != nil {
		return found, nil
	}
	return nil, unusable
}

// Version is what the runtime says when it is asked for its version, some lines;
// empty when there is no answer.
func (r *Runtime) Version(ctx context.Context) string {
	output, err := memoryFile()
	if err != nil {
		return ""
	}
	defer output.Close()
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := r.command()
	cmd.Args, cmd.Stdout = []string{r.Path, "--version"}, output
	if start(cmd) != nil {
		return ""
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if cmd.Wait() != nil {
		return ""
	}
	return strings.TrimSpace(string(tail(output)))
}

// Outdated says of the runtime what Advice says, whenever it is asked.
func (r *Runtime) Outdated(ctx context.Context) string {
	low, known := floors[r.Name]
	if !known {
		return ""
	}
	version := r.version(ctx)
	if version == "" || !low.below(version) {
		return ""
	}
	return fmt.Sprintf("its version is %s, and %s are mended since %s, unless the distribution has mended them here",
		version, low.holes, strings.Join(low.mended, ", "))
}
