// SPDX-License-Identifier: Apache-2.0

package libstorage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/tug-containers/tug/libstorage"
)

// helperCommand is this test binary as another process that does one thing in
// a store.
func helperCommand(t *testing.T, store *libstorage.Store, name, image string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "TUG_TEST_HELPER="+name, "TUG_TEST_ROOT="+store.Root(),
		"TUG_TEST_RUNROOT="+store.RunRoot(), "TUG_TEST_DRIVER="+store.Driver(), "TUG_TEST_IMAGE="+image)
	return cmd
}

func helper(name string) int {
	if err := helperRun(name); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func helperRun(name string) error {
	ctx := context.Background()
	store, err := libstorage.Open(ctx, libstorage.Options{
		Root: os.Getenv("TUG_TEST_ROOT"), RunRoot: os.Getenv("TUG_TEST_RUNROOT"), Driver: os.Getenv("TUG_TEST_DRIVER"),
	})
	if err != nil {
		return err
	}
	defer store.Close()
	opts := libstorage.ContainerOptions{Name: "one", ImageID: os.Getenv("TUG_TEST_IMAGE"), Ephemeral: name == "ephemeral"}
	if name == "remove" {
		return onlyErr(store.Remove(ctx, os.Getenv("TUG_TEST_IMAGE"), libstorage.RemoveOptions{Force: true}))
	}
	if name == "rename" {
		return helperRename(ctx, store)
	}
	if name == "replace" {
		return helperReplace(ctx, store)
	}
	if name == "claim" {
		return helperClaim(ctx, store, opts)
	}
	if name == "volume" || name == "volume-at-once" {
		return helperVolume(ctx, store, name == "volume-at-once")
	}
	c, err := store.CreateContainer(ctx, opts)
	if err != nil {
		return err
	}
	if name == "held" {
		return helperHold(ctx, store, c)
	}
	if _, err := c.Rootfs().Mount(ctx); err != nil {
		return err
	}
	if err := c.Ready(ctx); err != nil {
		return err
	}
	if err := c.Update(func(r *libstorage.Record) { r.Command = []string{"true"} }); err != nil {
		return err
	}
	return c.Remove(ctx)
}

// helperHold mounts a container twice, unmounts it as often, and removes it.
func helperHold(ctx context.Context, store *libstorage.Store, c *libstorage.Container) error {
	if err := errors.Join(c.Ready(ctx), c.Close()); err != nil {
		return err
	}
	for range 2 {
		if _, err := store.HoldRootfs(ctx, c.ID()); err != nil {
			return err
		}
	}
	for range 2 {
		if err := store.ReleaseRootfs(ctx, c.ID(), false); err != nil {
			return err
		}
	}
	return store.RemoveContainer(ctx, c.ID(), nil)
}

// helperClaim waits for its standard input to end, then wants a name.
func helperClaim(ctx context.Context, store *libstorage.Store, opts libstorage.ContainerOptions) error {
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	c, err := store.CreateContainer(ctx, opts)
	if errors.Is(err, libstorage.ErrNameTaken) {
		fmt.Println("taken")
		return nil
	} else if err != nil {
		return err
	}
	fmt.Println("won", c.ID())
	return errors.Join(c.Ready(ctx), c.Close())
}
