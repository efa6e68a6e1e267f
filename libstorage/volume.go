// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

// What callers tell apart about volumes; see also ErrInvalidName and
// ErrDamaged.
var (
	// ErrVolumeUnknown: no volume has that name.
	ErrVolumeUnknown = errors.New("no such volume")
	// ErrVolumeAmbiguous: the names of several volumes begin so.
	ErrVolumeAmbiguous = errors.New("volume name is ambiguous")
	// ErrVolumeExists: a volume has that name already.
	ErrVolumeExists = errors.New("volume already exists")
	// ErrVolumeInUse: containers have the volume. VolumeInUseError has them.
	ErrVolumeInUse = errors.New("volume is in use")
)

// volumeFormat is the format of volume.json that this code writes.
const volumeFormat = 1

// LocalDriver is the one driver of volumes: a directory of the store, or a file
// system that is mounted there.
const LocalDriver = "local"

// Volume is what is known of a volume, and what volume.json says. doc_volume.go
// tells how it lives.
type Volume struct {
	// Format is 1.
	Format int `json:"format"`
	// Name is [a-zA-Z0-9][a-zA-Z0-9_.-]*.
	Name   string            `json:"name"`
	Driver string            `json:"driver"`
	Labels map[string]string `json:"labels,omitempty"`
	// Options are those of VolumeOptions.
	Options map[string]string `json:"options,omitempty"`
	Created time.Time         `json:"created"`
	// Anonymous: it was made for a container, and goes by rm --volumes.
	Anonymous bool `json:"anonymous,omitempty"`
	// Owner is the container that an anonymous volume goes with. It is taken
	// away when the container is removed without its volumes.
	Owner string `json:"owner,omitempty"`
	// UID and GID are the owner that was asked for; nil for none.
	UID *int `json:"uid,omitempty"`
	GID *int `json:"gid,omitempty"`
	// NeedsCopyUp: nothing was copied into it yet. NeedsChown: it still has the
	// owner that it was made with.
	NeedsCopyUp bool `json:"needsCopyUp,omitempty"`
	NeedsChown  bool `json:"needsChown,omitempty"`

	// Path is the directory with the content.
	Path string `json:"-"`
	// Err says why the record cannot be used: ErrDamaged, ErrNewerFormat. Name
	// and Path are set nevertheless.
	Err error `json:"-"`
}

// VolumeOptions say what volume to create.
type VolumeOptions struct {
	// Name is the volume's; empty takes NewVolumeName.
	Name string
	// Driver is LocalDriver, or empty.
	Driver string
	Labels map[string]string
	// Options are the driver's: type, device and o as mount(8) has them, and
	// copy or nocopy.
	Options map[string]string
	// Anonymous is Volume.Anonymous.
	Anonymous bool
}

// NewVolumeName makes up the name of an anonymous volume.
func NewVolumeName() string { return newID() }

// The files of a volume.
const (
	volumeFile = "volume.json"
	dataDir    = "_data"
	stageDir   = "staged"
	usersDir   = "users"
	mountedDir = "mounted"
)

// The names of what is not finished, and of what is being removed.
const (
	newPrefix  = ".new-"
	gonePrefix = ".gone-"
)

func (s *Store) volumeDir(name string) string { return s.root + "/tug/volumes/" + name }

// CheckVolumeName tells whether a volume can have that name.
func CheckVolumeName(name string) error {
	if validName(name) {
		return nil
	}
	shown := name[:min(len(name), nameLimit)]
	return errclass.New(errclass.Usage, shown, fmt.Errorf(
		"%q: %w: a volume's name is [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most %d bytes", shown, ErrInvalidName, nameLimit))
}

// VolumeInUseError says which containers have a volume; it is ErrVolumeInUse.
type VolumeInUseError struct {
	Volume string
	Users  []User
}

func (e *VolumeInUseError) Error() string {
	ids := make([]string, 0, len(e.Users))
	for _, u := range e.Users {
		id := shortID(u.ID)
		if u.Name != "" {
			id = u.Name + " (" + id + ")"
		}
		ids = append(ids, id)
	}
	return fmt.Sprintf("volume %s is being used by the following container(s): %s: %v", e.Volume, strings.Join(ids, ", "), ErrVolumeInUse)
}

// Is makes the error an ErrVolumeInUse.
func (e *VolumeInUseError) Is(target error) bool { return target == ErrVolumeInUse }

func unknownVolume(name string) error {
	return errclass.New(errclass.NotFound, name, fmt.Errorf("no volume with name %q found: %w", name, ErrVolumeUnknown))
}

func volumeError(name string, err error) error {
	return errclass.New(classOf(err), name, fmt.Errorf("volume %s: %w", name, err))
}

// A heldVolume is a volume whose lock this process has.
type heldVolume struct {
	Volume
	store *Store
	lock  *heldLock
	dir   string
}

func (v *heldVolume) path(elem ...string) string {
	return filepath.Join(append([]string{v.dir}, elem...)...)
}

func (v *heldVolume) unlock() error { return v.lock.unlock() }
