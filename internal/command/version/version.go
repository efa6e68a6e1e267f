// SPDX-License-Identifier: Apache-2.0

// Package version is the command tug-version.
package version

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/version"
)

// report is the object of --format: podman's, with what we have of it.
type report struct {
	Client version.Info
}

// New makes the command.
func New() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "tug-version [OPTION]...",
		Short:             "Show the version",
		Args:              cli.Usage(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.OutOrStdout(), format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "`FORMAT` of the output: json, or a Go template")
	cli.AddGlobals(cmd)
	cli.Outside(cmd)
	return cmd
}

func show(w io.Writer, format string) error {
	f, err := cli.ParseFormat(format)
	if err != nil {
		return err
	}
	r := report{Client: version.Get()}
	switch {
	case f.JSON:
		return cli.WriteJSON(w, r)
	case f.Default():
		return text(w, r.Client)
	}
	return cli.Write(w, f, []report{r}, true)
}

func text(w io.Writer, info version.Info) error {
	_, err := fmt.Fprintf(w, "Version:     %s\nGo Version:  %s\n", info.Version, info.GoVersion)
	if err == nil && info.GitCommit != "" {
		_, err = fmt.Fprintf(w, "Git Commit:  %s\n", info.GitCommit)
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "OS/Arch:     %s\n", info.OsArch)
	}
	return err
}
