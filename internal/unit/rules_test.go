// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/command/network"
	"github.com/tug-containers/tug/internal/command/pull"
	"github.com/tug-containers/tug/internal/command/run"
	"github.com/tug-containers/tug/internal/command/volume"
)

// TestOptions: what the rules make of a key is an option that its program has, and
// does not refuse.
func TestOptions(t *testing.T) {
	create := func(cmd *cobra.Command) *cobra.Command {
		sub, _, err := cmd.Find([]string{"create"})
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
	for _, c := range []struct {
		rules map[string]rule
		cmd   *cobra.Command
	}{{containerRules, run.New()}, {volumeRules, create(volume.New())}, {networkRules, create(network.New())}, {imageRules, pull.New()}} {
		for key, r := range c.rules {
			if r.option == "" {
				continue
			}
			if flag := c.cmd.Flags().Lookup(r.option); flag == nil || flag.Hidden {
				t.Errorf("%s=: %s has no option --%s", key, c.cmd.Name(), r.option)
			}
		}
	}
}

// TestSwitches: a command line is taken apart as the program does it.
func TestSwitches(t *testing.T) {
	run.New().Flags().VisitAll(func(flag *pflag.Flag) {
		if got := slices.Contains(switches, flag.Name); got != (flag.NoOptDefVal != "") {
			t.Errorf("--%s: a switch: %v", flag.Name, got)
		}
		if flag.Shorthand != "" && shorts[flag.Shorthand[0]] != flag.Name {
			t.Errorf("-%s is --%s, not --%s", flag.Shorthand, flag.Name, shorts[flag.Shorthand[0]])
		}
	})
}

// TestDocumented: docs/quadlet.md says of each key what the rules do.
func TestDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/quadlet.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, rules := range map[string]map[string]rule{
		"Container": containerRules, "Volume": volumeRules, "Network": networkRules, "Image": imageRules,
	} {
		_, section, ok := strings.Cut(string(data), "\n## ["+name+"]\n")
		if !ok {
			t.Errorf("[%s]: no section", name)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		rows := map[string]string{}
		for line := range strings.Lines(section) {
			if cells := strings.Split(line, "|"); len(cells) == 5 {
				rows[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2] + "|" + cells[3])
			}
		}
		for key, r := range rules {
			row, ok := rows[key]
			delete(rows, key)
			switch {
			case !ok:
				t.Errorf("[%s] %s=: no row", name, key)
			case (r.kind == refused) != strings.HasPrefix(row, "refused"):
				t.Errorf("[%s] %s=: %q", name, key, row)
			case r.kind == refused && !strings.Contains(row, r.reason), r.option != "" && !strings.Contains(row, "--"+r.option+"`"):
				t.Errorf("[%s] %s=: %q; want %q", name, key, row, r.reason+r.option)
			}
		}
		delete(rows, "key")
		delete(rows, "---")
		for key := range rows {
			t.Errorf("[%s] %s=: a row without a rule", name, key)
		}
	}
}
