// SPDX-License-Identifier: Apache-2.0

package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// workers is how many containers are worked on at once. Most of the time that
// is waiting.
const workers = 32

// Run opens the store and calls do for each container that is meant, as Each does.
// Of All, one that is in no state for it (launch.ErrState) is left out.
func (s *Selection) Run(cmd *cobra.Command, where libstorage.Options, args []string,
	do func(ctx context.Context, store *libstorage.Store, t *Target) error) (err error) {
	where.ContainersOnly = true
	store, err := libstorage.Open(cmd.Context(), where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	targets, err := s.Targets(cmd.Context(), store, args)
	if err != nil {
		return err
	}
	errs := Each(cmd, targets, func(ctx context.Context, t *Target) error {
		err := do(ctx, store, t)
		if s.All && errors.Is(err, launch.ErrState) {
			t.Result, err = "", nil
		}
		return err
	})
	return Failure(cmd, errs, nil)
}

// Each calls do for every target, many at once. For those without an error it
// prints Result on stdout, a line each, in the order of the targets, as soon as
// all before it are done. The errors are in that order too.
//
// do is called for a target that was not found as well. A container that is
// named twice is worked on once, and reported twice.
func Each(cmd *cobra.Command, targets []Target, do func(ctx context.Context, t *Target) error) []error {
	ctx := cmd.Context()
	jobs := make([]*job, len(targets))
	known := map[string]*job{}
	free := make(chan struct{}, workers)
	for i := range targets {
		t := &targets[i]
		if j := known[t.Info.Record.ID]; j != nil && t.Err == nil {
			jobs[i] = j
			continue
		}
		j := &job{target: t, done: make(chan struct{})}
		jobs[i], known[t.Info.Record.ID] = j, j
		go func() {
			defer close(j.done)
			free <- struct{}{}
			defer func() { <-free }()
			if j.err = context.Cause(ctx); j.err == nil {
				j.err = do(ctx, t)
			}
		}()
	}
	var errs []error
	for i, j := range jobs {
		<-j.done
		if j.err != nil {
			errs = append(errs, j.err)
			continue
		}
		line := j.target.Result
		if line == j.target.Name {
			line = targets[i].Name
		}
		if line == "" {
			continue
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), cli.Printable(line)); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// job is the work on one container.
type job struct {
	target *Target
	err    error
	done   chan struct{}
}

// Failure reports all errors, and makes the last one end the command, with the
// highest code: what codes gives, or 125 where it is 0 or nil. That a signal
// ended the command goes before all that.
func Failure(cmd *cobra.Command, errs []error, codes func(error) int) error {
	if len(errs) == 0 {
		return nil
	}
	if cause := context.Cause(cmd.Context()); cause != nil {
		return cause
	}
	code := 0
	for i, err := range errs {
		if i < len(errs)-1 {
			cli.Report(cmd, err)
		}
		own := 0
		if codes != nil {
			own = codes(err)
		}
		if own == 0 {
			own = cli.ExitCode(cli.Podman, err)
		}
		code = max(code, own)
	}
	return &cli.ExitError{Code: code, Err: errs[len(errs)-1]}
}
