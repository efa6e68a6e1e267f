// SPDX-License-Identifier: Apache-2.0

// Package rmi is the command tug-rmi: it removes images from the store.
package rmi

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	all, force, ignore, noPrune bool
}

// The exit codes of rmi that are not 125.
const (
	exitMissing = 1
	exitInUse   = 2
)

// New makes the command.
func New() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "tug-rmi [OPTION]... IMAGE...",
		Short: "Remove images from the store",
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(globals)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Remove all images")
	f.BoolVarP(&o.force, "force", "f", false, "Remove an image with several names by its ID; a missing image is no error")
	f.BoolVarP(&o.ignore, "ignore", "i", false, "A missing image is no error")
	f.BoolVar(&o.noPrune, "no-prune", false, "Keep the nameless images that a removed one was made from")
	cmd.Args = cli.Usage(func(_ *cobra.Command, args []string) error {
		switch {
		case o.all && len(args) > 0:
			return errors.New("--all takes no image")
		case !o.all && len(args) == 0:
			return errors.New("name an image, or give --all")
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd, globals.Store(), o, args)
	}
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, o options, names []string) error {
	ctx, stdout := cmd.Context(), cmd.OutOrStdout()
	s, err := libstorage.Open(ctx, opts)
	if err != nil {
		return err
	}
	defer s.Close()
	// The image of a container whose command was killed is not in use.
	if err := launch.Sweep(ctx, s); err != nil {
		logrus.Debugf("sweep: %v", err)
	}
	var errs []error
	if o.all {
		errs = removeAll(ctx, s, stdout, o)
	} else {
		errs = removeNamed(ctx, s, stdout, o, names)
	}
	if len(errs) == 0 {
		return nil
	}
	// The last one is reported with the exit code.
	for _, err := range errs[:len(errs)-1] {
		cli.Report(cmd, err)
	}
	return &cli.ExitError{Code: exitCode(errs), Err: errs[len(errs)-1]}
}

func removeNamed(ctx context.Context, s *libstorage.Store, stdout io.Writer, o options, names []string) []error {
	var errs []error
	for _, name := range names {
		removed, err := s.Remove(ctx, name, libstorage.RemoveOptions{Force: o.force, NoPrune: o.noPrune})
		if printErr := report(stdout, removed); printErr != nil {
			return append(errs, printErr)
		}
		if err != nil && !((o.ignore || o.force) && errors.Is(err, libstorage.ErrImageUnknown)) {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return errs
		}
	}
	return errs
}

// removeAll removes what can be removed of the store itself: additional
// stores are not its own.
func removeAll(ctx context.Context, s *libstorage.Store, stdout io.Writer, o options) []error {
	images, err := s.Images(ctx)
	if err != nil {
		return []error{err}
	}
	var names []string
	for _, img := range images {
		if !img.ReadOnly || s.ReadOnly() {
			names = append(names, img.ID)
		}
	}
	// An image may go with one that was made from it.
	return removeNamed(ctx, s, stdout, options{force: true, noPrune: o.noPrune}, names)
}

func report(w io.Writer, removed libstorage.Removed) error {
	for _, name := range removed.Untagged {
		if _, err := fmt.Fprintf(w, "Untagged: %s\n", cli.Printable(name)); err != nil {
			return err
		}
	}
	for _, id := range removed.Deleted {
		if _, err := fmt.Fprintf(w, "Deleted: %s\n", id); err != nil {
			return err
		}
	}
	return nil
}

// exitCode is 1 when images were only missing, 2 when some were in use, and
// 125 when there was anything else.
func exitCode(errs []error) int {
	code := exitMissing
	for _, err := range errs {
		switch {
		case errors.Is(err, libstorage.ErrImageInUse):
			code = exitInUse
		case !errors.Is(err, libstorage.ErrImageUnknown):
			return cli.ExitCode(cli.Podman, errclass.Internal)
		}
	}
	return code
}
