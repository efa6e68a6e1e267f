// SPDX-License-Identifier: Apache-2.0

// Package info is the command tug-info: the facts of this machine and its store.
package info

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/version"
	"github.com/tug-containers/tug/libstorage"
)

// report is podman's object, with what we have of it.
type report struct {
	Host       host           `json:"host"`
	Store      store          `json:"store"`
	Registries map[string]any `json:"registries"`
	Plugins    plugins        `json:"plugins"`
	Version    versions       `json:"version"`
}

type plugins struct {
	Volume  []string `json:"volume"`
	Network []string `json:"network"`
	Log     []string `json:"log"`
}

type versions struct {
	Version   string
	GoVersion string
	GitCommit string
	OsArch    string
	Os        string
}

// New makes the command.
func New() *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use:               "tug-info [OPTION]...",
		Short:             "Show the facts of this machine and its store",
		Args:              cli.Usage(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	globals := cli.AddGlobals(cmd)
	cli.OnlyLooks(cmd)
	cmd.Flags().StringVarP(&form, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		format, err := cli.ParseFormat(form)
		if err != nil {
			return err
		}
		s, err := libstorage.Open(cmd.Context(), globals.Store())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		r, err := look(cmd.Context(), s, globals.Runtime)
		if err != nil {
			return err
		}
		return show(cmd.OutOrStdout(), format, r)
	}
	return cmd
}

func look(ctx context.Context, s *libstorage.Store, runtime string) (r report, err error) {
	if r.Host, err = hostFacts(ctx, s, runtime); err != nil {
		return r, err
	}
	if r.Store, err = storeFacts(ctx, s); err != nil {
		return r, err
	}
	if r.Registries, err = registries(); err != nil {
		return r, err
	}
	r.Plugins = plugins{
		Volume: []string{"local"}, Network: []string{"bridge", "macvlan", "ipvlan"},
		Log: []string{"k8s-file", "journald", "none"},
	}
	v := version.Get()
	r.Version = versions{Version: v.Version, GoVersion: v.GoVersion, GitCommit: v.GitCommit, OsArch: v.OsArch, Os: r.Host.OS}
	return r, nil
}

func show(w io.Writer, format cli.Format, r report) error {
	switch {
	case format.JSON:
		return cli.WriteJSON(w, r)
	case format.Default():
		return writeYAML(w, r)
	}
	return cli.Write(w, format, []report{r}, true)
}
