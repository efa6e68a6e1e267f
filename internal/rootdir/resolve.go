// SPDX-License-Identifier: Apache-2.0

package rootdir

import (
	"errors"
	"io/fs"
	"path"
	"strings"
)

const maxLinks = 40

// Resolve gives the path inside the root that name leads to once its symbolic
// links are followed, as text. It stops early, with found false, where an
// element does not exist; and, with covered true, where the way enters a path
// for which cover says so: a place that a mount will hide.
func (d *Dir) Resolve(name string, cover func(path string) bool) (resolved string, found, covered bool, err error) {
	done, rest := "/", strings.TrimLeft(name, "/")
	for links := 0; rest != ""; {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		next := path.Join(done, element) // ".." in the root stays there
		if next == done || element == ".." {
			done = next
			continue
		}
		if cover != nil && cover(next) {
			return path.Join(next, rest), false, true, nil
		}
		info, err := d.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			return path.Join(next, rest), false, false, nil
		}
		if err != nil {
			return "", false, false, err
		}
		if info.Mode&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", false, false, &fs.PathError{Op: "resolve", Path: name, Err: ErrLoop}
		}
		target, err := d.Readlink(next)
		if err != nil {
			return "", false, false, err
		}
		if strings.HasPrefix(target, "/") {
			done = "/"
		}
		rest = strings.TrimLeft(target, "/") + "/" + rest
		rest = strings.TrimSuffix(rest, "/")
	}
	return done, true, false, nil
}
