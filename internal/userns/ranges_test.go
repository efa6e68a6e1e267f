// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
)

func TestSubordinate(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       idMap
		wrong      string
	}{
		{name: "none", text: "bob:100000:65536\n"},
		{name: "by name", text: "# ranges\n\nalice:100000:65536\nbob:165536:65536\n", want: idMap{{1, 100000, 65536}}},
		{name: "by number", text: "1000:100000:65536", want: idMap{{1, 100000, 65536}}},
		{name: "two", text: "alice:300000:10\n1000:100000:20\n", want: idMap{{1, 300000, 10}, {11, 100000, 20}}},
		{name: "length 0", text: "alice:100000:0\n", wrong: "alice:100000:0: not a range"},
		{name: "letters", text: "alice:one:65536\n", wrong: "not a range"},
		{name: "too far", text: "alice:4294967295:65536\n", wrong: "not a range"},
		{name: "host's root", text: "alice:0:65536\n", wrong: "not a range"},
		{name: "own", text: "alice:900:200\n", wrong: "own ID"},
		{name: "overlaps", text: "bob:100000:65536\nalice:165535:10\n", wrong: "overlaps with bob:100000:65536"},
		{name: "overlaps itself", text: "alice:100000:65536\nalice:100000:65536\n", wrong: "overlaps with alice"},
		{name: "many", text: many("alice", 340), wrong: "339 ranges"},
		{name: "much", text: many("bob", 200_000) + "alice:4000000000:65536\n", want: idMap{{1, 4000000000, 65536}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "subuid")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := subordinate(file, "alice", 1000)
			if tc.wrong != "" {
				class, object := errclass.Of(err)
				if err == nil || !strings.Contains(err.Error(), tc.wrong) || class != errclass.Usage || object != file {
					t.Errorf("error %v of class %s about %s; want %q", err, class, object, tc.wrong)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
	if got, err := subordinate("/nowhere/subuid", "alice", 1000); got != nil || err != nil {
		t.Errorf("no file: %v, %v", got, err)
	}
}

func many(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s:%d:10\n", name, 100000+10*i)
	}
	return b.String()
}

func FuzzSubordinate(f *testing.F) {
	f.Add("alice:100000:65536\n")
	f.Add("1000:1:4294967295\nbob:::\n:5")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "subuid")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := subordinate(file, "alice", 1000)
		next := 1
		for _, r := range m {
			if err != nil || r.inside != next || r.size < 1 || r.outside < 1 || r.outside <= 1000 && 1000 < r.outside+r.size {
				t.Fatalf("%q: %v, %v", text, m, err)
			}
			next += r.size
		}
	})
}
