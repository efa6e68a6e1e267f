// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What stories cannot break: test/script/testdata/doctor_faults.txtar has the rest.

func TestWorst(t *testing.T) {
	for _, test := range []struct {
		states []State
		want   State
	}{
		{nil, OK},
		{[]State{OK, OK}, OK},
		{[]State{OK, Limited, OK}, Limited},
		{[]State{Broken, Limited}, Broken},
		{[]State{Limited, Broken}, Broken},
	} {
		var found []Finding
		for _, s := range test.states {
			found = append(found, Finding{State: s})
		}
		if got := Worst(found); got != test.want {
			t.Errorf("%v: %s, want %s", test.states, got, test.want)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		a, b string
		less bool
	}{
		{"5.10.0-32-amd64", "5.11", true}, {"5.11", "5.11.0", false}, {"6.1", "5.11", false}, {"", "0.1", true}, {"4.18.0-553.el8", "5.3", true},
	} {
		if got := versionOf(test.a).less(versionOf(test.b)); got != test.less {
			t.Errorf("%s < %s: %v", test.a, test.b, got)
		}
	}
}

func TestSubIDs(t *testing.T) {
	ranges, bad := parseSubIDs([]byte("# a comment\n\nanna:100000:65536\n:1:2\nbert:x:1\n1000:5:4294967296\ncarl:1:0\n"))
	if want := []subRange{{"anna", 100000, 65536}, {"carl", 1, 0}}; !slices.Equal(ranges, want) || bad != 4 {
		t.Errorf("%v, line %d", ranges, bad)
	}
	for _, test := range []struct {
		a, b subRange
		want bool
	}{
		{subRange{"", 10, 10}, subRange{"", 20, 10}, false},
		{subRange{"", 10, 11}, subRange{"", 20, 10}, true},
		{subRange{"", 10, 100}, subRange{"", 20, 10}, true},
		{subRange{"", 10, 0}, subRange{"", 10, 10}, false},
	} {
		if got := test.a.overlaps(test.b); got != test.want || test.b.overlaps(test.a) != got {
			t.Errorf("%v and %v: %v", test.a, test.b, got)
		}
	}
}

// TestFileCapability: distributions without setuid programs give newuidmap the
// one capability that it needs.
func TestFileCapability(t *testing.T) {
	file := filepath.Join(t.TempDir(), "newuidmap")
	if err := os.WriteFile(file, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if hasFileCapability(file, capSetuid) {
		t.Error("without any: has it")
	}
	// Revision 2, effective; CAP_SETUID permitted.
	attr := []byte{1, 0, 0, 2, 1 << capSetuid, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(file, "security.capability", attr, 0); err != nil {
		t.Skip("needs file capabilities: ", err)
	}
	if !hasFileCapability(file, capSetuid) || hasFileCapability(file, capSetgid) {
		t.Error("with CAP_SETUID: has it not, or another")
	}
}

func TestKinds(t *testing.T) {
	for kind, want := range map[int64]struct {
		name   string
		remote bool
	}{
		unix.EXT4_SUPER_MAGIC: {"ext4", false}, unix.NFS_SUPER_MAGIC: {"NFS", true}, unix.CIFS_SUPER_MAGIC: {"SMB", true},
		unix.XFS_SUPER_MAGIC: {"xfs", false}, fuseMagic: {"FUSE", true}, 0x1234: {"a file system of kind 0x1234", false},
	} {
		if name := kindName(kind); name != want.name || remote(kind) != want.remote {
			t.Errorf("%#x: %s, remote %v", kind, name, remote(kind))
		}
	}
}

func TestLoopback(t *testing.T) {
	for location, want := range map[string]bool{
		"localhost:5000/x": true, "127.0.0.1:5000": true, "[::1]:80/a": true, "[::1]": true, "localhost": true,
		"localhost.example.com": false, "example.com:5000": false, "10.0.0.1": false,
	} {
		if got := loopback(location); got != want {
			t.Errorf("%s: %v", location, got)
		}
	}
}

func TestQuote(t *testing.T) {
	for path, want := range map[string]string{"/a/b-c": "/a/b-c", "/a b": "'/a b'", "/it's": `'/it'\''s'`, "": "''", "/$(x)": "'/$(x)'"} {
		if got := quote(path); got != want {
			t.Errorf("%q: %s", path, got)
		}
	}
}

func TestClock(t *testing.T) {
	built := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]State{built: OK, built.Add(-time.Hour): OK, built.AddDate(0, 0, -2): Broken, built.AddDate(20, 0, 0): OK} {
		if got := clock(t.Context(), &View{uid: 1000, now: now, built: built}); got.State != want || (want == OK) != (got.Command == "") {
			t.Errorf("%v: %v", now, got)
		}
	}
}
