// SPDX-License-Identifier: Apache-2.0

package rootdir

import "errors"

var (
	// ErrNotRegular says that a name is not that of a regular file; it has not
	// been opened.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge says that a file has more bytes than the caller's limit.
	ErrTooLarge = errors.New("file too large")
	// ErrNotDirectory says that a name is not that of a directory.
	ErrNotDirectory = errors.New("not a directory")
	// ErrDangling says that a symbolic link points to nothing, where
	// something was to be created.
	ErrDangling = errors.New("symbolic link to nothing")
	// ErrLoop says that there are too many symbolic links in a name.
	ErrLoop = errors.New("too many symbolic links")
	// ErrOutside says that a symbolic link leads out of the tree.
	ErrOutside = errors.New("a symbolic link leads out of it")
)
