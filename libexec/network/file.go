// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const fileLimit = 1 << 20

// readFile reads a small file of ours.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err == nil && len(data) > fileLimit {
		err = fmt.Errorf("larger than %d bytes", fileLimit)
	}
	return data, err
}

// replaceFile writes a file whole or not at all; a durable one survives a power
// cut.
func replaceFile(path string, data []byte, durable bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*"+unfinished)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if durable {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

// unfinished ends the names of files that are not renamed yet.
const unfinished = ".tmp"

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeFile does not mind when there is none.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// entries gives the names in a directory; of a missing one, none.
func entries(path string) ([]string, error) {
	d, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

// used gives the names of the networks that have something in a run directory;
// the locks beside them are no networks.
func used(runDir string) ([]string, error) {
	names, err := entries(filepath.Join(runDir, "networks"))
	return slices.DeleteFunc(names, func(name string) bool { return !validName(name) }), err
}

// jsonNames gives the names of the .json files in a directory, without that.
func jsonNames(dir string) ([]string, error) {
	all, err := entries(dir)
	var names []string
	for _, name := range all {
		if name, ok := strings.CutSuffix(name, ".json"); ok && name != "" && name[0] != '.' {
			names = append(names, name)
		}
	}
	return names, err
}

// lock waits for the lock of a file, and makes that. The lock ends with its
// holder.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
		if err == nil {
			return f.Close, nil
		}
		if err != unix.EAGAIN && err != unix.EACCES {
			return nil, errors.Join(&os.PathError{Op: "lock", Path: path, Err: err}, f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s: locked by another process: %w", path, context.Cause(ctx)), f.Close())
		case <-time.After(pause):
		}
	}
}
