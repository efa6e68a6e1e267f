// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"os"
	"strings"
	"testing"
)

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
