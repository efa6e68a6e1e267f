// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/internal/treetar"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/term"
)

func export(globals *cli.Globals) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "export [OPTION]... VOLUME",
		Short: "Write what is in a volume as a tar archive",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	cmd.ValidArgsFunction = cli.CompleteVolumes(globals)
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write (default: stdout)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		stdout := cmd.OutOrStdout()
		if f, ok := stdout.(*os.File); ok && output == "" && term.IsTerminal(int(f.Fd())) {
			return cli.UsageError("--output", "an archive is not for a terminal: redirect stdout, or say --output")
		}
		return within(cmd.Context(), globals, args[0], func(root *rootdir.Dir) error {
			if output == "" {
				return write(cmd.Context(), stdout, root)
			}
			return writeFile(cmd.Context(), output, root)
		})
	}
	return cmd
}

func write(ctx context.Context, w io.Writer, root *rootdir.Dir) error {
	buffer := bufio.NewWriterSize(w, 1<<18)
	if err := treetar.Write(ctx, buffer, root, treetar.Options{}); err != nil {
		return err
	}
	return buffer.Flush()
}

// writeFile leaves no half of an archive.
func writeFile(ctx context.Context, output string, root *rootdir.Dir) error {
	f, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	info, err := f.Stat()
	err = errors.Join(err, write(ctx, f, root), f.Close())
	if err != nil && info != nil && info.Mode().IsRegular() {
		err = errors.Join(err, os.Remove(output))
	}
	return err
}

func importer(globals *cli.Globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import [OPTION]... VOLUME [FILE|-]",
		Short: "Put the files of a tar archive into a volume",
		Args:  cli.Usage(cobra.RangeArgs(1, 2)),
	}
	volumes := cli.CompleteVolumes(globals)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return volumes(cmd, args, typed)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		source := cmd.InOrStdin()
		if len(args) > 1 && args[1] != "-" {
			f, err := os.Open(args[1])
			if err != nil {
				return errclass.New(errclass.NotFound, args[1], err)
			}
			defer f.Close()
			source = f
		}
		return fill(cmd.Context(), globals, args[0], source)
	}
	return cmd
}

// fill puts an archive into a volume: all that is in it or, when it is faulty,
// nothing.
func fill(ctx context.Context, globals *cli.Globals, name string, archive io.Reader) (err error) {
	s, err := open(ctx, globals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, err := s.FindVolume(ctx, name)
	if err != nil {
		return err
	}
	return s.ReplaceVolume(ctx, v.Name, func(dir string) error {
		plain, err := treetar.Decompress(archive)
		if err != nil {
			return err
		}
		defer plain.Close()
		root, err := rootdir.Open(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		return treetar.Extract(ctx, plain, root, "/", treetar.ExtractOptions{})
	})
}

// within opens the directory of a volume for the time of a call.
func within(ctx context.Context, globals *cli.Globals, name string, use func(*rootdir.Dir) error) (err error) {
	s, err := open(ctx, globals)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, err := s.FindVolume(ctx, name)
	if err == nil {
		err = v.Err
	}
	if err == nil && v.HasFilesystem() {
		err = errclass.New(errclass.Unsupported, v.Name, fmt.Errorf(
			"volume %s: it has a file system of its own, which is there only while a container runs with it", v.Name))
	}
	if err != nil {
		return err
	}
	return inside(v, use)
}

// errReplaced says that an archive has not all of a volume.
var errReplaced = errors.New("its content was replaced while it was read")

func inside(v libstorage.Volume, use func(*rootdir.Dir) error) error {
	before, err := os.Stat(v.Path)
	if err != nil {
		return err
	}
	root, err := rootdir.Open(v.Path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err = use(root); err == nil {
		var now os.FileInfo
		if now, err = os.Stat(v.Path); err == nil && !os.SameFile(before, now) {
			err = errReplaced
		}
	}
	if err != nil {
		return fmt.Errorf("volume %s: %w", v.Name, err)
	}
	return nil
}
