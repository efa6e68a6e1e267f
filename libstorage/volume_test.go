// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

func createVolume(t *testing.T, store *libstorage.Store, opts libstorage.VolumeOptions) libstorage.Volume {
	t.Helper()
	v, err := store.CreateVolume(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVolumes(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	ctx := t.Context()
	if list, err := store.Volumes(ctx); err != nil || len(list) != 0 {
		t.Fatalf("an empty store has %v, %v", list, err)
	}
	made := createVolume(t, store, libstorage.VolumeOptions{Name: "data", Labels: map[string]string{"a": "b"}})
	unnamed := createVolume(t, store, libstorage.VolumeOptions{})
	if len(unnamed.Name) != 64 || unnamed.Anonymous {
		t.Errorf("without a name: %+v", unnamed)
	}
	if _, err := store.CreateVolume(ctx, libstorage.VolumeOptions{Name: "data"}); !errors.Is(err, libstorage.ErrVolumeExists) || !isClass(err, errclass.Conflict) {
		t.Errorf("twice: %v", err)
	}
	got, err := store.FindVolume(ctx, "dat")
	if err != nil || got.Name != "data" || got.Labels["a"] != "b" || got.Path != made.Path || !got.NeedsCopyUp || !got.NeedsChown || got.Driver != "local" {
		t.Errorf("by the beginning of its name: %+v, %v", got, err)
	}
	if st, err := os.Stat(got.Path); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("its directory: %v, %v", st, err)
	}
	createVolume(t, store, libstorage.VolumeOptions{Name: "data2"})
	if _, err := store.FindVolume(ctx, "da"); !errors.Is(err, libstorage.ErrVolumeAmbiguous) {
		t.Errorf("ambiguous: %v", err)
	}
	if got, err := store.FindVolume(ctx, "data"); err != nil || got.Name != "data" {
		t.Errorf("a name that another begins with: %+v, %v", got, err)
	}
	for _, name := range []string{"data", "data2", unnamed.Name} {
		if err := store.RemoveVolume(ctx, name); err != nil {
			t.Error(err)
		}
	}
	if err := store.RemoveVolume(ctx, "data"); !errors.Is(err, libstorage.ErrVolumeUnknown) || !isClass(err, errclass.NotFound) {
		t.Errorf("gone: %v", err)
	}
	if left := leftOfVolumes(t, store); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestVolumeNames(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	for _, name := range []string{"-x", "--help", "..", ".", "a/b", "a\nb", ".json", "%n", "é", strings.Repeat("a", 129), ".new-1"} {
		if _, err := store.CreateVolume(t.Context(), libstorage.VolumeOptions{Name: name}); !errors.Is(err, libstorage.ErrInvalidName) || !isClass(err, errclass.Usage) {
			t.Errorf("create %q: %v", name, err)
		}
		if err := store.RemoveVolume(t.Context(), name); !errors.Is(err, libstorage.ErrVolumeUnknown) {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	for _, name := range []string{"con", "0", "a_b.c-d", strings.Repeat("a", 128)} {
		createVolume(t, store, libstorage.VolumeOptions{Name: name})
	}
}

func TestVolumeOptions(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	for name, tc := range map[string]struct {
		options map[string]string
		class   errclass.Class
	}{
		"other":     {map[string]string{"foo": "bar"}, errclass.Usage},
		"quota":     {map[string]string{"o": "size=1m"}, errclass.Unsupported},
		"uid":       {map[string]string{"o": "uid=-1"}, errclass.Usage},
		"no-type":   {map[string]string{"o": "nodev"}, errclass.Usage},
		"no-device": {map[string]string{"type": "tmpfs"}, errclass.Usage},
		"both":      {map[string]string{"copy": "true", "nocopy": "true"}, errclass.Usage},
	} {
		if _, err := store.CreateVolume(t.Context(), libstorage.VolumeOptions{Name: name, Options: tc.options}); !isClass(err, tc.class) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := store.CreateVolume(t.Context(), libstorage.VolumeOptions{Driver: "other"}); !isClass(err, errclass.Unsupported) {
		t.Errorf("driver: %v", err)
	}
	if list, err := store.Volumes(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("refused ones are there: %v, %v", list, err)
	}
	needRoot(t)
	v := createVolume(t, store, libstorage.VolumeOptions{Options: map[string]string{"o": "uid=1000,gid=100"}})
	if uid, gid := owner(t, v.Path); uid != 1000 || gid != 100 || v.NeedsChown {
		t.Errorf("owner %d:%d, %+v", uid, gid, v)
	}
}

// A damaged record is that volume's problem alone, and it can be removed.
func TestVolumeDamage(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	ctx := t.Context()
	good := createVolume(t, store, libstorage.VolumeOptions{Name: "good"})
	for name, text := range map[string]string{
		"empty": "", "half": `{"format":1,"na`, "other": `{"format":1,"name":"good"}`, "none": `{"name":"none"}`, "list": "[]", "newer": `{"format":2,"name":7}`,
	} {
		v := createVolume(t, store, libstorage.VolumeOptions{Name: name})
		if err := os.WriteFile(filepath.Join(filepath.Dir(v.Path), "volume.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := libstorage.ErrDamaged
		if name == "newer" {
			want = libstorage.ErrNewerFormat
		}
		if got, err := store.Volume(ctx, name); err != nil || !errors.Is(got.Err, want) || got.Name != name || got.Path != v.Path {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	list, err := store.Volumes(ctx)
	if err != nil || len(list) != 7 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, v := range list {
		if (v.Err == nil) != (v.Name == good.Name) {
			t.Errorf("%s: %v", v.Name, v.Err)
		}
		if err := store.RemoveVolume(ctx, v.Name); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// F27: something else in the place of a record. Nothing of it is followed or
// waited for, nobody gets the volume, and its content is as it was.
func TestF27VolumeRecords(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	good := createVolume(t, store, libstorage.VolumeOptions{Name: "good"})
	for name, put := range map[string]func(record string) error{
		"directory": func(record string) error { return os.MkdirAll(record+"/below", 0o700) },
		"link": func(record string) error {
			return os.Symlink(filepath.Join(filepath.Dir(good.Path), "volume.json"), record)
		},
		"dangling": func(record string) error { return os.Symlink(elsewhere, record) },
		"FIFO":     func(record string) error { return unix.Mkfifo(record, 0o600) },
		"large":    func(record string) error { return os.WriteFile(record, make([]byte, 2<<20), 0o600) },
		"missing":  func(string) error { return nil },
	} {
		v := createVolume(t, store, libstorage.VolumeOptions{Name: name})
		record, mine := filepath.Join(filepath.Dir(v.Path), "volume.json"), filepath.Join(v.Path, "mine")
		if err := errors.Join(os.WriteFile(mine, []byte("mine"), 0o600), os.Remove(record), put(record)); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Volume(t.Context(), name); err != nil || !errors.Is(got.Err, libstorage.ErrDamaged) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Rootfs: dir, Volumes: []libstorage.VolumeOptions{{Name: name}}}); !errors.Is(err, libstorage.ErrDamaged) {
			t.Errorf("%s: a container gets it: %v, %v", name, c, err)
		}
		nothing := func(string) error { return nil }
		if err := store.ReplaceVolume(t.Context(), name, nothing); !errors.Is(err, libstorage.ErrDamaged) {
			t.Errorf("%s: its content is replaced: %v", name, err)
		}
		if _, err := store.CollectVolumes(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := os.ReadFile(mine); string(data) != "mine" {
			t.Errorf("%s: the content: %q, %v", name, data, err)
		}
		if err := store.RemoveVolume(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := leftOfVolumes(t, store); !slices.Equal(left, []string{"good"}) {
		t.Errorf("left: %q", left)
	}
	if got, err := store.Volume(t.Context(), "good"); err != nil || got.Err != nil {
		t.Errorf("the good one: %v, %v", got.Err, err)
	}
}

// F24: what is not a volume is left alone, or collected where it is ours; what a
// volume has lost but its record and content does not matter.
func TestF24VolumeLeftovers(t *testing.T) {
	needRoot(t)
	store, dir := openStore(t, libstorage.Options{}), root(t)
	v := createVolume(t, store, libstorage.VolumeOptions{Name: "v"})
	volumes, own := filepath.Join(store.Root(), "tug/volumes"), filepath.Dir(v.Path)
	err := errors.Join(
		os.WriteFile(volumes+"/file", nil, 0o600), os.Mkdir(volumes+"/not a name", 0o700), os.Mkdir(volumes+"/.theirs", 0o700),
		os.MkdirAll(volumes+"/.new-1/_data/half", 0o700), os.MkdirAll(volumes+"/.gone-1/_data", 0o700), os.WriteFile(volumes+"/.gone-1/lock", nil, 0o600),
		os.Symlink(t.TempDir(), volumes+"/outside"), os.Remove(own+"/lock"), os.Remove(own+"/users"), os.Remove(own+"/mounted"), os.MkdirAll(own+"/staged/half", 0o700),
		os.WriteFile(own+"/theirs", nil, 0o600), os.Symlink(v.Path, volumes+"/linked"))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := store.Volumes(t.Context()); err != nil || len(list) != 1 || list[0].Err != nil {
		t.Errorf("volumes: %+v, %v", list, err)
	}
	if _, err := store.CollectVolumes(t.Context()); err != nil {
		t.Error(err)
	}
	if left := leftOfVolumes(t, store); !slices.Equal(left, []string{".theirs", "file", "linked", "not a name", "outside", "v"}) {
		t.Errorf("left: %q", left)
	}
	if _, err := os.Lstat(own + "/staged"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half of a copy: %v", err)
	}
	c := withVolumes(t, store, dir, libstorage.VolumeOptions{Name: "v"})
	if got := tree(t, mountVolume(t, c, "v", libstorage.VolumeMount{Root: dir, Destination: "/data"}).Path); got != whole {
		t.Errorf("filled: %q", got)
	}
	if err := store.RemoveVolume(t.Context(), "v"); !errors.Is(err, libstorage.ErrVolumeInUse) {
		t.Errorf("in use: %v", err)
	}
	if err := errors.Join(c.Remove(t.Context()), store.RemoveVolume(t.Context(), "v")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"file", "linked", "outside"} {
		if _, err := store.CreateVolume(t.Context(), libstorage.VolumeOptions{Name: name}); err == nil {
			t.Errorf("%s was replaced", name)
		}
		if err := store.RemoveVolume(t.Context(), name); !errors.Is(err, libstorage.ErrVolumeUnknown) {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
}

// leftOfVolumes lists what is in the directory of the volumes.
func leftOfVolumes(t *testing.T, store *libstorage.Store) []string {
	t.Helper()
	list, err := os.ReadDir(store.Root() + "/tug/volumes")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
