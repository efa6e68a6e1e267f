// SPDX-License-Identifier: Apache-2.0

package run

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
)

// complete adds what a shell is offered as the values of options.
func complete(cmd *cobra.Command, globals *cli.Globals) {
	for name, offer := range map[string]cobra.CompletionFunc{
		"volume":       completeVolume(globals),
		"volumes-from": cli.CompleteContainers(globals),
		"image-volume": cobra.FixedCompletions([]string{
			launch.ImageVolumesAnonymous, launch.ImageVolumesIgnore, launch.ImageVolumesTmpfs,
		}, cobra.ShellCompDirectiveNoFileComp),
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, offer) // an error says that there is no such option
	}
}

// completeVolume offers the names of volumes, and files for what begins as a path.
func completeVolume(globals *cli.Globals) cobra.CompletionFunc {
	volumes := cli.CompleteVolumes(globals)
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		if isPath(typed) || strings.Contains(typed, ":") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names, _ := volumes(cmd, nil, typed)
		for i := range names {
			names[i] += ":"
		}
		return names, cobra.ShellCompDirectiveNoSpace
	}
}
