// SPDX-License-Identifier: Apache-2.0

// Package tag is the command tug-tag: it gives an image more names.
package tag

import (
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

// New makes the command.
func New() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tug-tag [OPTION]... IMAGE NAME...",
		Short: "Give an image more names",
		Args:  cli.Usage(cobra.MinimumNArgs(2)),
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteImages(globals)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return run(cmd, globals.Store(), args[0], args[1:])
	}
	return cmd
}

func run(cmd *cobra.Command, opts libstorage.Options, image string, names []string) error {
	// All or nothing, as far as that can be known before.
	for _, name := range names {
		if _, err := libstorage.FullName(name); err != nil {
			return err
		}
	}
	s, err := libstorage.Open(cmd.Context(), opts)
	if err != nil {
		return err
	}
	defer s.Close()
	img, err := s.Image(cmd.Context(), image)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.Tag(cmd.Context(), img.ID, name); err != nil {
			return err
		}
	}
	return nil
}
