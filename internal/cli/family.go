// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/userns"
)

// Family is the main of a program that is installed under several names, each
// a hard link: it runs the verb that it was started as.
func Family(verbs map[string]func() *cobra.Command) {
	userns.Hold()
	if command := verbs[Verb()]; command != nil {
		Main(command())
	}
	names := strings.Join(slices.Sorted(maps.Keys(verbs)), ", tug-")
	fmt.Fprintf(os.Stderr, "Error: %q is not a verb: this program is one of tug-%s\n", os.Args[0], names)
	os.Exit(ExitCode(Podman, fmt.Errorf("unknown verb")))
}
