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

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "tug-version [OPTION]...",
		Short:             "Show the version",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return text(cmd.OutOrStdout(), version.Get())
		},
	}
	cli.AddGlobals(cmd)
	return cmd
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
