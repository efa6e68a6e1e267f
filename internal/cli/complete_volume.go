// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/libstorage"
)

// CompleteVolumes completes names of volumes; an anonymous one completes when it
// has been begun.
func CompleteVolumes(g *Globals) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		where := g.Store()
		where.ContainersOnly = true
		s, err := libstorage.Open(cmd.Context(), where)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer s.Close()
		volumes, err := s.Volumes(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, v := range volumes {
			if strings.HasPrefix(v.Name, typed) && (typed != "" || !v.Anonymous) && !slices.Contains(args, v.Name) {
				names = append(names, v.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
