// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
)

func TestReadSubIDs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "subuid")
	for _, tc := range []struct {
		content, want string
		class         error
	}{
		{"root:1:2\ncontainers:1000:10\n# containers:1:1\ncontainers:5000:5\n", "0:1000:10 0:5000:5", nil},
		{"containers:1000:0\n", "", errclass.Unsupported},
		{"", "", errclass.Unsupported},
		{"containers:x:5\n", "", errclass.Usage},
		{"containers:4294967295:5\n", "", errclass.Usage},
		{"containers:0:5\n", "", errclass.Usage},
		{"containers:-5:5\n", "", errclass.Usage},
	} {
		if err := os.WriteFile(file, []byte(tc.content), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := ReadSubIDs(file, AutoUser)
		if !errors.Is(err, tc.class) || tc.class == nil && err != nil {
			t.Errorf("%q: %v", tc.content, err)
		}
		if tc.class != nil {
			continue
		}
		var got []string
		for _, r := range s.Ranges() {
			got = append(got, r.String())
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %v", tc.content, got)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSubIDs(file, AutoUser); err == nil || !strings.Contains(err.Error(), "add the line containers:2147483647:2147483648") {
		t.Errorf("no file: %v", err)
	}
}

func TestChoose(t *testing.T) {
	r := func(container, host, size uint32) idmap.Range {
		return idmap.Range{Container: container, Host: host, Size: size}
	}
	list := func(ranges ...idmap.Range) []idmap.Range { return ranges }
	pool := SubIDs{file: "/etc/subuid", user: AutoUser, ranges: []idmap.Range{{Host: 100, Size: 50}, {Host: 1000, Size: 100}}}
	for name, tc := range map[string]struct {
		size         uint32
		fixed, taken []idmap.Range
		want         []idmap.Range
	}{
		"first":       {30, nil, nil, list(r(0, 100, 30))},
		"one piece":   {60, nil, nil, list(r(0, 1000, 60))},
		"after":       {20, nil, list(r(0, 100, 30)), list(r(0, 130, 20))},
		"in between":  {10, nil, list(r(0, 100, 10), r(0, 120, 10)), list(r(0, 110, 10))},
		"pieces":      {120, nil, nil, list(r(0, 100, 50), r(50, 1000, 70))},
		"fixed":       {10, list(r(3, 7, 1)), nil, list(r(0, 100, 3), r(4, 103, 6), r(3, 7, 1))},
		"fixed taken": {10, list(r(3, 105, 1)), nil, list(r(0, 106, 3), r(4, 109, 6), r(3, 105, 1))},
		"too many":    {151, nil, nil, nil},
		"none left":   {1, nil, list(r(0, 0, 2000)), nil},
	} {
		got, err := pool.choose("uid", tc.size, tc.fixed, tc.taken)
		if !slices.Equal(got, tc.want) || (err != nil) != (tc.want == nil) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tc.want)
		}
		if err != nil && !errors.Is(err, errclass.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
