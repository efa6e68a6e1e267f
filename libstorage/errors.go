// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// What callers tell apart with errors.Is. The errors that are returned name
// the object and carry a class of internal/errclass as well.
var (
	// ErrImageUnknown: no image has that name or ID.
	ErrImageUnknown = errors.New("image not known")
	// ErrImageAmbiguous: more than one image fits a short name or ID.
	ErrImageAmbiguous = errors.New("image name or ID is ambiguous")
	// ErrImageInUse: a container needs the image. InUseError has the names.
	ErrImageInUse = errors.New("image is in use by a container")
	// ErrSeveralNames: an ID or a digest was given to remove an image that
	// has several names; Force removes them all.
	ErrSeveralNames = errors.New("image has several names")
	// ErrNameTaken: a container has that name already.
	ErrNameTaken = errors.New("name is in use")
	// ErrInvalidName: not what an image or a container can be called.
	ErrInvalidName = errors.New("invalid name")
	// ErrDamaged: a record or a file of the store is missing or unreadable.
	ErrDamaged = errors.New("damaged")
	// ErrReadOnly: the store, or the store that the image is in, cannot be
	// written.
	ErrReadOnly = errors.New("read-only store")
)

// User is a container that uses an image.
type User struct {
	ID   string
	Name string
	// Ours tells a container of this library from one that another engine
	// keeps in the same store.
	Ours bool
}

// InUseError says which containers use an image; it is ErrImageInUse.
type InUseError struct {
	Image string // as it was asked for
	ID    string
	Users []User
}

func (e *InUseError) Error() string {
	names := make([]string, 0, len(e.Users))
	for _, u := range e.Users {
		name := shortID(u.ID)
		if u.Name != "" {
			name = u.Name + " (" + name + ")"
		}
		if !u.Ours {
			name += " of another engine"
		}
		names = append(names, name)
	}
	return fmt.Sprintf("%s: image is in use by container %s", e.Image, strings.Join(names, ", "))
}

// Is makes the error an ErrImageInUse.
func (e *InUseError) Is(target error) bool { return target == ErrImageInUse }

func inUse(asked, id string, users []User) error {
	return errclass.New(errclass.Conflict, asked, &InUseError{Image: asked, ID: id, Users: users})
}

func unknownImage(name string) error {
	return errclass.New(errclass.NotFound, name, fmt.Errorf("%s: %w", name, ErrImageUnknown))
}

func damaged(object, what string, err error) error {
	return errclass.New(errclass.Internal, object, fmt.Errorf("%s: %s: %w: %w", object, what, ErrDamaged, err))
}

// classOf classifies what the storage library returns.
func classOf(err error) errclass.Class {
	for _, c := range []struct {
		err   error
		class errclass.Class
	}{
		{unix.ENOSPC, errclass.NoSpace},
		{unix.EDQUOT, errclass.NoSpace},
		{unix.EROFS, errclass.Conflict},
		{storage.ErrStoreIsReadOnly, errclass.Conflict},
		{storage.ErrDuplicateName, errclass.Conflict},
		{storage.ErrImageUsedByContainer, errclass.Conflict},
		{storage.ErrImageUnknown, errclass.NotFound},
		{storage.ErrLayerUnknown, errclass.NotFound},
		{storage.ErrContainerUnknown, errclass.NotFound},
		{storage.ErrNotSupported, errclass.Unsupported},
	} {
		if errors.Is(err, c.err) {
			return c.class
		}
	}
	class, _ := errclass.Of(err)
	return class
}

// caught turns the panic of a lock file that cannot be opened (no descriptors
// left, a disk that became read-only) into an error.
func caught(object string, err *error) {
	switch cause := recover().(type) {
	case nil:
	case *fs.PathError:
		*err = errclass.New(classOf(cause), object, fmt.Errorf("%s: lock the store: %w", object, cause))
	default:
		panic(cause)
	}
}

func shortID(id string) string {
	return id[:min(len(id), 12)]
}
