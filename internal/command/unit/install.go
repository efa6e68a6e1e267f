// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/unit"
)

// unitDir is where an administrator's unit files are, or a user's.
func (o *options) unitDir() (string, error) {
	if !o.user {
		return "/etc/systemd/system", nil
	}
	config, err := os.UserConfigDir()
	return filepath.Join(config, "systemd/user"), err
}

// systemctl runs it, for the right manager.
func (o *options) systemctl(cmd *cobra.Command, args ...string) error {
	if o.user {
		args = append([]string{"--user"}, args...)
	}
	c := exec.Command("systemctl", args...)
	c.Stdout, c.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
	if err := c.Run(); err != nil {
		return fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (o *options) newInstall() *cobra.Command {
	var enable, now, noReload bool
	cmd := &cobra.Command{
		Use:   "install [OPTION]... FILE...",
		Short: "Write the units of files where systemd finds them",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := o.unitDir()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			services, err := o.services(args)
			if err == nil {
				err = mayReplace(dir, services)
			}
			if err == nil {
				err = write(cmd.OutOrStdout(), dir, services)
			}
			if err != nil || noReload {
				return err
			}
			if err := o.systemctl(cmd, "daemon-reload"); err != nil {
				return err
			}
			var names []string
			for _, s := range services {
				names = append(names, s.Name)
			}
			if enable || now {
				verb := []string{"enable"}
				if now {
					verb = append(verb, "--now")
				}
				return o.systemctl(cmd, append(verb, names...)...)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&enable, "enable", false, "Enable them too: they start at boot")
	cmd.Flags().BoolVar(&now, "now", false, "Enable and start them too")
	cmd.Flags().BoolVar(&noReload, "no-reload", false, "Do not tell systemd")
	return cmd
}

// mayReplace refuses to write over a unit that somebody else wrote.
func mayReplace(dir string, services []unit.Service) error {
	for _, s := range services {
		path := filepath.Join(dir, s.Name)
		if exists(path) && !ours(path) {
			return fmt.Errorf("%s: it was not made by tug-unit: it is left alone", path)
		}
	}
	return nil
}

// ours tells whether a unit file begins as we write them.
func ours(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && bytes.HasPrefix(data, []byte(unit.Mark))
}

func (o *options) newLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [OPTION]...",
		Short: "List the files that are found, and the units made of files",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := o.unitDir()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "UNIT\tSOURCE\tSTATE")
			set, err := o.found()
			for _, f := range set.Files {
				state := "generated"
				if podmans(o.user) {
					state = "podman's"
				}
				s, cerr := set.Convert(f)
				if cerr != nil {
					state, s.Name = "broken", unit.ServiceName(f)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, f.Path, state)
			}
			entries, derr := os.ReadDir(dir)
			if derr != nil && !errors.Is(derr, os.ErrNotExist) {
				err = errors.Join(err, derr)
			}
			for _, e := range entries {
				if path := filepath.Join(dir, e.Name()); e.Type().IsRegular() && ours(path) {
					fmt.Fprintf(w, "%s\t%s\tinstalled\n", e.Name(), path)
				}
			}
			return errors.Join(w.Flush(), err)
		},
	}
}

func (o *options) newRm() *cobra.Command {
	var noReload bool
	cmd := &cobra.Command{
		Use:   "rm [OPTION]... UNIT...",
		Short: "Stop, disable and remove units that install has written",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := o.unitDir()
			if err != nil {
				return err
			}
			var paths []string
			for _, name := range args {
				if filepath.Ext(name) == "" || slices.Contains(unit.Suffixes(), filepath.Ext(name)) {
					name = unit.ServiceName(&unit.File{Name: withSuffix(name)})
				}
				path := filepath.Join(dir, filepath.Base(name))
				if !ours(path) {
					return fmt.Errorf("%s: there is no unit of that name that tug-unit has made", path)
				}
				paths = append(paths, path)
			}
			for _, path := range paths {
				if !noReload {
					if err := o.systemctl(cmd, "disable", "--now", filepath.Base(path)); err != nil {
						return err
					}
				}
				if err := os.Remove(path); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			if noReload {
				return nil
			}
			return o.systemctl(cmd, "daemon-reload")
		},
	}
	cmd.Flags().BoolVar(&noReload, "no-reload", false, "Do not tell systemd: only remove the files")
	return cmd
}

func withSuffix(name string) string {
	if filepath.Ext(name) == "" {
		return name + ".container"
	}
	return name
}
