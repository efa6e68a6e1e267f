// SPDX-License-Identifier: Apache-2.0

package images_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/tug-containers/tug/test/images"
)

func TestSameInputSameBytes(t *testing.T) {
	build := func() *images.Built {
		t.Helper()
		image, err := images.Busybox()
		if err != nil {
			t.Skip("needs busybox: ", err)
		}
		built, err := image.Build()
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	if one, two := build(), build(); !bytes.Equal(one.Manifest, two.Manifest) {
		t.Errorf("two builds differ:\n%s\n%s", one.Manifest, two.Manifest)
	}
}

func TestLayout(t *testing.T) {
	layer := images.Layer{Entries: []images.Entry{images.Dir("etc", 0o755), images.Zeros("etc/big", 0o600, 1<<20)}}
	image := images.Image{Layers: []images.Layer{layer}}
	built, err := image.Build()
	if err != nil {
		t.Fatal(err)
	}
	index, err := images.Index(built)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for tag, b := range map[string]*images.Built{"one": built, "all": index} {
		if err := b.WriteLayout(dir, tag); err != nil {
			t.Fatal(err)
		}
	}
	for tag, want := range map[string]*images.Built{"one": built, "all": index} {
		got, err := images.ReadLayout(dir, tag)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Manifest, want.Manifest) || !bytes.Equal(got.Config, want.Config) {
			t.Errorf("%s: read back as %s", tag, got.Manifest)
		}
		if have, want := slices.Sorted(maps.Keys(got.Blobs)), slices.Sorted(maps.Keys(want.Blobs)); !slices.Equal(have, want) {
			t.Errorf("%s: blobs %v, want %v", tag, have, want)
		}
	}
	if _, err := images.ReadLayout(dir, "none"); err == nil {
		t.Error("an unknown tag was found")
	}
}

func TestReplace(t *testing.T) {
	got := images.Replace([]images.Entry{images.Dir("etc", 0o755), images.File("etc/passwd", 0o644, "x")},
		images.FIFO("etc/passwd", 0o644))
	if len(got) != 2 || got[1].Header.Typeflag != '6' {
		t.Errorf("got %+v", got)
	}
}
