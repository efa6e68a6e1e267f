// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/unit"
)

// checkError is what check found.
type checkError struct{ err error }

func (e *checkError) Error() string { return e.err.Error() }

// found loads the files of the usual places.
func (o *options) found() (*unit.Set, error) {
	set, err := unit.Load(unit.Dirs(o.user, os.Getuid(), os.Getenv), o.user, o.dir())
	set.Args = o.args()
	return set, err
}

// named loads files by name. What they refer to may stand beside them, or in the
// usual places.
func (o *options) named(paths []string) (*unit.Set, []*unit.File, error) {
	var dirs []string
	for _, path := range paths {
		if dir, err := filepath.Abs(filepath.Dir(path)); err == nil && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	// A broken neighbour is not what was asked about.
	set, _ := unit.Load(append(dirs, unit.Dirs(o.user, os.Getuid(), os.Getenv)...), o.user, o.dir())
	set.Args = o.args()
	var files []*unit.File
	var errs []error
	for _, path := range paths {
		f, err := set.Open(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		files = append(files, f)
	}
	return set, files, errors.Join(errs...)
}

// services converts files by name, or all that are found.
func (o *options) services(paths []string) ([]unit.Service, error) {
	var set *unit.Set
	var files []*unit.File
	var err error
	if len(paths) > 0 {
		set, files, err = o.named(paths)
	} else if set, err = o.found(); set != nil {
		files = set.Files
	}
	var services []unit.Service
	for _, f := range files {
		s, cerr := set.Convert(f)
		if cerr != nil {
			err = errors.Join(err, cerr)
			continue
		}
		services = append(services, s)
	}
	return services, err
}

func (o *options) check(paths []string) error {
	if _, err := o.services(paths); err != nil {
		return &checkError{err}
	}
	return nil
}

func (o *options) print(w io.Writer, paths []string) error {
	services, err := o.services(paths)
	for i, s := range services {
		if len(services) > 1 {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "---%s---\n", s.Name)
		}
		if _, werr := io.WriteString(w, s.Text); werr != nil {
			return werr
		}
	}
	return err
}

func (o *options) newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [OPTION]... [FILE]...",
		Short: "Say what is wrong with files, or all that are found, by file and line",
		RunE:  func(_ *cobra.Command, args []string) error { return o.check(args) },
	}
}

func (o *options) newPrint() *cobra.Command {
	return &cobra.Command{
		Use:   "print [OPTION]... [FILE]...",
		Short: "Print the units of files, or of all that are found",
		RunE:  func(cmd *cobra.Command, args []string) error { return o.print(cmd.OutOrStdout(), args) },
	}
}

func (o *options) newConvert() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "convert [OPTION]... FILE...",
		Short: "Write the units of files into a directory",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			services, err := o.services(args)
			if err != nil {
				return err
			}
			return write(cmd.OutOrStdout(), dir, services)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", ".", "`DIR` for the unit files")
	return cmd
}

// write writes units into dir, and prints their paths.
func write(w io.Writer, dir string, services []unit.Service) error {
	for _, s := range services {
		if err := unit.Write(dir, s); err != nil {
			return err
		}
		fmt.Fprintln(w, filepath.Join(dir, s.Name))
	}
	return nil
}
