// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"strconv"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// BenchmarkStore measures what a command does with the store before its own
// work, with few images and with many.
func BenchmarkStore(b *testing.B) {
	needRoot(b)
	for _, n := range []int{10, 1000} {
		opts := libstorage.Options{Root: b.TempDir(), RunRoot: b.TempDir(), Driver: "overlay", DriverOptions: []string{"overlay.sync=none"}}
		store := openStore(b, opts)
		id := ""
		for i := range n {
			id = addImage(b, store, recipe{Names: []string{"localhost/box:" + strconv.Itoa(i)}, Layers: []map[string]string{{"a": strconv.Itoa(i % 100)}, {"b": strconv.Itoa(i)}}})
		}
		for name, do := range map[string]func() error{
			"Open": func() error {
				s, err := libstorage.Open(b.Context(), opts)
				if err != nil {
					return err
				}
				return s.Close()
			},
			"Image":     func() error { return onlyErr(store.Image(b.Context(), "box:1")) },
			"Image-ID":  func() error { return onlyErr(store.Image(b.Context(), id[:12])) },
			"Config":    func() error { return onlyErr(store.Config(b.Context(), id)) },
			"LayerDirs": func() error { return onlyErr(store.LayerDirs(b.Context(), id)) },
			"Images":    func() error { return onlyErr(store.Images(b.Context())) },
			"Lineage":   func() error { return onlyErr(store.Lineage(b.Context())) },
		} {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				for b.Loop() {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
