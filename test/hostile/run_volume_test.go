// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"golang.org/x/sys/unix"
)

func declaring(volumes ...string) func(*v1.ImageConfig) {
	return func(c *v1.ImageConfig) {
		c.Volumes = map[string]struct{}{}
		for _, volume := range volumes {
			c.Volumes[volume] = struct{}{}
		}
	}
}

// volumeDir is where a volume has its content.
func (p *place) volumeDir(name string) string {
	return filepath.Join(p.home.Root, "tug", "volumes", name, "_data")
}

// dropVolume removes a volume, if it was made.
func (p *place) dropVolume(t *testing.T, name string) {
	t.Helper()
	p.run(t, "tug-volume", "rm", "--force", name).works(t)
}

// TestH12Volumes are volumes that an image declares where nothing can be mounted.
func TestH12Volumes(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for name, volume := range map[string]string{
		"proc": "/proc", "below proc": "/proc/self/attr", "sys": "/sys/fs/cgroup", "dev": "/dev/shm", "root": "/", "relative": "data",
		"none": "", "up to the root": "/a/../..", "up to proc": "/a/../proc", "NUL": "/a\x00b",
	} {
		p.each(t, name, image(declaring(volume)), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image, "true").fails(t, 125, "volume")
			p.start(t, runtime, "--read-only", "--image-volume=tmpfs", image, "true").fails(t, 125, "volume")
			p.start(t, runtime, "--image-volume=ignore", image, "true").works(t)
		})
	}
	var many []string
	for _, a := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		for _, b := range strings.Split("0123456789", "") {
			many = append(many, "/"+a+b)
		}
	}
	p.each(t, "many", image(declaring(many...)), func(t *testing.T, runtime, image string) {
		p.start(t, runtime, image, "true").fails(t, 125, "volumes")
	})
}

// TestH37N10Places are places of volumes that lead out of the image: what is
// copied into a volume is never the host's.
func TestH37N10Places(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	up := strings.Repeat("../", 40)
	for name, it := range map[string]struct {
		volume  string
		entries []images.Entry
	}{
		"up to the host":            {"/" + up + c[1:], nil},
		"up in the middle":          {"/etc/" + up + c[1:], nil},
		"a link to the host":        {"/data", []images.Entry{images.Symlink("data", c)}},
		"a link up to the host":     {"/data", []images.Entry{images.Symlink("data", up+c[1:])}},
		"a link to a parent":        {"/data/x", []images.Entry{images.Symlink("data", "..")}},
		"a link on the way":         {"/data/sub", []images.Entry{images.Symlink("data", c)}},
		"a link to a link":          {"/data", []images.Entry{images.Symlink("data", "/one"), images.Symlink("one", c)}},
		"a link to a file":          {"/data", []images.Entry{images.Symlink("data", c+"/file")}},
		"a link to the FIFO":        {"/data", []images.Entry{images.Symlink("data", c+"/fifo")}},
		"a link to nothing":         {"/data", []images.Entry{images.Symlink("data", c+"/nothing")}},
		"a link to descriptors":     {"/data", []images.Entry{images.Symlink("data", "/proc/self/fd")}},
		"a link to our root":        {"/data", []images.Entry{images.Symlink("data", "/proc/self/root"+c)}},
		"a loop":                    {"/data", []images.Entry{images.Symlink("data", "data")}},
		"a file":                    {"/data", []images.Entry{images.File("data", 0o644, "")}},
		"a FIFO":                    {"/data", []images.Entry{images.FIFO("data", 0o644)}},
		"a device":                  {"/data", []images.Entry{images.Device("data", 0o666, 1, 5)}},
		"a name with odd letters":   {"/da:ta,ro=x\"", nil},
		"a name with line breaks":   {"/da\nta", nil},
		"a name that ends with dot": {"/data/.", []images.Entry{images.Symlink("data", c)}},
	} {
		p.each(t, name, image(declaring(it.volume), it.entries...), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image, "sh", "-c", "touch /data/x; echo ran").either(t, "ran", "")
			p.start(t, runtime, "--image-volume=tmpfs", image, "sh", "-c", "touch /data/x; echo ran").either(t, "ran", "")
			p.start(t, runtime, "--read-only", "-v", "named:/data", image, "sh", "-c", "touch /data/x; echo ran").either(t, "ran", "")
			p.dropVolume(t, "named")
		})
	}
}

