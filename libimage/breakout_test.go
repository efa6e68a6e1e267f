// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// TestBreakouts is containerd's list of archives that want out, by the names that
// it has there: outside, nothing is read, made, changed or taken away, and inside
// is what the storage library makes of it.
func TestBreakouts(t *testing.T) {
	ours, theirs, server := newStore(t), newStore(t), hostile.New(t, hostile.Options{})
	outside := t.TempDir()
	canary := filepath.Join(outside, "file")
	if err := os.WriteFile(canary, []byte("outside"), 0o640); err != nil {
		t.Fatal(err)
	}
	before := tree(t, outside)
	for name, layers := range breakouts(outside) {
		t.Run(name, func(t *testing.T) {
			ref := server.Add(layered(t, layers), "app")
			got, err := libimage.Pull(t.Context(), ours, ref, libimage.PullOptions{Access: plain(t)})
			if stockErr := byLibrary(t, theirs, ref); (err == nil) != (stockErr == nil) {
				t.Errorf("ours: %v\nthe library's: %v", err, stockErr)
			}
			after := tree(t, outside)
			if len(after) != len(before) {
				t.Errorf("outside: %v", after)
			}
			for path, is := range before {
				if after[path] != is {
					t.Errorf("outside: %s: %s, before %s", path, after[path], is)
				}
			}
			left(t, filepath.Join(ours.Root(), "overlay", "staging"))
			if err != nil {
				oneLine(t, err, ref)
				return
			}
			img, err := ours.Image(t.Context(), got.ID)
			if err != nil {
				t.Fatal(err)
			}
			same(t, ours, theirs, img.TopLayer)
		})
	}
}

// breakouts are layers with ways to a directory of the host's, as its name and as
// many steps up from the root of a layer.
func breakouts(outside string) map[string][]images.Layer {
	up := "../../../../../../../../../../../../.." + outside
	dir, link, hard := images.Dir, images.Symlink, images.Link
	file := func(name string) images.Entry { return images.File(name, 0o644, "broken out") }
	one := func(all ...images.Entry) []images.Layer { return []images.Layer{{Entries: all}} }
	two := func(below []images.Entry, above ...images.Entry) []images.Layer {
		return []images.Layer{{Entries: below}, {Entries: above}}
	}
	list := func(all ...images.Entry) []images.Entry { return all }
	return map[string][]images.Layer{
		"SymlinkAbsolute":                one(link("localdir", outside), file("localdir/new")),
		"SymlinkUpAndOut":                one(link("localdir", up), file("localdir/new")),
		"SymlinkMultipleAbsolute":        one(link("a", outside), link("b", "a"), file("b/new")),
		"SymlinkMultipleRelative":        one(link("a", up), link("b", "a"), file("b/new")),
		"SymlinkEmptyFile":               one(link("emptyfile", outside+"/emptied"), images.File("emptyfile", 0o644, "")),
		"SymlinkOverwrite":               one(link("file", outside+"/file"), images.File("./file/../file", 0o644, "broken out")),
		"SymlinkTruncate":                two(list(link("file", outside+"/file")), images.File("file", 0o644, "")),
		"SymlinkParentOfDirectory":       one(link("d", outside), dir("d/new", 0o755)),
		"SymlinkDirectoryChmod":          one(link("d", outside), dir("d/../d", 0o777)),
		"SymlinkChown":                   one(link("f", outside+"/file").Owned(1234, 1234)),
		"SymlinkDevice":                  one(link("d", outside), images.Device("d/null", 0o666, 1, 3)),
		"SymlinkPipe":                    one(link("d", outside), images.FIFO("d/pipe", 0o666)),
		"SymlinkSymlink":                 one(link("d", outside), link("d/new", "/")),
		"SymlinkThroughDotDot":           one(dir("a", 0o755), link("a/b", "../.."+up), file("a/b/new")),
		"SymlinkOfParentReplaced":        one(dir("p", 0o755), file("p/one"), link("p/../p", outside), file("p/new")),
		"SymlinkInLayerBelow":            two(list(link("d", outside)), file("d/new")),
		"SymlinkLoop":                    one(link("a", "b/a"), link("b", "a/b"), file("a/new")),
		"HardlinkUpAndOut":               one(hard("h", up+"/file", 0o644), images.File("./h/../h", 0o644, "broken out")),
		"HardlinkAbsolute":               one(hard("h", outside+"/file", 0o644)),
		"HardlinkChmod":                  one(hard("h", up+"/file", 0o777).Owned(1234, 1234)),
		"HardlinkSymlinkAbsolute":        one(link("d", outside), hard("h", "d/file", 0o777)),
		"HardlinkSymlinkRelative":        one(link("d", up), hard("h", "d/file", 0o777)),
		"HardlinkSymlinkBeforeCreate":    one(hard("h", "d/file", 0o777), link("d", outside)),
		"HardlinkSymlinkChmod":           one(link("s", outside+"/file"), hard("h", "s", 0o777).Owned(1234, 1234)),
		"HardlinkSymlinkUsingRelative":   one(dir("a", 0o755), link("a/d", ".."+"/.."+up), hard("h", "a/d/file", 0o777)),
		"HardlinkThroughItself":          one(link("d", outside), hard("d/new", "d/file", 0o644)),
		"HardlinkDirectory":              one(hard("h", up, 0o755), file("h/new")),
		"HardlinkInLayerBelow":           two(list(link("s", outside+"/file")), hard("h", "s", 0o777)),
		"WhiteoutRootParent":             one(file(".wh...")),
		"WhiteoutParent":                 one(dir("etc", 0o755), file("etc/.wh...")),
		"WhiteoutRoot":                   one(file(".wh..")),
		"WhiteoutCurrentDirectory":       one(dir("etc", 0o755), file("etc/.wh..")),
		"WhiteoutEmpty":                  one(dir("etc", 0o755), file("etc/.wh.")),
		"WhiteoutSymlink":                one(link("d", outside), file("d/.wh.file")),
		"WhiteoutSymlinkOpaque":          one(link("d", outside), file("d/.wh..wh..opq")),
		"WhiteoutUpAndOut":               one(file(up + "/.wh.file")),
		"WhiteoutOfSymlinkInLayerBelow":  two(list(link("d", outside)), file("d/.wh.file")),
		"NameUpAndOut":                   one(file(up + "/new")),
		"NameAbsolute":                   one(file(outside + "/new")),
		"NameThroughDirectoryUp":         one(dir("etc", 0o755), file("etc/.."+up+"/new")),
		"RootIsSymlink":                  one(link("/", outside), file("new")),
		"RootIsSymlinkByDot":             one(link(".", outside), file("new")),
		"RootIsHardlink":                 one(hard("/", outside, 0o755), file("new")),
		"ImplicitDirectoriesThroughLink": one(link("d", up+"/made"), file("d/one/two")),
	}
}
