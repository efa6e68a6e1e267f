// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// What tug-run pays for its container around the runtime.
func BenchmarkContainer(b *testing.B) {
	for _, bench := range []struct {
		name   string
		shared bool // another container has the lease already
		opts   libstorage.ContainerOptions
	}{
		{"ephemeral", false, libstorage.ContainerOptions{Ephemeral: true}},
		{"ephemeral-shared-lease", true, libstorage.ContainerOptions{Ephemeral: true}},
		{"persistent", false, libstorage.ContainerOptions{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			store := openStore(b, libstorage.Options{})
			bench.opts.ImageID = addImage(b, store, busybox("localhost/box:1"))
			if bench.shared {
				createContainer(b, store, bench.opts)
			}
			for b.Loop() {
				benchOne(b, store, bench.opts)
			}
		})
	}
}

func benchOne(b *testing.B, store *libstorage.Store, opts libstorage.ContainerOptions) {
	c, err := store.CreateContainer(b.Context(), opts)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.Rootfs().Mount(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := c.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := c.Remove(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkSweepNothing(b *testing.B) {
	store := openStore(b, libstorage.Options{})
	for b.Loop() {
		if _, err := store.Sweep(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// What ps pays for a thousand containers.
func BenchmarkListThousand(b *testing.B) {
	store := openStore(b, libstorage.Options{})
	dir := b.TempDir()
	for range 1000 {
		c, err := store.CreateContainer(b.Context(), libstorage.ContainerOptions{Rootfs: dir, Ephemeral: true, Command: []string{"sleep", "1"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Update(func(r *libstorage.Record) { _ = r.Started(os.Getpid()) }); err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			list, err := store.Containers(b.Context())
			if err != nil || len(list) != 1000 {
				b.Fatal(len(list), err)
			}
			for i := range list {
				if list[i].Record.State() != libstorage.Running {
					b.Fatal(list[i].Record.State())
				}
			}
		}
	})
	b.Run("sweep", func(b *testing.B) {
		for b.Loop() {
			if removed, err := store.Sweep(b.Context(), nil); err != nil || len(removed) > 0 {
				b.Fatal(removed, err)
			}
		}
	})
}

// What tug-ps pays for its list: 1,000 containers that have ended.
func BenchmarkContainers(b *testing.B) {
	store := openStore(b, libstorage.Options{})
	for i := range 1000 {
		id := fmt.Sprintf("%064x", i+1)
		dir := filepath.Join(store.Root(), "tug", "containers", id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			b.Fatal(err)
		}
		record := fmt.Sprintf(`{"format":1,"id":%q,"name":"c%d","imageID":%q,"imageName":"localhost/box:1","driver":"overlay",`+
			`"created":"2026-01-02T03:04:05Z","command":["sleep","1000"],"labels":{"a":"b"},"starts":1,"exitCode":0,"bootID":"x"}`, id, i, id)
		for name, content := range map[string]string{
			"lock": id + "\n" + store.RunRoot() + "/tug/" + id + "\n", "record.json": record,
			"live.json": `{"format":1,"starts":1,"pid":7,"startTime":1,"bootID":"x","startedAt":"2026-01-02T03:04:05Z","monitor":8}`,
			"exit.json": `{"format":1,"starts":1,"code":3,"finished":"2026-01-02T03:04:05Z"}`,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		list, err := store.Containers(b.Context())
		if err != nil || len(list) != 1000 {
			b.Fatal(len(list), err)
		}
		for i := range list {
			if list[i].Record.State() != libstorage.Exited {
				b.Fatal(list[i])
			}
		}
	}
}
