// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tug-containers/tug/libexec/network/names"
)

func container(id string) names.Container {
	return names.Container{ID: id, Names: []string{id}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
}

func ids(t *testing.T, b names.Book, network string) string {
	t.Helper()
	f, err := b.Read(network)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range f.Containers {
		list = append(list, c.ID)
	}
	return strings.Join(list, " ")
}

// there says who is on a network.
func there(ids ...string) func() ([]names.Container, error) {
	return func() (all []names.Container, err error) {
		for _, id := range ids {
			all = append(all, container(id))
		}
		return all, nil
	}
}

func TestJoinAndLeave(t *testing.T) {
	b := names.Book{Dir: filepath.Join(t.TempDir(), "a", "names")}
	web := names.Network{Name: "web"}
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return b.Leave(t.Context(), "web", "a") }, ""},
		{func() error { return b.Join(t.Context(), web, container("a")) }, "a"},
		{func() error { return b.Join(t.Context(), web, container("b")) }, "a b"},
		{func() error { return b.Join(t.Context(), web, container("a")) }, "b a"},
		{func() error { return b.Restore(t.Context(), web, there("x")) }, "x"},
		{func() error { return errors.Join(os.RemoveAll(b.Dir), b.Restore(t.Context(), web, there("a", "b"))) }, "a b"},
		{func() error { return b.Leave(t.Context(), "web", "b") }, "a"},
		{func() error { return b.Leave(t.Context(), "web", "b") }, "a"},
		{func() error { return b.Leave(t.Context(), "web", "a") }, ""},
		{func() error { return b.Remove("web") }, ""},
		{func() error { return b.Remove("web") }, ""},
	} {
		if err := step.do(); err != nil {
			t.Error(err)
		}
		if got := ids(t, b, "web"); got != step.want {
			t.Errorf("containers: %q; want %q", got, step.want)
		}
	}
	if entries, err := os.ReadDir(b.Dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	b := names.Book{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := b.Join(t.Context(), names.Network{Name: "web"}, container(fmt.Sprint("c", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := strings.Fields(ids(t, b, "web")); len(got) != 50 {
		t.Errorf("%d containers", len(got))
	}
}

// TestDamagedFile is the file's own problem: who comes begins a new one.
func TestDamagedFile(t *testing.T) {
	b := names.Book{Dir: t.TempDir()}
	join := func() {
		t.Helper()
		if err := b.Join(t.Context(), names.Network{Name: "web"}, container("a")); err != nil {
			t.Fatal(err)
		}
	}
	join()
	for _, damage := range []string{"", "{", `{"format":7}`, strings.Repeat(" ", names.MaxFile+1)} {
		if err := os.WriteFile(filepath.Join(b.Dir, "web", "names"), []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read("web"); err == nil {
			t.Errorf("%.10q: read", damage)
		}
		join()
		if got := ids(t, b, "web"); got != "a" {
			t.Errorf("after %.10q: %q", damage, got)
		}
	}
}

func TestNetworkNames(t *testing.T) {
	b := names.Book{Dir: filepath.Join(t.TempDir(), "names")}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "a\x00b"} {
		if err := b.Join(t.Context(), names.Network{Name: name}, container("a")); err == nil {
			t.Errorf("network %q was joined", name)
		}
		if err := b.Remove(name); err == nil {
			t.Errorf("network %q was removed", name)
		}
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	b := names.Book{Dir: t.TempDir()}
	if err := b.Join(t.Context(), names.Network{Name: "web"}, container("a")); err != nil {
		t.Fatal(err)
	}
	held, err := names.Lock(t.Context(), filepath.Join(b.Dir, "web", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := b.Join(ctx, names.Network{Name: "web"}, container("b")); !errors.Is(err, enough) {
		t.Errorf("joined under another's lock: %v", err)
	}
	if got := ids(t, b, "web"); got != "a" {
		t.Errorf("containers: %q", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"network":{"name":"a","listen":["10.0.0.1"],"subnets":["10.0.0.0/24"]},"containers":[{"id":"a","names":["b"],"addresses":["10.0.0.2"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = names.Decode(data)
	})
}