// TestN10Content is content that a volume begins with: links stay links, and
// nothing is opened that is no file.
func TestN10Content(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	i := image(nil,
		images.Dir("data", 0o751).Owned(7, 8), images.Symlink("data/file", c+"/file"), images.Symlink("data/dir", c), images.Symlink("data/up", "../../../.."),
		images.FIFO("data/fifo", 0o644), images.Device("data/mem", 0o666, 1, 1), images.File("data/plain", 0o4755, "plain\n").Owned(9, 9),
		images.Symlink("data/loop", "loop"), images.Dir("data/sub", 0o700), images.Symlink("data/sub/etc", "/etc"))
	p.each(t, "content", i, func(t *testing.T, runtime, image string) {
		defer p.dropVolume(t, "named")
		p.start(t, runtime, "-v", "named:/data:ro", image, "cat", "/data/plain").works(t)
		dir := p.volumeDir("named")
		for name, want := range map[string]string{"file": c + "/file", "dir": c, "up": "../../../..", "loop": "loop", "sub/etc": "/etc"} {
			if got, err := os.Readlink(filepath.Join(dir, name)); got != want {
				t.Errorf("%s leads to %q: %v", name, got, err)
			}
		}
		var st unix.Stat_t
		if err := unix.Lstat(dir+"/fifo", &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			t.Errorf("the FIFO: %o, %v", st.Mode, err)
		}
		if err := unix.Lstat(dir+"/mem", &st); err != unix.ENOENT {
			t.Errorf("the device was copied: %v", err)
		}
		if err := unix.Lstat(dir+"/plain", &st); err != nil || st.Mode&0o7777 != 0o4755 || st.Uid != 9 || st.Gid != 9 {
			t.Errorf("the file: %o %d:%d, %v", st.Mode, st.Uid, st.Gid, err)
		}
		if err := unix.Stat(dir, &st); err != nil || st.Mode&0o7777 != 0o751 || st.Uid != 7 || st.Gid != 8 {
			t.Errorf("the volume: %o %d:%d, %v", st.Mode, st.Uid, st.Gid, err)
		}
		// A part of it that leads out of it.
		for _, part := range []string{"dir", "file", "up", "loop", "dir/sub", "sub/etc", "../..", "fifo", "nothing"} {
			p.start(t, runtime, "--mount=src=named,dst=/x,subpath="+part, image, "echo", "ran").either(t, "ran", part)
		}
		// U changes the owner of what is in it, and follows no link.
		p.start(t, runtime, "-u", "44:44", "-v", "named:/data:U", image, "true").works(t)
	})
}

// TestH14Data is a volume with data in it that is mounted where the image has
// content too: it keeps its own, read-only or not.
func TestH14Data(t *testing.T) {
	t.Parallel()
	p := settle(t)
	i := image(declaring("/data"), images.Dir("data", 0o755), images.File("data/mine", 0o644, "the image's\n"), images.File("data/more", 0o644, ""))
	p.each(t, "data", i, func(t *testing.T, runtime, image string) {
		defer p.dropVolume(t, "named")
		p.run(t, "tug-volume", "create", "named").works(t)
		mine := filepath.Join(p.volumeDir("named"), "mine")
		must(t, os.WriteFile(mine, []byte("mine\n"), 0o600))
		for _, access := range []string{"ro", "rw", "nocopy"} {
			p.start(t, runtime, "-v", "named:/data:"+access, image, "ls", "/data").works(t)
		}
		entries, err := os.ReadDir(p.volumeDir("named"))
		must(t, err)
		if data, err := os.ReadFile(mine); err != nil || string(data) != "mine\n" || len(entries) != 1 {
			t.Errorf("the volume has %v, and %q: %v", entries, data, err)
		}
	})
}

