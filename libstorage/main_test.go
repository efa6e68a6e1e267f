// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"os"
	"testing"

	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) {
	if name := os.Getenv("TUG_TEST_HELPER"); name != "" {
		os.Exit(helper(name))
	}
	storetest.Main(m)
}

// forEachDriver runs a test on every driver that works here.
func forEachDriver(t *testing.T, test func(t *testing.T, driver string)) {
	needRoot(t)
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) { test(t, driver) })
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	storetest.NeedRoot(t)
}

func openStore(t testing.TB, opts libstorage.Options) *libstorage.Store {
	t.Helper()
	return storetest.Open(t, opts)
}

type recipe = storetest.Recipe

func addImage(t testing.TB, store *libstorage.Store, r recipe) string {
	t.Helper()
	return storetest.Add(t, store, r)
}

func busybox(names ...string) recipe { return storetest.Busybox(names...) }

func imageIDs(t *testing.T, store *libstorage.Store) []string {
	t.Helper()
	images, err := store.Images(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, len(images))
	for _, img := range images {
		ids = append(ids, img.ID)
	}
	return ids
}
