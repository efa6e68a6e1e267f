// SPDX-License-Identifier: Apache-2.0

// Package pull is the command tug-pull.
package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/progress"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals    *cli.Globals
	access     *access.Flags
	platform   access.Platform
	allTags    bool
	policy     string
	progress   *progress.Flags
	retry      int
	retryDelay time.Duration
	parallel   uint
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-pull [OPTION]... IMAGE...",
		Short: "Pull images from a registry into the store",
		Long: `Pull images from a registry, a directory or an archive into the store.
The full ID of each image is printed on stdout, and nothing else.`,
		Args: cli.Usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(o.globals)
	o.access = access.Add(cmd)
	o.platform.Add(cmd)
	f := cmd.Flags()
	f.BoolVarP(&o.allTags, "all-tags", "a", false, "Pull all tags of the repository")
	f.StringVar(&o.policy, "policy", "always", "`WHEN` to ask the registry: always, missing, newer, never")
	o.progress = progress.AddFlags(f)
	f.IntVar(&o.retry, "retry", 3, "How often to try again after what may pass")
	f.DurationVar(&o.retryDelay, "retry-delay", 0, "Pause before trying again (default: one second, doubled each time)")
	f.UintVar(&o.parallel, "parallel", 0, "How many blobs to fetch at once (default: one more than there are cores, 6 at most)")
	return cmd
}

func (o *options) run(cmd *cobra.Command, names []string) (err error) {
	ctx, stdout, stderr := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	opts, err := o.parse(stderr)
	if err != nil {
		return err
	}
	display, err := o.progress.Display(stderr, o.globals.ErrorFormat, "Pulling")
	if err != nil {
		return err
	}
	defer display.Close()
	opts.Progress = display.Event
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	// One that fails does not keep the others away, and the last error is the
	// command's.
	for _, name := range names {
		failed := o.pull(ctx, store, name, opts, stdout)
		if failed != nil && err != nil {
			cli.Report(cmd, err)
		}
		if failed != nil {
			err = failed
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (o *options) pull(ctx context.Context, store *libstorage.Store, name string, opts libimage.PullOptions, stdout io.Writer) error {
	if !o.allTags {
		images, ok, err := libimage.PullArchive(ctx, store, name, opts)
		for _, got := range images {
			if _, err := fmt.Fprintln(stdout, got.ID); err != nil {
				return err
			}
		}
		if ok || err != nil {
			return err
		}
		got, err := libimage.Pull(ctx, store, name, opts)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, got.ID)
		return err
	}
	all, err := libimage.PullAll(ctx, store, name, opts)
	for _, got := range all {
		if _, err := fmt.Fprintln(stdout, got.ID); err != nil {
			return err
		}
	}
	return err
}

func (o *options) parse(stderr io.Writer) (opts libimage.PullOptions, err error) {
	if o.retry < 0 || o.retryDelay < 0 {
		return opts, errclass.New(errclass.Usage, "--retry", errors.New("--retry and --retry-delay must not be negative"))
	}
	opts.Retry = libimage.Retry{Times: o.retry, Delay: o.retryDelay}
	opts.Parallel = o.parallel
	if opts.Policy, err = libimage.ParsePullPolicy(o.policy); err != nil {
		return opts, err
	}
	if opts.Platform, err = o.platform.Platform(); err != nil {
		return opts, err
	}
	if err = o.access.CheckAuthFile(); err != nil {
		return opts, err
	}
	opts.Access, err = o.access.Access(stderr)
	return opts, err
}
