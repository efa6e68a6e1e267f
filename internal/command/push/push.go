// SPDX-License-Identifier: Apache-2.0

// Package push is the command tug-push.
package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/progress"
	"github.com/tug-containers/tug/internal/signing"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals    *cli.Globals
	access     *access.Flags
	progress   *progress.Flags
	signing    *signing.Flags
	copy       libimage.CopyOptions
	digestFile string
	level      int
	levelSet   func() bool
	retry      int
	retryDelay time.Duration
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-push [OPTION]... IMAGE [DESTINATION]",
		Short: "Push an image from the store to a registry",
		Args:  cli.Usage(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.InOrStdin(), cmd.ErrOrStderr())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(o.globals)
	o.access = access.Add(cmd)
	f := cmd.Flags()
	o.progress = progress.AddFlags(f)
	f.BoolVar(&o.copy.Compress, "compress", false, "Compress the layers in a directory (dir:) too")
	f.StringVar(&o.copy.CompressFormat, "compression-format", "", "`COMPRESSION` of the layers: gzip, zstd, zstd:chunked")
	f.IntVar(&o.level, "compression-level", 0, "Level of that compression")
	f.StringVar(&o.digestFile, "digestfile", "", "Write the digest of the pushed manifest to `FILE`")
	f.StringVarP(&o.copy.Format, "format", "f", "", "`FORM` of the manifest: oci, v2s1, v2s2 (default: the image's own)")
	f.BoolVar(&o.copy.RemoveSignatures, "remove-signatures", false, "Leave the signatures behind")
	o.signing = signing.AddFlags(f)
	f.IntVar(&o.retry, "retry", 3, "How often to try again after what may pass")
	f.DurationVar(&o.retryDelay, "retry-delay", 0, "Pause before trying again (default: one second, doubled each time)")
	o.levelSet = func() bool { return f.Changed("compression-level") }
	return cmd
}

func (o *options) run(ctx context.Context, args []string, stdin io.Reader, stderr io.Writer) error {
	if o.retry < 0 || o.retryDelay < 0 {
		return errclass.New(errclass.Usage, "--retry", errors.New("--retry and --retry-delay must not be negative"))
	}
	if err := o.access.CheckAuthFile(); err != nil {
		return err
	}
	access, err := o.access.Access(stderr)
	if err != nil {
		return err
	}
	c := &o.copy
	c.Source, c.Destination, c.Store = access, access, o.globals.Store()
	c.Retry = libimage.Retry{Times: o.retry, Delay: o.retryDelay}
	if o.levelSet() {
		c.CompressLevel = &o.level
	}
	if err := o.signing.Fill(c, stdin, stderr); err != nil {
		return err
	}
	display, err := o.progress.Display(stderr, o.globals.ErrorFormat, "Pushing")
	if err != nil {
		return err
	}
	defer display.Close()
	c.Progress = display.Event
	img, name, err := o.find(ctx, args)
	if err != nil {
		return err
	}
	done, err := libimage.Copy(ctx, name, "containers-storage:"+args[0], *c)
	if err != nil {
		return err
	}
	if err := o.note(ctx, img.ID, name); err != nil || o.digestFile == "" {
		return err
	}
	if err := os.WriteFile(o.digestFile, []byte(done.Digest.String()), 0o644); err != nil {
		return fmt.Errorf("--digestfile: %w", err)
	}
	return nil
}

// find looks the image up, and says where it goes: to the second argument, else
// to the registry of its own name. A name without a transport is a registry's.
func (o *options) find(ctx context.Context, args []string) (img libstorage.Image, destination string, err error) {
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return img, "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if img, err = store.Image(ctx, args[0]); err != nil {
		return img, "", err
	}
	if len(args) == 2 {
		destination = args[1]
	} else if destination, err = libimage.NameOf(store, args[0]); err != nil {
		return img, "", err
	}
	if destination == "" {
		return img, "", errclass.New(errclass.Usage, args[0], fmt.Errorf("%s: say where to push it to: an ID is no name in a registry", args[0]))
	}
	if _, _, ok := libimage.SplitTransport(destination); !ok {
		destination = "docker://" + destination
	}
	return img, destination, nil
}

func (o *options) note(ctx context.Context, id, name string) error {
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	store.NoteImage("push", id, name)
	return store.Close()
}
