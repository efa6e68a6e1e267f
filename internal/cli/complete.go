// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/libstorage"
)

// CompleteImages completes names of images: full ones, and without what is
// before the last slash where the user has typed none. An ID completes when
// it has been begun. What cannot be read completes to nothing.
func CompleteImages(g *Globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		s, err := libstorage.Open(cmd.Context(), g.Store())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		images, err := s.Images(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, img := range images {
			forms := append([]string{}, img.Names...)
			for _, name := range img.Names {
				short := name[strings.LastIndexByte(name, '/')+1:]
				forms = append(forms, short, strings.TrimSuffix(short, ":latest"))
			}
			if typed != "" {
				forms = append(forms, img.ID[:min(len(img.ID), max(12, len(typed)))])
			}
			for _, form := range forms {
				if strings.HasPrefix(form, typed) && !slices.Contains(args, form) {
					names = append(names, form)
				}
			}
		}
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteContainers completes names of containers, and IDs that have been
// begun; with states, of those only that are in one of them.
func CompleteContainers(g *Globals, states ...libstorage.State) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		s, err := libstorage.Open(cmd.Context(), g.Store())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		containers, err := s.Containers(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for i := range containers {
			r := &containers[i].Record
			if len(states) > 0 && !slices.Contains(states, r.State()) {
				continue
			}
			forms := []string{r.Name}
			if typed != "" {
				forms = append(forms, r.ID[:max(12, min(len(typed), len(r.ID)))])
			}
			for _, form := range forms {
				if form != "" && strings.HasPrefix(form, typed) && !slices.Contains(args, form) {
					names = append(names, form)
				}
			}
		}
		slices.Sort(names)
		return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
	}
}
