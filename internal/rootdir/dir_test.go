// SPDX-License-Identifier: Apache-2.0

package rootdir_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/rootdir"
)

// tree makes a host directory with a canary beside a root, and opens the root.
func tree(t *testing.T) (root *rootdir.Dir, dir, canary string) {
	t.Helper()
	base := t.TempDir()
	dir, canary = filepath.Join(base, "root"), filepath.Join(base, "canary")
	for _, p := range []string{dir, canary, filepath.Join(dir, "etc")} {
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(canary, "secret"), []byte("host"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := rootdir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir, canary
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func TestReadFileStaysInside(t *testing.T) {
	root, dir, canary := tree(t)
	write(t, filepath.Join(dir, "etc/real"), "image", 0o644)
	link(t, "/etc/real", filepath.Join(dir, "etc/absolute"))
	link(t, "../../../../etc/real", filepath.Join(dir, "etc/dotted"))
	link(t, filepath.Join(canary, "secret"), filepath.Join(dir, "etc/out"))
	link(t, canary, filepath.Join(dir, "outdir"))
	link(t, "loop", filepath.Join(dir, "loop"))
	for _, name := range []string{"/etc/real", "etc/real", "/etc/absolute", "/etc/dotted", "/../../etc/real", "/etc/../etc/real"} {
		if got, err := root.ReadFile(name, 100); err != nil || string(got) != "image" {
			t.Errorf("ReadFile(%s) = %q, %v; want the image's file", name, got, err)
		}
	}
	for _, name := range []string{"/etc/out", "/outdir/secret", "/none", "/../canary/secret"} {
		if got, err := root.ReadFile(name, 100); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ReadFile(%s) = %q, %v; want not-exist", name, got, err)
		}
	}
	if _, err := root.ReadFile("/loop", 100); !errors.Is(err, unix.ELOOP) {
		t.Errorf("ReadFile(/loop): %v; want a loop", err)
	}
	if _, err := root.ReadFile("/etc/re\x00al", 100); err == nil {
		t.Error("a NUL in a name is accepted")
	}
}

func TestOpenRefusesWhatIsNotAFile(t *testing.T) {
	root, dir, _ := tree(t)
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	link(t, "fifo", filepath.Join(dir, "to-fifo"))
	names := []string{"/fifo", "/to-fifo", "/socket", "/etc"}
	if unix.Mknod(filepath.Join(dir, "zero"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) == nil {
		names = append(names, "/zero")
	}
	start := time.Now()
	for _, name := range names {
		if _, err := root.ReadFile(name, 100); !errors.Is(err, rootdir.ErrNotRegular) {
			t.Errorf("ReadFile(%s): %v; want not a regular file", name, err)
		} else if !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), dir) {
			t.Errorf("error %q must name the path in the root, not the host's", err)
		}
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("refusing took %s", d)
	}
}

func TestReadFileLimit(t *testing.T) {
	root, dir, _ := tree(t)
	write(t, filepath.Join(dir, "ten"), "0123456789", 0o644)
	if got, err := root.ReadFile("ten", 10); err != nil || len(got) != 10 {
		t.Errorf("at the limit: %q, %v", got, err)
	}
	if _, err := root.ReadFile("ten", 9); !errors.Is(err, rootdir.ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	write(t, filepath.Join(dir, "sparse"), "", 0o644)
	if err := os.Truncate(filepath.Join(dir, "sparse"), 5<<30); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := root.ReadFile("sparse", 4<<20); !errors.Is(err, rootdir.ErrTooLarge) || time.Since(start) > time.Minute {
		t.Errorf("5 GiB: %v after %s", err, time.Since(start))
	}
}

func TestStatAndLstat(t *testing.T) {
	root, dir, _ := tree(t)
	write(t, filepath.Join(dir, "bin/sh"), "x", 0o755)
	link(t, "bin", filepath.Join(dir, "sbin"))
	if info, err := root.Stat("/sbin"); err != nil || !info.IsDir() {
		t.Errorf("Stat(/sbin) = %v, %v", info, err)
	}
	if info, err := root.Lstat("/sbin"); err != nil || info.Mode&fs.ModeSymlink == 0 {
		t.Errorf("Lstat(/sbin) = %v, %v", info, err)
	}
	if info, err := root.Lstat("/"); err != nil || !info.IsDir() {
		t.Errorf("Lstat(/) = %v, %v", info, err)
	}
	if target, err := root.Readlink("/sbin"); err != nil || target != "bin" {
		t.Errorf("Readlink = %q, %v", target, err)
	}
	if info, err := root.Stat("/sbin/sh"); err != nil || !info.IsRegular() || !info.Executable() || info.Size != 1 {
		t.Errorf("Stat(/sbin/sh) = %v, %v", info, err)
	}
	if root.Path() != dir {
		t.Errorf("Path() = %s", root.Path())
	}
}

func TestOpenMissingRoot(t *testing.T) {
	if _, err := rootdir.Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing: %v", err)
	}
}

func BenchmarkReadFile(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "passwd"), []byte("root:x:0:0::/root:/bin/sh\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	root, err := rootdir.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	for b.Loop() {
		if _, err := root.ReadFile("/passwd", 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
