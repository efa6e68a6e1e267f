// SPDX-License-Identifier: Apache-2.0

// Package copy is the command tug-copy.
package copy

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
)

type options struct {
	globals     *cli.Globals
	src, dest   *access.Flags
	platform    access.Platform
	copy        libimage.CopyOptions
	all         bool
	multiArch   string
	digestFile  string
	level       int
	levelSet    func() bool
	signing     *signing.Flags
	progress    *progress.Flags
	retry       int
	retryDelay  time.Duration
	additionals []string
	compress    string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-copy [OPTION]... SOURCE DESTINATION",
		Short: "Copy an image between registries, directories, archives and stores",
		Long: `Copy an image from one place to another, without a store where none is named.
Both are given with a transport: docker://HOST/NAME:TAG, oci:DIR:TAG, oci-archive:FILE:TAG,
dir:DIR, docker-archive:FILE:NAME, docker-daemon:NAME:TAG, containers-storage:NAME, tarball:FILE.`,
		Args: cli.Usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], args[1], cmd.InOrStdin(), cmd.ErrOrStderr())
		},
		ValidArgsFunction: access.CompleteTransport,
	}
	cli.SetStyle(cmd, cli.Skopeo)
	o.globals = cli.AddGlobals(cmd)
	o.src, o.dest = access.AddBoth(cmd)
	o.platform.AddOverrides(cmd)
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Copy all images of an index, and the index")
	f.StringVar(&o.multiArch, "multi-arch", "", "`WHAT` to copy of an index: system, all, index-only")
	f.BoolVar(&o.copy.PreserveDigests, "preserve-digests", false, "Fail rather than change a manifest and so its digest")
	f.StringVar(&o.digestFile, "digestfile", "", "Write the digest of the copied manifest to `FILE`")
	f.StringVarP(&o.copy.Format, "format", "f", "", "`FORM` of the manifest at the destination: oci, v2s1, v2s2 (default: the source's)")
	f.StringVar(&o.compress, "dest-compress-format", "", "`COMPRESSION` of layers at the destination: gzip, zstd, zstd:chunked")
	f.IntVar(&o.level, "dest-compress-level", 0, "Level of that compression")
	f.StringArrayVar(&o.additionals, "additional-tag", nil, "Further `NAME` for a docker-archive; can be repeated")
	f.BoolVar(&o.copy.RemoveSignatures, "remove-signatures", false, "Leave the signatures behind")
	o.signing = signing.AddFlags(f)
	f.StringVar(&o.copy.SignIdentity, "sign-identity", "", "`NAME` of the image in the signature (default: the destination's)")
	f.IntVar(&o.retry, "retry-times", 0, "How often to try again after what may pass")
	f.DurationVar(&o.retryDelay, "retry-delay", 0, "Pause before trying again (default: one second, doubled each time)")
	f.UintVar(&o.copy.Parallel, "image-parallel-copies", 0, "How many blobs to copy at once (default: 6)")
	f.StringVar(&o.copy.TempDir, "tmpdir", "", "`DIR` for temporary files (default: in the store, beside an archive, or /var/tmp)")
	o.progress = progress.AddFlags(f)
	o.levelSet = func() bool { return f.Changed("dest-compress-level") }
	return cmd
}

func (o *options) run(ctx context.Context, src, dst string, stdin io.Reader, stderr io.Writer) error {
	if err := o.parse(stdin, stderr); err != nil {
		return err
	}
	display, err := o.progress.Display(stderr, o.globals.ErrorFormat, "Copying")
	if err != nil {
		return err
	}
	defer display.Close()
	o.copy.Progress = display.Event
	done, err := libimage.Copy(ctx, dst, src, o.copy)
	if err != nil {
		return err
	}
	if o.digestFile == "" {
		return nil
	}
	if err := os.WriteFile(o.digestFile, []byte(done.Digest.String()), 0o644); err != nil {
		return fmt.Errorf("--digestfile: %w", err)
	}
	return nil
}

func (o *options) parse(stdin io.Reader, stderr io.Writer) (err error) {
	if o.retry < 0 || o.retryDelay < 0 {
		return usage("--retry-times", "--retry-times and --retry-delay must not be negative")
	}
	if o.all && o.multiArch != "" {
		return usage("--all", "--all and --multi-arch do not go together")
	}
	c := &o.copy
	c.Store = o.globals.Store()
	c.Retry = libimage.Retry{Times: o.retry, Delay: o.retryDelay}
	c.Selection = libimage.Selection(o.multiArch)
	if o.all {
		c.Selection = libimage.SelectAll
	}
	c.CompressFormat, c.AdditionalTags = o.compress, o.additionals
	if o.levelSet() {
		c.CompressLevel = &o.level
	}
	if c.Platform, err = o.platform.Platform(); err != nil {
		return err
	}
	if c.Source, err = o.src.Access(stderr); err != nil {
		return err
	}
	if c.Destination, err = o.dest.Access(stderr); err != nil {
		return err
	}
	return o.signing.Fill(c, stdin, stderr)
}

func usage(flag, message string) error {
	return errclass.New(errclass.Usage, flag, errors.New(message))
}
