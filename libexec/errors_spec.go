// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tug-containers/tug/internal/errclass"
)

// What NewSpec and the parsers of options refuse. Each error that a caller
// sees wraps one of these, names the object, and carries a class.
var (
	// ErrCommandNotFound says that the command is not in the root file system.
	ErrCommandNotFound = errors.New("executable file not found in $PATH")
	// ErrCommandNotExecutable says that the command is there but cannot run.
	ErrCommandNotExecutable = errors.New("cannot be executed")
	// ErrNoCommand says that neither the options nor the image name a command.
	ErrNoCommand = errors.New("no command given, and the image has none")
	// ErrImageConfig says that the image's configuration cannot be used.
	ErrImageConfig = errors.New("bad image configuration")
	// ErrOption says that an option's value makes no sense.
	ErrOption = errors.New("bad value")
	// ErrUser says that a user or a group cannot be resolved.
	ErrUser = errors.New("bad user")
	// ErrWorkDir says that the working directory cannot be one.
	ErrWorkDir = errors.New("bad working directory")
	// ErrRootfs says that the root file system is not one that we run.
	ErrRootfs = errors.New("bad root file system")
	// ErrMount says that a mount cannot be made as asked.
	ErrMount = errors.New("bad mount")
	// ErrUnsupported says that this host cannot do what was asked.
	ErrUnsupported = errors.New("not supported here")
)

// specError is what a failed NewSpec returns: kind is one of the errors above.
func specError(class errclass.Class, kind error, object, format string, args ...any) error {
	return errclass.New(class, object, &kindError{kind: kind, err: fmt.Errorf(format, args...)})
}

// kindError has the message of err and is both kind and err for errors.Is.
type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }

func optionError(object, format string, args ...any) error {
	return specError(errclass.Usage, ErrOption, object, format, args...)
}

func mountError(object, format string, args ...any) error {
	return specError(errclass.Usage, ErrMount, object, format, args...)
}

func unsupportedError(object, format string, args ...any) error {
	return specError(errclass.Unsupported, ErrUnsupported, object, format, args...)
}

func imageError(object, format string, args ...any) error {
	return specError(errclass.Verification, ErrImageConfig, object, format, args...)
}

// reason takes the operation and the path off an error whose message names the
// path already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
