// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/command/rmi"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestCompleteImages(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	id := storetest.Add(t, store, storetest.Busybox("docker.io/library/busybox:latest", "localhost/box:1"))
	for _, tc := range []struct {
		typed []string
		want  []string
	}{
		{[]string{"b"}, []string{"box:1", "busybox", "busybox:latest"}},
		{[]string{"docker"}, []string{"docker.io/library/busybox:latest"}},
		{[]string{"localhost/"}, []string{"localhost/box:1"}},
		{[]string{"box:1", "bo"}, nil},
		{[]string{id[:20]}, []string{id[:20]}},
		{[]string{"zzz"}, nil},
	} {
		args := []string{"--root", store.Root(), "--runroot", store.RunRoot(), "--storage-driver", store.Driver()}
		cmd := rmi.New()
		got := storetest.Complete(t, cmd, append(args, tc.typed...)...)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q completes to %q, want %q", tc.typed, got, tc.want)
		}
	}
	got := storetest.Complete(t, rmi.New(), "--root", "/dev/null/x", "--runroot", t.TempDir(), strings.Repeat("a", 3))
	if got != nil {
		t.Errorf("a store that cannot be opened completes to %q", got)
	}
}
