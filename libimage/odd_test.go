// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
)

func pax(e images.Entry, records map[string]string) images.Entry {
	e.Header.Format, e.Header.PAXRecords = tar.FormatPAX, records
	return e
}

func dated(e images.Entry, when time.Time) images.Entry {
	e.Header.Format, e.Header.ModTime = tar.FormatPAX, when
	return e
}

// odd are images of which each has something that is seldom seen.
func odd(t *testing.T) map[string][]images.Layer {
	entries := func(all ...images.Entry) images.Layer { return images.Layer{Entries: all} }
	long := strings.Repeat("directory/", 20) + strings.Repeat("n", 255)
	old := time.Date(2001, 2, 3, 4, 5, 6, 789012345, time.UTC)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	root := images.Entry{Header: tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o1751, Uid: 7, Gid: 8}}
	base := entries(images.Dir("etc", 0o755), images.File("etc/a", 0o644, "a"), images.Dir("d", 0o700), images.File("d/b", 0o600, "b"), images.File("f", 0o4755, "f"))
	return map[string][]images.Layer{
		"whiteouts": {base, entries(images.File(".wh.f", 0o600, ""), images.File("etc/.wh.a", 0o600, "").Owned(3, 4), images.Dir("d", 0o755),
			images.File("d/.wh..wh..opq", 0o600, ""), images.File("d/new", 0o644, "new"))},
		"whiteout without its directory":  {base, entries(images.File("etc/.wh.a", 0o600, ""), images.File("x/y/.wh.z", 0o600, "content"))},
		"opaque root":                     {base, entries(images.File(".wh..wh..opq", 0o600, ""), images.File("only", 0o644, "only"))},
		"whiteout beneath a whiteout":     {base, entries(images.File(".wh.d", 0o600, ""), images.File("d/.wh.b", 0o600, ""))},
		"a file beneath a whiteout":       {base, entries(images.File(".wh.d", 0o600, ""), images.File("d/b", 0o600, ""))},
		"whiteout of what the layer has":  {base, entries(images.File("new", 0o600, ""), images.File(".wh.new", 0o600, ""))},
		"whiteout of plink":               {base, entries(images.File(".wh..wh.plnk", 0o600, ""))},
		"whiteout of nothing":             {base, entries(images.File(".wh.", 0o600, ""))},
		"whiteout of dot":                 {base, entries(images.File(".wh..", 0o600, ""))},
		"whiteout of dot dot":             {base, entries(images.File("etc/.wh...", 0o600, ""))},
		"hard links":                      {base, entries(images.File("x", 0o4711, "x").Owned(5, 6), images.Link("y", "x", 0o4711).Owned(5, 6), images.Link("z", "/x", 0o600), images.Link("w", "../../y", 0o640))},
		"hard link to a symbolic one":     {base, entries(images.Symlink("s", "/nowhere"), images.Link("h", "s", 0o777).Owned(9, 9))},
		"hard link through a symbolic":    {base, entries(images.Dir("dir", 0o755), images.File("dir/x", 0o644, "x"), images.Symlink("s", "dir"), images.Link("h", "s/x", 0o644))},
		"hard link before its target":     {base, entries(images.Link("h", "x", 0o644), images.File("x", 0o644, "x"))},
		"hard link to a layer below":      {base, entries(images.Link("h", "etc/a", 0o644))},
		"hard link to itself":             {base, entries(images.File("x", 0o644, "x"), images.Link("y", "y", 0o644))},
		"hard link to the root":           {base, entries(images.Link("h", "/", 0o644))},
		"hard link to a pipe":             {base, entries(images.FIFO("p", 0o600), images.Link("h", "p", 0o640))},
		"symbolic links":                  {base, entries(images.Symlink("a", "/"), images.Symlink("b", "../../.."), images.Symlink("c", "x").Owned(12, 13), dated(images.Symlink("e", "y"), old))},
		"through a symbolic link":         {base, entries(images.Dir("usr/lib", 0o755), images.Symlink("lib", "usr/lib"), images.File("lib/x", 0o644, "x"), images.File("lib/y/z", 0o644, "z"))},
		"through an absolute link":        {base, entries(images.Dir("usr/lib", 0o755), images.Symlink("lib", "/usr/lib"), images.File("lib/x", 0o644, "x"))},
		"through a dangling link":         {base, entries(images.Symlink("lib", "no/where"), images.File("lib/x", 0o644, "x"), images.Dir("lib/d", 0o700))},
		"through a link up":               {base, entries(images.Symlink("lib", "../../../no"), images.File("lib/x", 0o644, "x"))},
		"through a loop":                  {base, entries(images.Symlink("lib", "bil"), images.Symlink("bil", "lib"), images.File("lib/x", 0o644, "x"))},
		"a link replaces a directory":     {base, entries(images.Dir("q", 0o755), images.File("q/x", 0o644, "x"), images.Symlink("./q/../q", "/etc"), images.File("q/y", 0o644, "y"))},
		"a link to the root is replaced":  {base, entries(images.Symlink("up", "/"), images.File("up/x", 0o644, "x"), images.Dir("up/up", 0o755), images.File("up/y", 0o644, "y"))},
		"a file replaces a directory":     {base, entries(images.Dir("q", 0o755), images.File("q/x", 0o644, "x"), images.File("q/../q/../q", 0o644, "y"))},
		"a name twice":                    {base, entries(images.File("x", 0o644, "x"), images.File("x", 0o644, "y"))},
		"names upwards":                   {base, entries(images.File("../../../up", 0o644, "x"), images.File("/abs", 0o644, "x"), images.File("./dot", 0o644, "x"), images.File("etc/../etc/two", 0o644, "x"))},
		"odd names":                       {base, entries(images.File("with\nline", 0o644, "x"), images.File("bytes\xff\xfe", 0o644, "x"), images.File("-rf", 0o644, "x"), images.File("spa ce", 0o644, "x"), images.File("Ünïcode", 0o644, "x"))},
		"long names":                      {base, entries(images.File(long, 0o644, "x"), images.Symlink("l", strings.Repeat("t/", 400)), images.Link("h", long, 0o644))},
		"a name too long":                 {base, entries(images.File(strings.Repeat("n", 256), 0o644, "x"))},
		"no directories":                  {base, entries(images.File("a/b/c/d", 0o644, "x"))},
		"setgid directory":                {base, entries(images.Dir("s", 0o2775).Owned(0, 50), images.File("s/x", 0o644, "x"), images.Dir("s/d", 0o755), images.File("s/e/f", 0o644, "f"))},
		"root entry":                      {base, entries(root, images.File("x", 0o644, "x")), entries(images.File("y", 0o644, "y")), entries(images.File("z", 0o644, "z"))},
		"root entry first":                {entries(root, images.File("x", 0o644, "x")), base},
		"root is a link":                  {base, entries(images.Symlink("/", "/etc"))},
		"root is a file":                  {base, entries(images.File(".", 0o644, "x"))},
		"devices":                         {base, entries(images.Device("null", 0o666, 1, 3), images.Device("big", 0o600, 4095, 300), images.FIFO("p", 0o4622).Owned(2, 2), images.Entry{Header: tar.Header{Name: "blk", Typeflag: tar.TypeBlock, Mode: 0o660, Devmajor: 8, Devminor: 1}})},
		"times":                           {base, entries(dated(images.File("old", 0o644, "x"), old), dated(images.File("before", 0o644, "x"), time.Unix(-5000, 5)), dated(images.File("late", 0o644, "x"), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)), dated(images.Dir("dir", 0o755), old), images.File("dir/x", 0o644, "x"), pax(dated(images.File("read", 0o644, "x"), old), map[string]string{"atime": "1000000000.5"}))},
		"owners":                          {base, entries(images.File("x", 0o644, "x").Owned(65534, 65534), pax(images.File("y", 0o644, "x").Owned(2_000_000_000, 3_000_000_000), nil), pax(images.File("z", 0o644, "z"), map[string]string{"uid": "4294967294"}))},
		"modes":                           {base, entries(images.File("x", 0o7777, "x"), images.File("y", 0, "x"), images.Dir("d0", 0), images.File("d0/x", 0o644, "x"), images.Dir("t", 0o1777), images.File("w", 0o100644, "x"))},
		"attributes":                      {base, entries(pax(images.File("x", 0o755, "x").Owned(1, 1), map[string]string{"SCHILY.xattr.user.a": "1", "SCHILY.xattr.security.capability": capability, "SCHILY.xattr.security.selinux": "no", "SCHILY.xattr.trusted.b": "\x00\xff"}), pax(images.Dir("e", 0o755), map[string]string{"SCHILY.xattr.user.a": "1"}), pax(images.Symlink("s", "x"), map[string]string{"SCHILY.xattr.trusted.c": "1"}), pax(images.FIFO("p", 0o600), map[string]string{"SCHILY.xattr.trusted.d": "1"}))},
		"an attribute nobody may have":    {base, entries(pax(images.Symlink("s", "x"), map[string]string{"SCHILY.xattr.user.c": "1"}))},
		"a global header":                 {base, {RawTar: append(globalHeader(t), tarOf(t, images.File("x", 0o644, "x"))...)}},
		"an unknown type":                 {base, entries(images.Entry{Header: tar.Header{Name: "x", Typeflag: 'Z', Mode: 0o644}})},
		"contiguous file":                 {base, entries(images.Entry{Header: tar.Header{Name: "x", Typeflag: tar.TypeCont, Mode: 0o644}})},
		"no entries":                      {base, {RawTar: make([]byte, 1024)}, entries(images.File("x", 0o644, "x"))},
		"no bytes":                        {base, {RawTar: []byte{}, RawBlob: []byte{}, MediaType: v1.MediaTypeImageLayer}},
		"much after the end":              {base, {RawTar: append(tarOf(t, images.File("x", 0o644, "x")), make([]byte, 3<<20)...)}},
		"something after the end":         {base, {RawTar: append(tarOf(t, images.File("x", 0o644, "x")), "something"...)}},
		"no end":                          {base, {RawTar: tarOf(t, images.File("x", 0o644, "x"))[:1024]}},
		"large":                           {base, entries(images.File("x", 0o644, noise(5_000_000)), images.Zeros("zeros", 0o644, 9_000_000))},
		"not compressed":                  {base, plainLayer(t, images.File("x", 0o644, "x"))},
		"zstd":                            {base, zstdLayer(t, images.File("x", 0o644, "x"), images.Zeros("zeros", 0o644, 9_000_000))},
		"the same layer again":            {base, entries(images.File("x", 0o644, "x")), base, entries(images.File("x", 0o644, "x"))},
		"the same layer all over":         {base, entries(images.File("x", 0o644, "x")), base, entries(images.File("x", 0o644, "x")), base, entries(images.File("x", 0o644, "x")), base},
		"sparse old":                      {base, sparse(t, "--format=gnu")},
		"sparse PAX 0.0":                  {base, sparse(t, "--format=pax", "--sparse-version=0.0")},
		"sparse PAX 1.0":                  {base, sparse(t, "--format=pax", "--sparse-version=1.0")},
		"a file where a directory was":    {base, entries(images.File("d", 0o644, "now a file"))},
		"a directory where a file was":    {base, entries(images.Dir("f", 0o755), images.File("f/x", 0o644, "x"))},
		"a file where a directory is due": {base, entries(images.File("q", 0o644, "x"), images.File("q/x", 0o644, "x"))},
	}
}

func tarOf(t *testing.T, entries ...images.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := images.WriteTar(&b, entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func globalHeader(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plainLayer(t *testing.T, entries ...images.Entry) images.Layer {
	raw := tarOf(t, entries...)
	return images.Layer{RawTar: raw, RawBlob: raw, MediaType: v1.MediaTypeImageLayer}
}

func zstdLayer(t *testing.T, entries ...images.Entry) images.Layer {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := tarOf(t, entries...)
	return images.Layer{RawTar: raw, RawBlob: w.EncodeAll(raw, nil), MediaType: v1.MediaTypeImageLayerZstd}
}

// sparse is a layer with a file that has holes, as tar writes it.
func sparse(t *testing.T, args ...string) images.Layer {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 1 << 20, 5 << 20} {
		if _, err := f.WriteAt([]byte("data"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tar", append(append([]string{"-C", dir, "--sparse", "--owner=0", "--group=0", "--mtime=@981173106"}, args...), "-cf", "-", "holes")...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("condition tar: %v", err)
	}
	raw, err := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return images.Layer{RawTar: raw}
}
