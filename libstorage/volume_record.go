// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"golang.org/x/sys/unix"
)

// lockVolume waits for the lock of a volume, and reads it. One whose record
// cannot be read has that as its Err.
func (s *Store) lockVolume(ctx context.Context, name string) (*heldVolume, error) {
	if !validName(name) {
		return nil, unknownVolume(name)
	}
	dir := s.volumeDir(name)
	path := dir + "/" + lockFile
	for {
		if !s.hasVolume(name) {
			return nil, unknownVolume(name)
		}
		l, err := waitLock(ctx, path, func(path string) (*heldLock, error) { return openLock(path, unix.O_CREAT, lockWhole) })
		switch {
		case errors.Is(err, errGone):
			continue
		case errors.Is(err, fs.ErrNotExist):
			return nil, unknownVolume(name)
		case err != nil:
			return nil, volumeError(name, err)
		}
		if !l.isAt(path) {
			_ = l.unlock() // it has gone, and there may be another
			continue
		}
		return &heldVolume{Volume: s.readVolume(name), store: s, lock: l, dir: dir}, nil
	}
}

// isAt tells whether the locked file is the one at path.
func (l *heldLock) isAt(path string) bool {
	var own, there unix.Stat_t
	return unix.Fstat(l.fd, &own) == nil && unix.Lstat(path, &there) == nil && own.Ino == there.Ino && own.Dev == there.Dev
}

// readVolume reads a record without a lock.
func (s *Store) readVolume(name string) Volume {
	v, err := parseVolumeFile(name, s.volumeDir(name)+"/"+volumeFile)
	v.Name, v.Path, v.Err = name, s.volumeDir(name)+"/"+dataDir, err
	return v
}

func parseVolumeFile(name, path string) (v Volume, err error) {
	data, err := ondisk.Read(path, recordLimit)
	if err != nil {
		return v, damaged("volume "+name, "record", err)
	}
	return parseVolume(name, data)
}

func parseVolume(name string, data []byte) (Volume, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Volume{}, damaged("volume "+name, "record", err)
	}
	if head.Format > volumeFormat {
		return Volume{Format: head.Format}, errclass.New(errclass.Unsupported, name, fmt.Errorf(
			"volume %s: record of format %d: %w: this version knows format %d", name, head.Format, ErrNewerFormat, volumeFormat))
	}
	var v Volume
	err := json.Unmarshal(data, &v)
	switch {
	case err != nil:
	case v.Format < 1:
		err = errors.New("no format number")
	case v.Name != name:
		err = fmt.Errorf("it is that of volume %q", v.Name)
	}
	if err != nil {
		return Volume{}, damaged("volume "+name, "record", err)
	}
	return v, nil
}

// write writes the record.
func (v *heldVolume) write(durable bool) error {
	data, err := json.Marshal(&v.Volume)
	if err == nil {
		err = ondisk.Replace(v.path(volumeFile), data, 0o600, durable)
	}
	if err != nil {
		return volumeError(v.Name, fmt.Errorf("write record: %w", err))
	}
	return nil
}

// change writes a record that change has changed; when that fails it is as it
// was.
func (v *heldVolume) change(change func(*Volume)) error {
	before := v.Volume
	change(&v.Volume)
	if err := v.write(true); err != nil {
		v.Volume = before
		return err
	}
	return nil
}
