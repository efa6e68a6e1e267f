// SPDX-License-Identifier: Apache-2.0

// Package errclass names the classes that every error of the project falls
// into. A class decides exit codes and the "class" field of
// --error-format=json; it is found with errors.Is and errors.As, never by the
// text of a message.
//
// A Class is itself an error, so that a library can export it as a sentinel:
//
//	var ErrImageUnknown error = errclass.NotFound
//	...
//	return errclass.New(errclass.NotFound, name, fmt.Errorf("%s: image not known", name))
package errclass

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// Class is one of the words below.
type Class string

// The classes, in the words that --error-format=json prints.
const (
	Usage        Class = "usage"
	NotFound     Class = "not-found"
	Conflict     Class = "conflict"
	Auth         Class = "auth"
	Network      Class = "network"
	RateLimit    Class = "rate-limit"
	Verification Class = "verification"
	NoSpace      Class = "no-space"
	Unsupported  Class = "unsupported"
	Internal     Class = "internal"
)

// Error makes a Class usable as a sentinel.
func (c Class) Error() string { return string(c) }

// Error is an error with a class and the object that it is about: an image, a
// container, a path, a flag.
type Error struct {
	Class  Class
	Object string
	Err    error
}

// New wraps err. The message stays that of err.
func New(class Class, object string, err error) error {
	return &Error{Class: class, Object: object, Err: err}
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the class of e.
func (e *Error) Is(target error) bool {
	c, ok := target.(Class)
	return ok && c == e.Class
}

// Of gives the class of err, and the object of the outermost Error in its
// chain. ENOSPC and EDQUOT are NoSpace whatever else was said about them; an
// error that nobody classified is Internal.
func Of(err error) (Class, string) {
	class, object := Internal, ""
	var e *Error
	if errors.As(err, &e) {
		class, object = e.Class, e.Object
	} else if c := Class(""); errors.As(err, &c) {
		class = c
	} else if errors.Is(err, fs.ErrNotExist) {
		class = NotFound
	} else if errors.Is(err, context.DeadlineExceeded) {
		class = Network
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		class = NoSpace
	}
	return class, object
}
