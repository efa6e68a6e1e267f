// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links a name may lead through.
const maxLinks = 255

// mkdirAll makes directories that have no entry of their own. A symbolic link to
// nothing on the way leads to where it says, beneath the root.
func (t *tree) mkdirAll(name string) error {
	name, err := t.resolve(name)
	if err != nil {
		return err
	}
	done := "/"
	for element := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if element == "" {
			continue
		}
		parent, err := t.open(done, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		at := int(parent.Fd())
		switch err = unix.Mkdirat(at, element, implicitMode); err {
		case nil:
			err = unix.Fchownat(at, element, 0, 0, unix.AT_SYMLINK_NOFOLLOW)
		case unix.EEXIST:
			err = nil
		}
		if err2 := parent.Close(); err == nil {
			err = err2
		}
		if err != nil {
			return err
		}
		done = path.Join(done, element)
	}
	return nil
}

// resolve gives where a name leads, as far as there is something; from there on
// it is text.
func (t *tree) resolve(name string) (string, error) {
	done, links := "/", 0
	for rest := name; rest != ""; {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		next := path.Join(done, element)
		if element == "" || element == "." || element == ".." {
			done = next
			continue
		}
		target, ok := t.readlink(next)
		if !ok {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", unix.ELOOP
		}
		if strings.HasPrefix(target, "/") {
			done = "/"
		}
		rest = target + "/" + rest
	}
	return done, nil
}

// readlink gives the text of a symbolic link, if there is one.
func (t *tree) readlink(name string) (string, bool) {
	handle, err := t.open(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", false
	}
	defer handle.Close()
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(handle.Fd()), "", text)
	return string(text[:max(n, 0)]), err == nil
}
