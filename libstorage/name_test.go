// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

func TestOneWinnerOfGoroutines(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	for _, before := range []string{"", "stale"} {
		if before == "stale" {
			// A claim whose container is gone, as a foreign hand leaves it.
			if err := os.WriteFile(store.Root()+"/tug/names/one", []byte(strings.Repeat("0", 64)+"\n/x\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		start := make(chan struct{})
		won := make(chan *libstorage.Container, 32)
		for range 32 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				<-start
				c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image, Ephemeral: true})
				if err == nil {
					won <- c
				} else if !errors.Is(err, libstorage.ErrNameTaken) || !errors.Is(err, errclass.Conflict) {
					t.Error(err)
				}
			}()
		}
		close(start)
		wg.Wait()
		close(won)
		if len(won) != 1 {
			t.Errorf("%d winners", len(won))
		}
		for c := range won {
			var taken *libstorage.NameTakenError
			_, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image})
			if !errors.As(err, &taken) || taken.ID != c.ID() {
				t.Errorf("the name is taken: %v", err)
			}
			if err := c.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		}
		wantNothingLeft(t, store)
	}
}

func TestOneWinnerOfProcesses(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	var gates []io.Closer
	var outs []*bufio.Reader
	for range 32 {
		cmd := helperCommand(t, store, "claim", image)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Wait() }()
		gates, outs = append(gates, in), append(outs, bufio.NewReader(out))
	}
	for _, out := range outs {
		if line, err := out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	for _, gate := range gates {
		gate.Close()
	}
	winners := ""
	for _, out := range outs {
		line, err := out.ReadString('\n')
		if id, ok := strings.CutPrefix(line, "won "); ok {
			winners += id
		} else if line != "taken\n" {
			t.Errorf("%q, %v", line, err)
		}
	}
	info, err := store.Container(t.Context(), "one")
	if err != nil || winners != info.Record.ID+"\n" {
		t.Errorf("winners: %q; the name leads to %s, %v", winners, info.Record.ID, err)
	}
	if err := store.RemoveContainer(t.Context(), info.Record.ID, nil); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

// Every command sweeps while it makes its own container: the name of one that
// was killed is free as soon as what it left is removed, whoever does that.
func TestNameOfOneBeingRemoved(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	dead := createContainer(t, store, libstorage.ContainerOptions{Name: "one", ImageID: image, Ephemeral: true})
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	sweeping, goOn := make(chan struct{}), make(chan struct{})
	swept := make(chan error, 1)
	go func() {
		_, err := store.Sweep(t.Context(), func(context.Context, libstorage.ContainerInfo) error {
			close(sweeping)
			<-goOn
			return nil
		})
		swept <- err
	}()
	<-sweeping
	created := make(chan error, 1)
	go func() {
		c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{Name: "one", ImageID: image, Ephemeral: true})
		if err == nil {
			err = c.Remove(t.Context())
		}
		created <- err
	}()
	select {
	case err := <-created:
		t.Errorf("did not wait: %v", err)
		created <- nil
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	if err := errors.Join(<-swept, <-created); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}

func TestLookUpContainer(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	c := createContainer(t, store, libstorage.ContainerOptions{Name: "one", ImageID: image})
	d := createContainer(t, store, libstorage.ContainerOptions{ImageID: image, Ephemeral: true})
	for _, name := range []string{"one", c.ID(), c.ID()[:12]} {
		if info, err := store.Container(t.Context(), name); err != nil || info.Record.ID != c.ID() {
			t.Errorf("%s: %s, %v", name, info.Record.ID, err)
		}
	}
	if info, err := store.Container(t.Context(), d.Name()); err != nil || info.Record.ID != d.ID() {
		t.Errorf("a name that was made up, %s: %v", d.Name(), err)
	}
	for _, name := range []string{"", "two", ".lock", "../containers/" + c.ID(), "on", strings.Repeat("0", 64), "a/b", "\n"} {
		if info, err := store.Container(t.Context(), name); !errors.Is(err, libstorage.ErrContainerUnknown) || !errors.Is(err, errclass.NotFound) {
			t.Errorf("%q: %s, %v", name, info.Record.ID, err)
		}
	}
	// A name goes before the beginning of an ID.
	e := createContainer(t, store, libstorage.ContainerOptions{Name: c.ID()[:6], ImageID: image})
	if info, err := store.Container(t.Context(), c.ID()[:6]); err != nil || info.Record.ID != e.ID() {
		t.Errorf("name that looks like an ID: %s, %v", info.Record.ID, err)
	}
	if list, err := store.Containers(t.Context()); err != nil || len(list) != 3 || list[0].Record.ID != c.ID() || list[2].Record.ID != e.ID() {
		t.Errorf("Containers = %v, %v", list, err)
	}
}

func TestReplace(t *testing.T) {
	needRoot(t)
	store := openStore(t, libstorage.Options{})
	image := addImage(t, store, busybox())
	first := persist(t, store, image, "one")
	opts := libstorage.ContainerOptions{Name: "one", ImageID: image, Replace: true}
	second, err := store.CreateContainer(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Container(t.Context(), first.Record.ID); !errors.Is(err, libstorage.ErrContainerUnknown) {
		t.Errorf("the replaced one: %v", err)
	}
	// Somebody holds it, and lets go when it is asked to.
	opts.Stop = func(_ context.Context, info libstorage.ContainerInfo) error {
		if info.Record.ID != second.ID() {
			t.Errorf("asked to stop %s", info.Record.ID)
		}
		go func() { _ = second.Close() }()
		return nil
	}
	third, err := store.CreateContainer(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	// What cannot be stopped is not replaced, and the name stays.
	refuse := errors.New("no")
	opts.Stop = func(context.Context, libstorage.ContainerInfo) error { return refuse }
	if _, err := store.CreateContainer(t.Context(), opts); !errors.Is(err, refuse) {
		t.Errorf("refused: %v", err)
	}
	if info, err := store.Container(t.Context(), "one"); err != nil || info.Record.ID != third.ID() {
		t.Errorf("the name leads to %s, %v", info.Record.ID, err)
	}
	if err := third.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, store)
}
