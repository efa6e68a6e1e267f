// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// filesLimit is how many rotated files are looked for.
const filesLimit = 1000

// part is a file of the log. Its records stand at base and on, its size is that
// of when it was opened.
type part struct {
	f          *os.File
	base, size int64
}

// set is the files of a log, the oldest first.
type set struct {
	path  string
	parts []part
}

func (s *set) close() {
	for _, p := range s.parts {
		p.f.Close()
	}
	s.parts = nil
}

func rotated(path string, i int) string {
	if i == 0 {
		return path
	}
	return path + "." + strconv.Itoa(i)
}

// openFile opens a file of the log, and nothing that is none.
func openFile(path string) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// openSet opens all files of the log at path. A log without a file is
// fs.ErrNotExist.
func openSet(path string) (*set, error) {
	for {
		s := &set{path: path}
		whole, err := s.open()
		if err != nil {
			s.close()
			return nil, err
		}
		if whole {
			return s, nil
		}
		s.close() // it was rotated meanwhile
	}
}

// open opens the files; whole is false when they were moved meanwhile, so that
// one may be missing or there twice.
func (s *set) open() (whole bool, err error) {
	var infos []os.FileInfo
	for i := range filesLimit {
		f, info, err := openFile(rotated(s.path, i))
		if errors.Is(err, fs.ErrNotExist) && (i > 0 || exists(rotated(s.path, 1))) {
			if i == 0 {
				continue // the new one is not there yet
			}
			break
		}
		if err != nil {
			return false, err
		}
		s.parts = append([]part{{f: f, size: info.Size()}}, s.parts...)
		infos = append([]os.FileInfo{info}, infos...)
	}
	base := int64(0)
	for i := range s.parts {
		s.parts[i].base = base
		base += s.parts[i].size
	}
	newest, err := os.Lstat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // removed, or about to be made: what we have is all
	}
	return err == nil && len(infos) > 0 && os.SameFile(newest, infos[len(infos)-1]), err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// next gives the file that follows the one that is read last: of those that
// have come since, the oldest. lost is set when others were dropped before they
// could be read. Without a newer one, f is nil.
func (s *set) next() (f *os.File, lost bool, err error) {
	last, err := s.parts[len(s.parts)-1].f.Stat()
	if err != nil {
		return nil, false, err
	}
	for i := range filesLimit {
		info, err := os.Lstat(rotated(s.path, i))
		if errors.Is(err, fs.ErrNotExist) && i == 0 {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			if exists(rotated(s.path, i+1)) {
				continue // it is just being moved
			}
			return f, f != nil, nil // without any, the log is gone
		}
		if err == nil && os.SameFile(info, last) {
			return f, false, nil
		}
		older, _, oerr := openFile(rotated(s.path, i))
		if err == nil {
			err = oerr
		}
		if f != nil {
			f.Close()
		}
		if f = older; errors.Is(err, fs.ErrNotExist) {
			return s.next() // moved meanwhile
		} else if err != nil {
			return nil, false, err
		}
	}
	return f, true, nil
}
