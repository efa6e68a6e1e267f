// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/test/images"
	"golang.org/x/sys/unix"
)

// smallDisk mounts an ext4 of some MiB, and gives where.
func smallDisk(t *testing.T, mib int64) string {
	t.Helper()
	dir := t.TempDir()
	file, disk := filepath.Join(dir, "disk"), filepath.Join(dir, "mnt")
	write(t, file, "")
	must(t, os.Truncate(file, mib<<20))
	must(t, os.Mkdir(disk, 0o755))
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-m", "0", file}, {"mount", "-o", "loop", file, disk}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skip("needs a loop device and ext4: ", string(out))
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, 0); err != nil {
			t.Errorf("U5: unmount %s: %v", disk, err)
			_ = unix.Unmount(disk, unix.MNT_DETACH)
		}
	})
	return disk
}

// fill takes all that is left of a disk, and gives a function that returns it.
func fill(t *testing.T, disk string) (undo func()) {
	t.Helper()
	file, err := os.Create(filepath.Join(disk, "filler"))
	must(t, err)
	defer file.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		zeros := make([]byte, size)
		for {
			if _, err := file.Write(zeros); err != nil {
				break
			}
		}
	}
	return func() { must(t, os.Remove(file.Name())) }
}

// TestDiskFull is a disk without room, at first for a layer, then for anything.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 112)
	p := settleAt(t, disk)
	p.mounted = append(p.mounted, disk)
	noise := make([]byte, 110<<20)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(noise)
	large := image(nil, images.File("large", 0o644, string(noise[:60<<20])))
	large.Layers = append(large.Layers, images.Layer{Entries: []images.Entry{images.File("larger", 0o644, string(noise[50<<20:]))}})
	packed := image(nil, images.Zeros("zeros", 0o644, 200<<20))
	huge := image(nil, images.File("huge", 0o644, string(noise)))
	large.Layers[1].Compression, large.Layers[2].Compression, huge.Layers[1].Compression = images.None, images.None, images.None
	for name, i := range map[string]*images.Image{"no room for the second layer": large, "much less packed": packed, "no room": huge} {
		p.try(t, name, func(t *testing.T) {
			name := p.add(t, "bad:latest", i)
			p.call(t, call{args: p.pulling(name), disk: 120 << 20}).fails(t, 125, "/bad:latest", "space")
			p.call(t, call{args: append(p.pulling(name), "--error-format=json"), disk: 120 << 20}).class(t, "no-space")
			p.call(t, call{args: starting(runtimes[0], "-q", name, "true"), disk: 120 << 20}).fails(t, 125, "/bad:latest", "space")
		})
	}
	for _, runtime := range runtimes {
		p.try(t, "full "+runtime, func(t *testing.T) {
			undo := fill(t, disk)
			defer undo()
			p.pull(t, p.add(t, "bad:latest", image(nil, images.File("more", 0o644, string(bytes.Repeat(noise[:1<<20], 3)))))).fails(t, 125, "space")
			if r := p.start(t, runtime, p.good, "true"); r.code != 0 {
				r.refused(t, "space")
			}
			p.run(t, "tug-images").works(t)
			p.run(t, "tug-inspect", p.good).works(t)
			if r := p.run(t, "tug-tag", p.good, "localhost/more:1"); r.code != 0 {
				r.fails(t, 125, "space")
			}
		})
	}
	p.try(t, "removal on a full disk", func(t *testing.T) {
		name := p.have(t, image(nil, images.File("more", 0o644, "more")))
		undo := fill(t, disk)
		defer undo()
		p.run(t, "tug-rmi", name).works(t)
	})
}

// class wants one JSON object of this class on stderr.
func (r *result) class(t *testing.T, class string) {
	t.Helper()
	if !strings.Contains(r.stderr, `"class":"`+class+`"`) || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("U3: %s: %q is not of class %s", r, short(r.stderr), class)
	}
}

// TestReadOnly is a store that cannot be written to.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.try(t, "file system", func(t *testing.T) {
		more := p.add(t, "bad:latest", image(nil, images.File("more", 0o644, "")))
		undo := readOnly(t, p.home.Root)
		defer undo()
		p.mounted = append(p.mounted, p.home.Root)
		p.pull(t, more).fails(t, 125, "read-only")
		p.run(t, "tug-rmi", p.good).fails(t, 125, "read-only")
		p.run(t, "tug-tag", p.good, "localhost/more:1").fails(t, 125, "read-only")
		for _, runtime := range runtimes {
			p.start(t, runtime, p.good, "true").fails(t, 125, "read-only")
		}
		p.run(t, "tug-copy", "-q", "--src-tls-verify=false", "docker://"+more, "containers-storage:more").fails(t, 1, "read-only")
		if out := p.run(t, "tug-images", "-q", "--no-trunc").works(t); !strings.Contains(out, p.goodID) {
			t.Errorf("U7: images: %q", out)
		}
		p.run(t, "tug-inspect", p.good).works(t)
		p.pull(t, p.good, "--policy=missing").works(t)
	})
	p.mounted = nil
}

// readOnly mounts a directory on itself, read-only.
func readOnly(t *testing.T, dir string) (undo func()) {
	t.Helper()
	must(t, unix.Mount(dir, dir, "", unix.MS_BIND|unix.MS_REC, ""))
	must(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	return func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
			_ = unix.Unmount(dir, unix.MNT_DETACH)
		}
	}
}
