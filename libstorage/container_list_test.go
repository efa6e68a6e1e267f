// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// TestListMeanwhile lists containers while their directories move from one kind
// to the other, as removals begin: each is there as a whole, or it is not there.
func TestListMeanwhile(t *testing.T) {
	store := openStore(t, libstorage.Options{})
	kinds := [2]string{filepath.Join(store.Root(), "tug", "containers"), filepath.Join(store.Root(), "tug", "ephemeral")}
	for _, dir := range kinds {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for i := range 200 {
		id := fmt.Sprintf("%064x", i+1)
		dir := filepath.Join(kinds[0], id)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{
			"lock":        id + "\n" + store.RunRoot() + "/tug/" + id + "\n",
			"record.json": fmt.Sprintf(`{"format":1,"id":%q,"name":"c%d","driver":"overlay","created":"2026-01-02T03:04:05Z"}`, id, i),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, id)
	}
	move := func(from, to string) {
		for _, id := range ids {
			if err := os.Rename(filepath.Join(from, id), filepath.Join(to, id)); err != nil {
				t.Error(err)
			}
		}
	}
	for range 8 {
		moved := make(chan bool)
		go func() {
			defer close(moved)
			move(kinds[0], kinds[1])
		}()
		for moving := true; moving; {
			select {
			case <-moved:
				moving = false
			default:
			}
			list, err := store.Containers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, info := range list {
				if info.Err != nil {
					t.Error(info.Err)
				}
			}
		}
		move(kinds[1], kinds[0])
	}
}
