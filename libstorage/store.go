// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// Store is an open store. Open makes it, Close ends it; closing leaves
// everything on disk as it is. It may be used by several goroutines, and by
// several processes at once: what needs a lock takes a lock file in the store.
type Store struct {
	Records
	lib      storage.Store
	scratch  string // the graph root that stands in for a read-only one
	readOnly bool
	// namespaceOptions are of every overlay that is mounted here.
	namespaceOptions []string
}

// Open opens the store that opts name, and creates it where there is none.
// It costs about half a millisecond. A store that cannot be written (a
// read-only mount, a squashfs) opens too: what reads works, everything else
// is ErrReadOnly.
//
// A store whose records are damaged (an empty images.json, as a power cut
// leaves it) is not opened: the first write would replace them by a list of
// nothing. The error is ErrDamaged and names the file.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	so, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	if err := checkRecords(so.GraphRoot, so.GraphDriverName); err != nil {
		return nil, err
	}
	lib, err := getStoreWithin(ctx, so)
	if err == nil {
		s := &Store{lib: lib, Records: Records{lib.GraphRoot(), lib.RunRoot()}, namespaceOptions: namespaceOptions()}
		return s, nil
	}
	if readOnlyError(err) {
		return openReadOnly(so, err)
	}
	return nil, openError(so.GraphRoot, err)
}

// getStoreWithin gives up when ctx is done. The library waits for its locks,
// and whoever has one may be stopped.
func getStoreWithin(ctx context.Context, so storage.StoreOptions) (storage.Store, error) {
	type result struct {
		lib storage.Store
		err error
	}
	got := make(chan result, 1)
	go func() {
		lib, err := getStore(so)
		got <- result{lib, err}
	}()
	select {
	case r := <-got:
		return r.lib, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for its locks: %w", context.Cause(ctx))
	}
}

func getStore(so storage.StoreOptions) (lib storage.Store, err error) {
	defer caught(so.GraphRoot, &err)
	return storage.GetStore(so)
}

// Close releases what the process holds of the store.
func (s *Store) Close() error {
	s.lib.Free()
	if s.scratch == "" {
		return nil
	}
	return os.RemoveAll(s.scratch)
}

// Driver names the storage driver: overlay, vfs, btrfs, zfs.
func (s *Store) Driver() string { return s.lib.GraphDriverName() }

// ReadOnly tells that the store cannot be written.
func (s *Store) ReadOnly() bool { return s.readOnly }

// Library is the store as go.podman.io/storage knows it, for what this package
// does not offer. In a read-only store its GraphRoot is not Root.
func (s *Store) Library() storage.Store {
	if !s.readOnly {
		s.keepBallast() // who asks for it may fill the disk
	}
	return s.lib
}

// writable is the first line of whatever changes the store.
func (s *Store) writable() error {
	if !s.readOnly {
		return nil
	}
	return errclass.New(errclass.Conflict, s.root, fmt.Errorf("store %s: %w", s.root, ErrReadOnly))
}

// openReadOnly opens a store that cannot be written: an empty graph root in
// the run root, or in the directory for temporary files when that cannot be
// written either, has the real one as an additional image store.
func openReadOnly(so storage.StoreOptions, cause error) (*Store, error) {
	driver := so.GraphDriverName
	if driver == "" {
		driver = driverOf(so.GraphRoot)
	}
	// Without its lock file the library would show such a store as empty.
	if driver == "" || unix.Access(filepath.Join(so.GraphRoot, driver+"-images", "images.lock"), unix.R_OK) != nil {
		return nil, openError(so.GraphRoot, cause)
	}
	scratch, runRoot, err := scratchRoot(so.RunRoot)
	if err != nil {
		return nil, openError(so.GraphRoot, errors.Join(cause, err))
	}
	root := so.GraphRoot
	so.GraphRoot, so.RunRoot, so.ImageStore, so.GraphDriverName = filepath.Join(scratch, "root"), filepath.Join(scratch, "run"), "", driver
	so.GraphDriverOptions = append(so.GraphDriverOptions, "imagestore="+root)
	lib, err := getStore(so)
	if err != nil {
		return nil, errors.Join(openError(root, err), os.RemoveAll(scratch))
	}
	return &Store{lib: lib, Records: Records{root, runRoot}, scratch: scratch, readOnly: true}, nil
}

// scratchRoot makes a directory for openReadOnly and names the run root that
// the store says it has.
func scratchRoot(runRoot string) (scratch, run string, err error) {
	parent := filepath.Join(runRoot, "tug")
	if err = os.MkdirAll(parent, 0o700); err == nil {
		if scratch, err = os.MkdirTemp(parent, "read-only-"); err == nil {
			return scratch, runRoot, nil
		}
	}
	scratch, err = os.MkdirTemp("", "tug-read-only-")
	return scratch, filepath.Join(scratch, "run"), err
}

// driverOf tells which driver a graph root was written by, or "".
func driverOf(root string) string {
	for _, driver := range []string{"overlay", "btrfs", "zfs", "vfs"} {
		if _, err := os.Stat(filepath.Join(root, driver+"-images")); err == nil {
			return driver
		}
	}
	return ""
}

// checkRecords refuses a store with an empty record file. The library takes
// that for a list of nothing; it never writes such a file itself.
func checkRecords(root, driver string) error {
	if driver == "" {
		if driver = driverOf(root); driver == "" {
			return nil
		}
	}
	for _, kind := range recordKinds {
		path := recordPath(root, driver, kind)
		info, err := os.Stat(path)
		if err == nil && info.Size() == 0 {
			return errclass.New(errclass.Internal, path, fmt.Errorf(
				"%s is empty: %w: nothing is written to this store until the file is restored or deleted", path, ErrDamaged))
		}
	}
	return nil
}

// recordKinds are the lists of records that the library keeps: a constant.
var recordKinds = [...]string{"images", "layers", "containers"}

func recordPath(root, driver, kind string) string {
	return filepath.Join(root, driver+"-"+kind, kind+".json")
}

func readOnlyError(err error) bool {
	return errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission)
}

func openError(root string, err error) error {
	return errclass.New(classOf(err), root, fmt.Errorf("open store %s: %w", root, err))
}
