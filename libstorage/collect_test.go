// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/libstorage"
)

// collected runs Collect, and gives kinds and names of what it speaks of.
func collected(t *testing.T, store *libstorage.Store, o libstorage.CollectOptions) []string {
	t.Helper()
	found, err := store.Collect(t.Context(), o)
	if err != nil {
		t.Error(err)
	}
	var list []string
	for _, l := range found {
		if l.Why == "" {
			t.Errorf("%s %s: no reason", l.Kind, l.Name)
		}
		list = append(list, l.Kind+" "+l.Name)
	}
	slices.Sort(list)
	return list
}

// everything lists all files of a store, but for what the library writes.
func everything(t *testing.T, store *libstorage.Store) string {
	t.Helper()
	var all []string
	for _, top := range []string{store.Root() + "/tug", store.RunRoot() + "/tug"} {
		err := filepath.WalkDir(top, func(name string, _ os.DirEntry, err error) error {
			if err == nil {
				all = append(all, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(all, "\n")
}

func TestCollect(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox("localhost/box:1"))
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	// What is owned: a container that is kept mounted, one that somebody has the
	// lock of, one that never ran, volumes.
	owned := create(t, store, "owned", t.TempDir())
	held, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "held", ImageID: image})
	must(err, held.Ready(t.Context()), held.Close())
	_, err = store.HoldRootfs(t.Context(), "held")
	must(err)
	busy, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "busy", ImageID: image, Ephemeral: true})
	must(err)
	_, err = busy.Rootfs().Mount(t.Context())
	must(err, busy.Ready(t.Context()))
	for _, v := range []libstorage.VolumeOptions{{Name: "named"}, {Name: "loose", Anonymous: true}} {
		_, err = store.CreateVolume(t.Context(), v)
		must(err)
	}
	before := everything(t, store)
	if got := collected(t, store, libstorage.CollectOptions{}); len(got) > 0 || everything(t, store) != before {
		t.Fatalf("of what is owned, %q went", got)
	}

	// What is not. A second container of the same image keeps the lease.
	names, tug := store.Root()+"/tug/names/", store.Root()+"/tug/"
	killed, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{
		Name: "killed", ImageID: image, Ephemeral: true, Volumes: []libstorage.VolumeOptions{{Name: "orphan", Anonymous: true}},
	})
	must(err)
	_, err = killed.Rootfs().Mount(t.Context())
	must(err, killed.Ready(t.Context()), killed.Close())
	gone := create(t, store, "gone", t.TempDir())
	must(os.RemoveAll(tug+"containers/"+gone), os.RemoveAll(store.RunRoot()+"/tug/"+gone))
	must(os.Link(tug+"containers/"+owned+"/lock", names+"second"))
	must(os.WriteFile(tug+"containers/"+owned+"/record.json.tmp", nil, 0o600))
	must(os.MkdirAll(tug+"volumes/.new-1", 0o700), os.Chtimes(tug+"volumes/.new-1", time.Time{}, time.Unix(1, 0)))
	must(os.MkdirAll(tug+"volumes/named/staged/x", 0o700))
	must(os.WriteFile(tug+"leases/"+strings.Repeat("a", 64), nil, 0o600))
	ran, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "ran", ImageID: image})
	must(err)
	_, err = ran.Rootfs().Mount(t.Context())
	must(err, ran.Ready(t.Context()), ran.Update(func(r *libstorage.Record) { r.Starting(); r.Exit(1) }), ran.Close())
	looked, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "looked", ImageID: image})
	must(err)
	_, err = looked.Rootfs().Mount(t.Context())
	must(err, looked.Ready(t.Context()), looked.Close())

	settled := ""
	o := libstorage.CollectOptions{DryRun: true, Settle: func(ctx context.Context, info libstorage.ContainerInfo) error {
		settled = info.Record.ID
		c, err := store.OpenContainer(ctx, settled)
		if err == nil {
			err = errors.Join(c.Cleanup(), c.Close())
		}
		return err
	}}
	want := []string{
		"container " + killed.ID(), "file " + tug + "containers/" + owned + "/record.json.tmp", "lease " + strings.Repeat("a", 64),
		"name gone", "name second", "run " + ran.ID(), "run " + looked.ID(), "volume .new-1", "volume named",
	}
	slices.Sort(want)
	before = everything(t, store)
	if got := collected(t, store, o); !slices.Equal(got, want) || everything(t, store) != before || settled != "" {
		t.Errorf("a dry run finds %q, want %q", got, want)
	}
	o.DryRun = false
	if got := collected(t, store, o); !slices.Equal(got, want) || settled != ran.ID() {
		t.Errorf("removed %q, want %q", got, want)
	}
	if got := collected(t, store, o); len(got) > 0 {
		t.Errorf("a second time finds %q", got)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Count(string(mounts), store.RunRoot()) != 2 {
		t.Errorf("%v; want two of these mounted:\n%s", err, mounts)
	}
	for _, name := range []string{"owned", "held", "busy", "ran", "looked"} {
		if _, err := store.Container(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"named", "loose"} {
		if v, err := store.Volume(t.Context(), name); err != nil || v.Err != nil {
			t.Errorf("%s: %v, %v", name, err, v.Err)
		}
	}
	must(busy.Remove(t.Context()))
	for _, id := range []string{owned, held.ID(), ran.ID(), looked.ID()} {
		must(store.RemoveContainer(t.Context(), id, nil))
	}
	wantNothingLeft(t, store)
}
