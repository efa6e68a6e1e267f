// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The files of a container; doc_container.go has the drawing.
const (
	recordFile = "record.json"
	lockFile   = "lock"
	upperDir   = "upper"
	workDir    = "work"
	mergedDir  = "merged"
	mountsDir  = "mounts"
	volumesDir = "volumes"
)

// PidFile is the file in a container's run directory that the OCI runtime
// writes (--pid-file). When a command is killed before it could note the
// process in the record, this is what still knows of it.
const PidFile = "pid"

func (s *Records) tug(elem ...string) string {
	return filepath.Join(append([]string{s.root, "tug"}, elem...)...)
}

func (s *Records) persistentDir(id string) string { return s.root + "/tug/containers/" + id }
func (s *Records) ephemeralDir(id string) string  { return s.root + "/tug/ephemeral/" + id }
func (s *Records) newRunDir(id string) string     { return s.runRoot + "/tug/" + id }
func (s *Records) nameLink(name string) string    { return s.root + "/tug/names/" + name }
func (s *Records) leaseFile(image string) string  { return s.root + "/tug/leases/" + image }

// mkdir makes a directory that only its owner can enter, and those above it
// when they are missing. It fails where there is one already.
func mkdir(path string) error {
	err := unix.Mkdir(path, 0o700)
	if err == unix.ENOENT {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		err = unix.Mkdir(path, 0o700)
	}
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// link gives a file another name, and makes the directory above that when it
// is missing.
func link(file, path string) error {
	err := unix.Link(file, path)
	if err == unix.ENOENT {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		err = unix.Link(file, path)
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: file, New: path, Err: err}
	}
	return nil
}
