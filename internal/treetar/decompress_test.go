// SPDX-License-Identifier: Apache-2.0

package treetar

import (
	"bytes"
	"compress/gzip"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

func TestDecompress(t *testing.T) {
	text := strings.Repeat("text ", 1000)
	for name, compress := range map[string]func(w io.Writer) (io.WriteCloser, error){
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	} {
		var buf bytes.Buffer
		w, err := compress(&buf)
		if err == nil {
			if _, err = io.WriteString(w, text); err == nil {
				err = w.Close()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		whole := buf.Bytes()
		if got, err := read(whole); got != text || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if _, err := read(whole[:len(whole)/2]); err == nil {
			t.Errorf("%s: half of it is accepted", name)
		}
	}
	for _, plain := range []string{"", "t", text} {
		if got, err := read([]byte(plain)); got != plain || err != nil {
			t.Errorf("plain: %q, %v", got, err)
		}
	}
	cmd := exec.Command("bzip2")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Skip("condition bzip2:", err)
	}
	if got, err := read(out); got != text || err != nil {
		t.Errorf("bzip2: %d bytes, %v", len(got), err)
	}
}

func read(data []byte) (string, error) {
	r, err := Decompress(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	return string(got), err
}
