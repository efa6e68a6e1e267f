// SPDX-License-Identifier: Apache-2.0

package access

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/libimage"
)

// CompleteTransport offers the transports, and files after one.
func CompleteTransport(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(word, ":") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var all []string
	for _, name := range libimage.Transports() {
		if name == "docker" {
			name += "://"
		} else {
			name += ":"
		}
		all = append(all, name)
	}
	return all, cobra.ShellCompDirectiveNoSpace
}
