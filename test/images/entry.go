// SPDX-License-Identifier: Apache-2.0

package images

import "archive/tar"

// Dir is a directory.
func Dir(name string, mode int64) Entry {
	return Entry{Header: tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: mode}}
}

// File is a regular file.
func File(name string, mode int64, body string) Entry {
	return Entry{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode}, Body: []byte(body)}
}

// Zeros is a regular file of size zeros.
func Zeros(name string, mode, size int64) Entry {
	return Entry{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: size}}
}

// Symlink is a symbolic link.
func Symlink(name, target string) Entry {
	return Entry{Header: tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}}
}

// Link is a hard link. The mode is that of the file, as tar(1) writes it: what
// unpacks the layer may apply it.
func Link(name, target string, mode int64) Entry {
	return Entry{Header: tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: target, Mode: mode}}
}

// FIFO is a named pipe.
func FIFO(name string, mode int64) Entry {
	return Entry{Header: tar.Header{Name: name, Typeflag: tar.TypeFifo, Mode: mode}}
}

// Device is a character device.
func Device(name string, mode, major, minor int64) Entry {
	return Entry{Header: tar.Header{
		Name: name, Typeflag: tar.TypeChar, Mode: mode, Devmajor: major, Devminor: minor,
	}}
}

// Owned gives an entry an owner.
func (e Entry) Owned(uid, gid int) Entry {
	e.Header.Uid, e.Header.Gid = uid, gid
	return e
}

// Replace gives entries where those of the same name as one of by are gone,
// and by is at the end: an image with one thing wrong.
func Replace(entries []Entry, by ...Entry) []Entry {
	gone := map[string]bool{}
	for _, e := range by {
		gone[clean(e.Header.Name)] = true
	}
	var out []Entry
	for _, e := range entries {
		if !gone[clean(e.Header.Name)] {
			out = append(out, e)
		}
	}
	return append(out, by...)
}

func clean(name string) string {
	for len(name) > 0 && name[len(name)-1] == '/' {
		name = name[:len(name)-1]
	}
	return name
}
