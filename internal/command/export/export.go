// SPDX-License-Identifier: Apache-2.0

// Package export is the command tug-export.
package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/internal/treetar"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/term"
)

// New makes the command.
func New() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "tug-export [OPTION]... CONTAINER",
		Short: "Write the files of a container as a tar archive",
		Args:  cli.Usage(cobra.ExactArgs(1)),
	}
	globals := cli.AddGlobals(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write (default: stdout)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd.Context(), globals.Store(), args[0], output, cmd.OutOrStdout())
	}
	return cmd
}

func run(ctx context.Context, opts libstorage.Options, name, output string, stdout io.Writer) (err error) {
	if f, ok := stdout.(*os.File); ok && output == "" && term.IsTerminal(int(f.Fd())) {
		return errclass.New(errclass.Usage, "--output", errors.New("an archive is not for a terminal: redirect stdout, or say --output"))
	}
	store, err := libstorage.Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.WithRootfs(ctx, name, func(info libstorage.ContainerInfo, dir string) (err error) {
		root, err := rootdir.Open(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		tree := treetar.Options{IDs: info.Translate()}
		if output == "" {
			return write(ctx, stdout, root, tree)
		}
		return toFile(ctx, output, root, tree)
	})
}

// toFile makes an archive that is whole when it appears. What is no regular file,
// such as a FIFO, is written to as it is.
func toFile(ctx context.Context, output string, root *rootdir.Dir, tree treetar.Options) error {
	fail := func(err error) error { return fmt.Errorf("--output: %w", err) }
	if info, err := os.Stat(output); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(output, os.O_WRONLY, 0)
		if err != nil {
			return fail(err)
		}
		return errors.Join(write(ctx, f, root, tree), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(output), ".tug-export-*")
	if err != nil {
		return fail(err)
	}
	err = errors.Join(write(ctx, f, root, tree), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), output)
	}
	if err != nil {
		return errors.Join(fail(err), os.Remove(f.Name()))
	}
	return nil
}

func write(ctx context.Context, w io.Writer, root *rootdir.Dir, tree treetar.Options) error {
	buffer := bufio.NewWriterSize(w, 1<<18)
	if err := treetar.Write(ctx, buffer, root, tree); err != nil {
		return err
	}
	return buffer.Flush()
}
