// SPDX-License-Identifier: Apache-2.0

package tag_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/command/tag"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestTag(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	id := storetest.Add(t, store, storetest.Busybox("docker.io/library/busybox:latest"))
	if got := storetest.Run(t, tag.New(), store, "busybox", "one", "quay.io/two:2"); got != (storetest.Result{}) {
		t.Fatalf("%+v", got)
	}
	img, err := store.Image(t.Context(), id)
	want := []string{"docker.io/library/busybox:latest", "localhost/one:latest", "quay.io/two:2"}
	slices.Sort(img.Names)
	if err != nil || !slices.Equal(img.Names, want) {
		t.Errorf("names = %v, %v; want %v", img.Names, err, want)
	}
}

func TestTagRefuses(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	for _, args := range [][]string{{}, {"a:1"}, {"missing", "x"}, {"a:1", "ok", "NOT OK"}, {"a:1", "--", "-x"}} {
		got := storetest.Run(t, tag.New(), store, args...)
		if got.Code != 125 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("tag %q = %+v", args, got)
		}
	}
	if _, err := store.Image(t.Context(), "ok"); err == nil {
		t.Error("a wrong name comes after a right one, and that is set")
	}
}