// TestH24H65Swap is a volume in which somebody exchanges a directory with a link
// to the host while another container mounts something into it. It is not the
// runtime that makes these mounts: an older runc makes files on the host.
func TestH24H65Swap(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "swap", image(nil), func(t *testing.T, runtime, image string) {
		p.run(t, "tug-volume", "create", "shared").works(t)
		defer p.dropVolume(t, "shared")
		dir := p.volumeDir("shared")
		must(t, os.MkdirAll(dir+"/a/sub", 0o755))
		must(t, os.Symlink(p.canary, dir+"/b"))
		defer swap(dir+"/a", dir+"/b")()
		for range 6 {
			for _, flags := range [][]string{
				{"--tmpfs", "/v/a/sub"}, {"--tmpfs", "/v/a/new"}, {"-v", "shared:/v/a/empty"}, {"--mount", "src=shared,dst=/x,subpath=a/sub"},
				{"-v", p.tmp + ":/v/a/mounted"},
			} {
				p.start(t, runtime, append(append([]string{"-v", "shared:/v"}, flags...), image, "true")...)
			}
		}
	})
}

// TestH43Archive are archives that lead out of a volume that is filled from them.
func TestH43Archive(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	for name, headers := range map[string][]*tar.Header{
		"up":             {{Name: strings.Repeat("../", 40) + c[1:] + "/new", Typeflag: tar.TypeReg}},
		"absolute":       {{Name: c + "/new", Typeflag: tar.TypeReg}},
		"through a link": {{Name: "l", Linkname: c, Typeflag: tar.TypeSymlink}, {Name: "l/new", Typeflag: tar.TypeReg}},
		"onto a link":    {{Name: "l", Linkname: c + "/file", Typeflag: tar.TypeSymlink}, {Name: "l", Typeflag: tar.TypeReg}},
		"a hard link":    {{Name: "l", Linkname: c + "/file", Typeflag: tar.TypeLink}},
		"of a link":      {{Name: "l", Linkname: c + "/file", Typeflag: tar.TypeSymlink}, {Name: "m", Linkname: "l", Typeflag: tar.TypeLink}, {Name: "m", Typeflag: tar.TypeReg}},
		"a mode":         {{Name: "l", Linkname: c + "/file", Typeflag: tar.TypeSymlink, Mode: 0o777, Uid: 5}},
		"the root":       {{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700}, {Name: "..", Typeflag: tar.TypeDir, Mode: 0o700}},
	} {
		p.try(t, name, func(t *testing.T) {
			p.run(t, "tug-volume", "create", "shared").works(t)
			defer p.dropVolume(t, "shared")
			r := p.call(t, call{args: []string{"tug-volume", "import", "shared", "-"}, stdin: archive(t, headers...)})
			if r.code != 0 {
				r.fails(t, 125, "shared")
			}
			p.run(t, "tug-volume", "export", "-o", "/dev/null", "shared").works(t)
		})
	}
	p.try(t, "no archive", func(t *testing.T) {
		p.run(t, "tug-volume", "create", "shared").works(t)
		defer p.dropVolume(t, "shared")
		for _, text := range []string{"no archive", "\x1f\x8b", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "BZh", strings.Repeat("\xff", 1024)} {
			p.call(t, call{args: []string{"tug-volume", "import", "shared"}, stdin: text}).fails(t, 125, "shared")
		}
	})
}

// archive makes a tar archive.
func archive(t *testing.T, headers ...*tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content = "of the archive\n"
		}
		h.Size = int64(len(content))
		must(t, w.WriteHeader(h))
		_, err := w.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	return buf.String()
}
