// SPDX-License-Identifier: Apache-2.0

package run

import (
	"slices"
	"testing"

	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestCompleteVolumes(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	if _, err := store.CreateVolume(t.Context(), libstorage.VolumeOptions{Name: "named"}); err != nil {
		t.Fatal(err)
	}
	id := storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "keeper", ImageID: id})
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	globals := []string{"--root", store.Root(), "--runroot", store.RunRoot(), "--storage-driver", store.Driver()}
	for _, tc := range []struct{ args, want []string }{
		{[]string{"-v", ""}, []string{"named:"}},
		{[]string{"-v", "n"}, []string{"named:"}},
		{[]string{"-v", "/"}, nil},
		{[]string{"-v", "named:"}, nil},
		{[]string{"--volumes-from", "k"}, []string{"keeper"}},
		{[]string{"--image-volume", ""}, []string{"anonymous", "ignore", "tmpfs"}},
	} {
		got := storetest.Complete(t, New(), append(globals[:len(globals):len(globals)], tc.args...)...)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q, want %q", tc.args, got, tc.want)
		}
	}
}
