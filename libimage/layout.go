// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"
)

// lockLayout locks the directory of an OCI layout for the time of a copy: the
// library reads its index at the beginning and writes it at the end, so of two
// copies at once one would lose its tag. The function ends it; a directory
// that was made for a copy that failed goes.
func lockLayout(ctx context.Context, to types.ImageReference) (func() error, error) {
	if to.Transport().Name() != "oci" {
		return func() error { return nil }, nil
	}
	path, _, _ := strings.Cut(to.StringWithinTransport(), ":")
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := flock(dir, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() error {
				_ = unix.Rmdir(path) // only one that is empty
				return dir.Close()
			}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(err, dir.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for %s: %w", path, context.Cause(ctx)), dir.Close())
		case <-tick.C:
		}
	}
}

// finished is the file that a directory of an image has at the end of a copy.
var finished = map[string]string{"oci": "index.json", "dir": "manifest.json"}

// newDirectory gives the directory that a copy to to is about to make; it is ""
// when there is one, or none is made.
func newDirectory(to types.ImageReference) string {
	if finished[to.Transport().Name()] == "" {
		return ""
	}
	path, _, _ := strings.Cut(to.StringWithinTransport(), ":")
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return path
}

// removeUnfinished takes away what a failed copy has left in the directory that
// it made, but not an image that another copy has put there meanwhile.
func removeUnfinished(dir string, to types.ImageReference) error {
	_, err := os.Lstat(filepath.Join(dir, finished[to.Transport().Name()]))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}
