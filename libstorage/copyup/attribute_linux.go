// SPDX-License-Identifier: Apache-2.0

package copyup

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes gives the directory to what from has, and nothing of its content.
func Attributes(from, to *os.File) error { return attributes(from, to, "", false) }

// attributes gives to what from has: the owner first, since changing that takes
// the special bits of the mode and capabilities away. labelled: the label of the host
// too.
func attributes(from, to *os.File, name string, labelled bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return fail("stat", name, err)
	}
	fd := int(to.Fd())
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
		return fail("chown", name, err)
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil {
		return fail("chmod", name, err)
	}
	if err := extended(int(from.Fd()), fd, labelled); err != nil {
		return fail("extended attributes of", name, err)
	}
	// By a path, since Go's call cannot do it by the descriptor alone.
	self := "/proc/self/fd/" + strconv.Itoa(fd)
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, self, []unix.Timespec{st.Atim, st.Mtim}, 0); err != nil {
		return fail("set the time of", name, err)
	}
	return nil
}

// extended copies the extended attributes that belong to the content. A target
// that has none of them is no error.
func extended(from, to int, labelled bool) error {
	names, err := list(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		// The overlay's own, and a label that is the host's to give.
		notes := strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")
		if !labelled && (notes || name == "security.selinux") {
			continue
		}
		value, err := value(from, name)
		if err == nil {
			err = unix.Fsetxattr(to, name, value, 0)
		}
		if err != nil && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENODATA) {
			return err
		}
	}
	return nil
}

// xattrLimit is the kernel's bound for a list and for a value.
const xattrLimit = 64 << 10

func list(fd int) ([]string, error) {
	size, err := unix.Flistxattr(fd, nil)
	if size == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	buf := make([]byte, xattrLimit)
	if size, err = unix.Flistxattr(fd, buf); err != nil {
		return nil, err
	}
	var names []string
	for name := range bytes.SplitSeq(buf[:size], []byte{0}) {
		if len(name) > 0 {
			names = append(names, string(name))
		}
	}
	return names, nil
}

func value(fd int, name string) ([]byte, error) {
	buf := make([]byte, xattrLimit)
	n, err := unix.Fgetxattr(fd, name, buf)
	return buf[:max(n, 0)], err
}
