// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
)

// What callers tell apart about containers; see also ErrNameTaken,
// ErrInvalidName and ErrDamaged.
var (
	// ErrContainerUnknown: no container has that name or ID.
	ErrContainerUnknown = errors.New("no such container")
	// ErrContainerAmbiguous: more than one container's ID begins so.
	ErrContainerAmbiguous = errors.New("container ID is ambiguous")
	// ErrContainerLocked: another process is at work on the container; an
	// attached run is until its container ends.
	ErrContainerLocked = errors.New("container is locked by another process")
	// ErrContainerRunning: not as long as its process lives.
	ErrContainerRunning = errors.New("container is running")
	// ErrNewerFormat: a newer version of this code wrote the record. It can be
	// looked at and not be changed.
	ErrNewerFormat = errors.New("newer format")
)

func containerError(class errclass.Class, object string, err error) error {
	return errclass.New(class, object, fmt.Errorf("container %s: %w", object, err))
}

func unknownContainer(name string) error {
	return errclass.New(errclass.NotFound, name, fmt.Errorf("%s: %w", name, ErrContainerUnknown))
}
