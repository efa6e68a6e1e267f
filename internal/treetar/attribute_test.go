// SPDX-License-Identifier: Apache-2.0

package treetar_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/internal/treetar"
	"golang.org/x/sys/unix"
)

// netRaw is cap_net_raw+ep, as setcap(8) writes it.
var netRaw = []byte{1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

// forRoot is the same for the namespace whose root has this number.
func forRoot(root uint32) []byte {
	value := append([]byte{1, 0, 0, 3}, netRaw[4:]...)
	return binary.LittleEndian.AppendUint32(value, root)
}

// xattrs are the extended attributes of a file.
func xattrs(t *testing.T, name string) map[string]string {
	t.Helper()
	list, value := make([]byte, 4096), make([]byte, 4096)
	n, err := unix.Llistxattr(name, list)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for key := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(key) > 0 && string(key) != "security.selinux" {
			size, err := unix.Lgetxattr(name, string(key), value)
			if err != nil {
				t.Fatal(err)
			}
			all[string(key)] = string(value[:size])
		}
	}
	return all
}

func openRoot(t *testing.T, dir string) *rootdir.Dir {
	t.Helper()
	root, err := rootdir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// What a file has goes through an archive, but not what an overlay would take for
// its own, or what is the host's to say.
func TestAttributesCopied(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	from, to := t.TempDir(), t.TempDir()
	for name, set := range map[string]map[string][]byte{
		"all": {
			"user.mine": []byte("m"), "security.capability": netRaw, "trusted.other": []byte("o"),
			"trusted.overlay.opaque": []byte("y"), "user.overlay.opaque": []byte("y"), "trusted.overlay.redirect": []byte("/etc"),
		},
		"foreign": {"security.capability": forRoot(100000)},
	} {
		path := filepath.Join(from, name)
		if err := os.WriteFile(path, nil, 0o4755); err != nil {
			t.Fatal(err)
		}
		for key, value := range set {
			if err := unix.Setxattr(path, key, value, 0); err != nil {
				t.Skip("needs a file system with extended attributes: ", err)
			}
		}
	}
	var archive bytes.Buffer
	if err := treetar.Write(t.Context(), &archive, openRoot(t, from), treetar.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := treetar.Extract(t.Context(), &archive, openRoot(t, to), "/", treetar.ExtractOptions{}); err != nil {
		t.Fatal(err)
	}
	got := xattrs(t, filepath.Join(to, "all"))
	if len(got) != 2 || got["user.mine"] != "m" || got["security.capability"] != string(netRaw) {
		t.Errorf("it has %q", got)
	}
	if got := xattrs(t, filepath.Join(to, "foreign")); len(got) != 0 {
		t.Errorf("capabilities of another namespace are kept: %q", got)
	}
}

// A hostile archive sets nothing else, and no capabilities of its own making.
func TestAttributesOfArchive(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o755, PAXRecords: map[string]string{
			"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.trusted.overlay.redirect": "/etc",
			"SCHILY.xattr.trusted.t": "t", "SCHILY.xattr.security.selinux": "s", "SCHILY.xattr.security.apparmor": "a", "SCHILY.xattr.user.u": "u",
		}},
		{Typeflag: tar.TypeReg, Name: "short", Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01"}},
		{Typeflag: tar.TypeReg, Name: "rooted", Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": string(forRoot(0))}},
	} {
		if err := out.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := treetar.Extract(t.Context(), &archive, openRoot(t, to), "/", treetar.ExtractOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := xattrs(t, filepath.Join(to, "d")); len(got) != 1 || got["user.u"] != "u" {
		t.Errorf("the directory has %q", got)
	}
	for _, name := range []string{"short", "rooted"} {
		if got := xattrs(t, filepath.Join(to, name)); len(got) != 0 {
			t.Errorf("%s has %q", name, got)
		}
	}
}

// In a container with a user namespace they hold there, and nowhere else; from there
// they come as an archive has them.
func TestCapabilitiesOfNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	ranges := []idmap.Range{{Host: 100000, Size: 65536}}
	ids := &idmap.Mapping{UIDs: ranges, GIDs: ranges}
	from, to := t.TempDir(), t.TempDir()
	path := filepath.Join(from, "ping")
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(path, "security.capability", netRaw, 0); err != nil {
		t.Skip("needs a file system with extended attributes: ", err)
	}
	if err := os.Chown(to, 100000, 100000); err != nil {
		t.Fatal(err)
	}
	for dir := to; dir != "/"; dir = filepath.Dir(dir) { // the namespace's root has to pass
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o001); err != nil {
				t.Fatal(err)
			}
		}
	}
	var archive, back bytes.Buffer
	if err := treetar.Write(t.Context(), &archive, openRoot(t, from), treetar.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := treetar.Extract(t.Context(), &archive, openRoot(t, to), "/", treetar.ExtractOptions{IDs: ids}); err != nil {
		t.Fatal(err)
	}
	if got := xattrs(t, filepath.Join(to, "ping"))["security.capability"]; got != string(forRoot(100000)) {
		t.Errorf("in the namespace: %q", got)
	}
	if err := treetar.Write(t.Context(), &back, openRoot(t, to), treetar.Options{IDs: ids}); err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(&back); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if got := h.PAXRecords["SCHILY.xattr.security.capability"]; got != string(netRaw) {
			t.Errorf("%s has %q in the archive", h.Name, got)
		}
	}
}
