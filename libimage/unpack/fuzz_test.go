// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

// FuzzLayer unpacks bytes as a layer, in this process: whatever they are, nothing is
// changed beside the directory, and the same bytes give the same result.
func FuzzLayer(f *testing.F) {
	for _, headers := range seeds() {
		f.Add(archive(f, headers))
	}
	packed := bytes.Buffer{}
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(archive(f, seeds()[0])); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(packed.Bytes())
	f.Add(pax("0000000005 a=b\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		outside := t.TempDir()
		t.Chdir(outside) // attributes of links are set by way of it
		if err := os.WriteFile("canary", []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := into(t, filepath.Join(outside, "root"), raw)
		again, againErr := into(t, filepath.Join(outside, "twice"), raw)
		if (err == nil) != (againErr == nil) || first.DiffID != again.DiffID || first.Size != again.Size {
			t.Errorf("%+v %v, again %+v %v", first, err, again, againErr)
		}
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 3 {
			t.Errorf("outside: %v %v", entries, err)
		}
		if content, err := os.ReadFile(filepath.Join(outside, "canary")); err != nil || string(content) != "x" {
			t.Errorf("outside: %q %v", content, err)
		}
	})
}

// pax is an archive with a record of PAX that no writer makes.
func pax(record string) []byte {
	block := make([]byte, 512, 1536)
	copy(block, "pax")
	copy(block[100:], "0000644\x000000000\x000000000\x00"+fmt.Sprintf("%011o\x00", len(record))+"00000000000\x00")
	copy(block[148:], "        x")
	copy(block[257:], "ustar\x0000")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(block, append([]byte(record), make([]byte, 1024-len(record))...)...)
}

// TestRecordLength: the length of a PAX record that is longer than the record itself
// is content that is damaged, and nothing worse.
func TestRecordLength(t *testing.T) {
	_, err := into(t, filepath.Join(t.TempDir(), "root"), pax("0000000005 a=b\n"))
	if err == nil || !strings.Contains(err.Error(), "damaged archive") {
		t.Error(err)
	}
}

func into(t *testing.T, dir string, raw []byte) (Result, error) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	// Devices would be made, and who looks at them would be surprised.
	return unpackInto(root, bytes.NewReader(raw), io.Discard, Options{Opaque: "user.overlay.opaque", InUserNS: true, IgnoreChown: true, MaxSize: 1 << 20})
}

// seeds are archives of headers.
func seeds() [][]tar.Header {
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }
	dir := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755} }
	soft := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	hard := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}
	}
	return [][]tar.Header{
		{dir("etc"), file("etc/a"), file("b"), hard("c", "b"), soft("d", "etc"), file("d/e")},
		{soft("up", "../../.."), file("up/x"), hard("y", "up/canary"), file("up/.wh.canary")},
		{file("../canary"), file("/canary"), file("a/../../canary")},
		{soft("l", "no/where"), file("l/x"), dir("l/y")},
		{file(".wh.a"), file("a/.wh..wh..opq"), dir("."), soft(".", "..")},
		{dir("a"), soft("a", ".."), file("a/x"), {Typeflag: tar.TypeFifo, Name: "p", Mode: 0o600}},
		{{Typeflag: tar.TypeReg, Name: "x", Mode: 0o4755, Uid: 1000, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b", "mtime": "-1.5"}}},
	}
}

func archive(f *testing.F, headers []tar.Header) []byte {
	f.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := ""
		if h.Typeflag == tar.TypeReg {
			body = "content"
		}
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	return b.Bytes()
}
