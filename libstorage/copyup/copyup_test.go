// SPDX-License-Identifier: Apache-2.0

package copyup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage/copyup"
)

func dirs(t *testing.T) (from, to string) {
	t.Helper()
	storetest.NeedRoot(t)
	return t.TempDir(), t.TempDir()
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// describe tells all that is to be the same of two trees.
func describe(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		name := strings.TrimPrefix(path, dir)
		line := fmt.Sprintf("%s mode %o owner %d:%d size %d", name, st.Mode, st.Uid, st.Gid, st.Size)
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			line = fmt.Sprintf("%s mode %o owner %d:%d", name, st.Mode, st.Uid, st.Gid)
		} else if first := inodes[st.Ino]; first != "" {
			line += " is " + first
		}
		inodes[st.Ino] = name
		line += fmt.Sprintf(" time %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " to " + target
		case unix.S_IFREG:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" sum %d", sum(data))
		}
		for _, attr := range []string{"user.x", "security.capability", "trusted.t"} {
			buf := make([]byte, 100)
			if n, err := unix.Lgetxattr(path, attr, buf); err == nil {
				line += fmt.Sprintf(" %s=%x", attr, buf[:n])
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func sum(data []byte) (n uint64) {
	for i, b := range data {
		n += uint64(i+1) * uint64(b)
	}
	return n
}

func TestCopy(t *testing.T) {
	from, to := dirs(t)
	at := func(name string) string { return filepath.Join(from, name) }
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	err := errors.Join(
		os.MkdirAll(at("dir/deep"), 0o755), os.WriteFile(at("dir/file"), []byte("text"), 0o600),
		os.WriteFile(at("empty"), nil, 0o644), os.WriteFile(at("-odd\nname\xff"), []byte("odd"), 0o644),
		os.Link(at("dir/file"), at("dir/deep/hard")), os.Symlink("/etc/passwd", at("dir/abs")), os.Symlink("../../..", at("up")), os.Symlink("none", at("dangling")),
		unix.Mkfifo(at("fifo"), 0o640), os.Chmod(at("fifo"), 0o622),
		os.WriteFile(at("tool"), []byte("#!"), 0o755), os.Chown(at("tool"), 3, 4), os.Chmod(at("tool"), 0o755|os.ModeSetuid|os.ModeSetgid),
		unix.Setxattr(at("tool"), "security.capability", capability, 0), unix.Setxattr(at("dir"), "trusted.t", []byte("t"), 0),
		os.Chown(at("dir"), 1000, 100), os.Chmod(at("dir"), 0o1770), os.Lchown(at("dir/abs"), 5, 6),
		os.Mkdir(at("closed"), 0), os.Chown(from, 8, 9), os.Chmod(from, 0o711),
	)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Setxattr(at("empty"), "user.x", []byte("y"), 0) // no tmpfs has these
	if err := copyup.Copy(t.Context(), open(t, from), open(t, to)); err != nil {
		t.Fatal(err)
	}
	if got, want := describe(t, to), describe(t, from); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCopyLeavesOutDevices(t *testing.T) {
	from, to := dirs(t)
	if err := unix.Mknod(filepath.Join(from, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Skipf("condition mknod: %v", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(from, "sock")})
		unix.Close(fd)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyup.Copy(t.Context(), open(t, from), open(t, to)); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(to); err != nil || len(entries) != 1 || entries[0].Name() != "file" {
		t.Errorf("%v, %v", entries, err)
	}
}

// A file of 5 GiB with two bytes in it takes no room.
func TestCopyKeepsHoles(t *testing.T) {
	from, to := dirs(t)
	f, err := os.Create(filepath.Join(from, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	const size = 5 << 30
	_, werr := f.WriteAt([]byte("x"), size/2)
	if err := errors.Join(werr, f.Truncate(size), f.Close()); err != nil {
		t.Skipf("condition large files: %v", err)
	}
	if err := copyup.Copy(t.Context(), open(t, from), open(t, to)); err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(to, "sparse"), &st); err != nil || st.Size != size || st.Blocks > 8192 {
		t.Errorf("%d bytes, %d blocks, %v", st.Size, st.Blocks, err)
	}
	got, err := os.Open(filepath.Join(to, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	b := make([]byte, 1)
	if _, err := got.ReadAt(b, size/2); err != nil || b[0] != 'x' {
		t.Errorf("%q, %v", b, err)
	}
}

func TestCopyRefuses(t *testing.T) {
	from, to := dirs(t)
	deep := from
	for range 510 {
		deep += "/d"
	}
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyup.Copy(t.Context(), open(t, from), open(t, to)); !errors.Is(err, copyup.ErrTooDeep) {
		t.Errorf("deep: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if err := copyup.Copy(ctx, open(t, from), open(t, t.TempDir())); !errors.Is(err, why) {
		t.Errorf("stopped: %v", err)
	}
	// Only an empty directory is filled.
	small, full := t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(small+"/f", nil, 0o600), os.Symlink("/etc/passwd", full+"/f")); err != nil {
		t.Fatal(err)
	}
	if err := copyup.Copy(t.Context(), open(t, small), open(t, full)); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a link: %v", err)
	}
}
