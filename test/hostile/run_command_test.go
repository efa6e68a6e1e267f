// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
)

// foreignELF is a program for a processor that nobody has here.
const foreignELF = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\xf3\x01\x00\x00\x00" +
	"\x00\x00\x40\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x40\x00\x38\x00\x00\x00\x40\x00\x00\x00\x00\x00"

// TestN20 is a command that is not there, or cannot be executed.
func TestN20Commands(t *testing.T) {
	t.Parallel()
	p := settle(t)
	i := image(nil,
		images.File("plain", 0o644, "#!/bin/sh\necho no\n"), images.File("text", 0o755, "hello\n"),
		images.File("empty", 0o755, ""), images.File("foreign", 0o755, foreignELF),
		images.File("short", 0o755, "\x7fELF\x02"), images.File("lost", 0o755, "#!/no/such/interpreter\n"),
		images.File("bare", 0o755, "#!\n"), images.File("self", 0o755, "#!/self\n"),
		images.File("inproc", 0o755, "#!/proc/self/exe\n"), images.File("fake", 0o755, "#!/plain\n"),
		images.File("NUL", 0o755, "#!/bin/\x00sh\n"), images.File("long", 0o755, "#!/"+strings.Repeat("x", 5000)+"\n"),
		images.File("many", 0o755, "#!/bin/sh"+strings.Repeat(" x", 300)+"\n"),
		images.FIFO("fifo", 0o755), images.Device("null", 0o777, 1, 3), images.Dir("dir", 0o755),
		images.Symlink("dangling", "/nowhere"), images.Symlink("loop", "/loop"), images.Symlink("dir/true", "../../../../../../bin/true"),
	)
	p.each(t, "bad commands", i, func(t *testing.T, runtime, image string) {
		for command, code := range map[string]int{
			"nothing": 127, "/nothing": 127, "/bin/nothing": 127, "/plain/x": 127, "/dangling": 127, "./nothing": 127,
			"/plain": 126, "/text": 126, "/empty": 126, "/foreign": 126, "/short": 126, "/lost": 126, "/bare": 126,
			"/inproc": 126, "/fake": 126, "/NUL": 126, "/long": 126, "/dir": 126, "/fifo": 126, "/null": 126,
			"/proc/self/exe": 126, "/proc/1/exe": 126,
		} {
			p.start(t, runtime, image, command).fails(t, code, command)
		}
		for _, command := range []string{"/loop", "/self", "a\x1b[31mb", strings.Repeat("x", 5000), "--", "-c", "..", "/"} {
			p.start(t, runtime, image, command).failsIn(t, []int{126, 127})
		}
		// What looks odd, and is not.
		p.start(t, runtime, "-w", "/dir", image, "./true").works(t)
		// A script with many arguments in its first line: the kernel cuts it.
		if r := p.start(t, runtime, image, "/many"); r.code == 0 && r.stdout != "" {
			t.Errorf("%s: %q", r, r.stdout)
		}
		p.start(t, runtime, "--entrypoint=/nothing", image).fails(t, 127, "/nothing")
		p.start(t, runtime, "--entrypoint=[", image).failsIn(t, []int{125, 127}, "[")
		p.start(t, runtime, "--entrypoint=/bin/cat", image, "/etc/os-release").works(t)
	})
	p.each(t, "no command", image(func(c *v1.ImageConfig) { c.Cmd = nil }), func(t *testing.T, runtime, image string) {
		p.start(t, runtime, image).fails(t, 125, "command")
	})
	p.each(t, "empty command", image(func(c *v1.ImageConfig) { c.Cmd = []string{""} }), func(t *testing.T, runtime, image string) {
		p.start(t, runtime, image).failsIn(t, []int{125, 127}, "command")
	})
	p.each(t, "shell is a FIFO", image(nil, images.FIFO("bin/sh", 0o755), images.FIFO("bin/true", 0o755)), func(t *testing.T, runtime, image string) {
		p.start(t, runtime, image, "sh").fails(t, 126, "sh")
		p.start(t, runtime, image).fails(t, 126, "true")
	})
}

// TestN16 is an entrypoint or a name that looks like an option.
func TestN16Options(t *testing.T) {
	t.Parallel()
	p := settle(t)
	script := images.File("bin/--", 0o755, "#!/bin/sh\necho \"dashes $*\"\n")
	for entry, want := range map[string]string{"--": "dashes --version -c\n", "-c": "", "--help": "", "-v": "", "--root=/": ""} {
		i := image(func(c *v1.ImageConfig) { c.Entrypoint, c.Cmd = []string{entry}, []string{"--version", "-c"} }, script)
		p.each(t, "entrypoint "+entry, i, func(t *testing.T, runtime, image string) {
			for _, init := range []string{"--init=false", "--init"} {
				r := p.start(t, runtime, init, image)
				if want == "" {
					r.fails(t, 127, entry)
				} else if r.code != 0 || r.stdout != want {
					t.Errorf("%s: exit code %d, %q, %s", r, r.code, r.stdout, r.stderr)
				}
			}
		})
	}
	p.try(t, "names", func(t *testing.T) {
		for _, name := range []string{"-x", "--help", "--version", "--policy=never", "-q"} {
			p.run(t, "tug-pull", "-q", "--", name).fails(t, 125)
			p.run(t, "tug-run", "-q", "--rm", "--", name, "true").fails(t, 125)
			p.run(t, "tug-rmi", "--", name).failsIn(t, []int{1, 125})
			p.run(t, "tug-tag", "--", p.good, name).fails(t, 125)
			p.run(t, "tug-copy", "-q", "--", name, "dir:"+p.tmp+"/out").failsIn(t, []int{1, 2})
			p.run(t, "tug-copy", "-q", "--", "containers-storage:"+p.good, name).failsIn(t, []int{1, 2})
			r := p.run(t, "tug-inspect", "--", name)
			r.stdout = strings.TrimPrefix(r.stdout, "[]\n")
			r.failsIn(t, []int{1, 2, 125})
		}
	})
}

// TestN15 is a name that is none: it is refused before anything is made.
func TestN15Names(t *testing.T) {
	t.Parallel()
	p := settle(t)
	names := []string{
		"-x", "--help", ".", "..", "a/b", "../x", "/x", strings.Repeat("x", 256), "é", "a b", "%n", "a\nb", ".json",
		".x", "_x", "a\x1b[31mb", "a:b", "a@b", "*", "~", "$(id)", "a\\b", "a\tb", "con\u202eb",
	}
	p.try(t, "containers", func(t *testing.T) {
		for _, name := range names {
			r := p.run(t, "tug-run", "--runtime="+runtimes[0], "--name="+name, p.good, "true")
			r.fails(t, 125)
			p.run(t, "tug-run", "--rm", "--replace", "--name="+name, p.good, "true").fails(t, 125)
		}
		p.run(t, "tug-run", "--rm", "--name=", p.good, "true").failsIn(t, []int{0, 125})
		p.run(t, "tug-run", "--rm", "--name=con", p.good, "true").works(t)
	})
	p.try(t, "hosts", func(t *testing.T) {
		for _, name := range []string{
			"a\nb", "a b", "..", "-x", "a\x1b[31mb", strings.Repeat("x", 256), "a/b", "é", "a\tb 1.2.3.4", "%n\n", "a\x7fb",
		} {
			p.run(t, "tug-run", "--rm", "--hostname="+name, p.good, "true").fails(t, 125, "hostname")
		}
		for _, host := range []string{
			"x", "x:", ":1.2.3.4", "x:1.2.3.4\n5.6.7.8 y", "x\ny:1.2.3.4", "x:1.2.3.4 y", "x:y:z", "x:999.1.1.1", "a b:1.2.3.4", "x\x1b:1.2.3.4",
		} {
			p.run(t, "tug-run", "--rm", "--add-host="+host, p.good, "true").fails(t, 125, "host")
		}
	})
	p.try(t, "images", func(t *testing.T) {
		for _, name := range append(names, "A", "a:", "a:"+strings.Repeat("x", 129), "a//b", "a/../b", "a:..", "a:-x", "http://x/y", "a:b:c", "") {
			if name == "a/b" || name == "a:b" {
				continue // good names of images
			}
			p.run(t, "tug-tag", "--", p.good, name).fails(t, 125)
			p.run(t, "tug-pull", "-q", "--retry=0", "--", name).fails(t, 125)
		}
	})
	p.try(t, "taken", func(t *testing.T) {
		p.run(t, "tug-run", "--name=taken", p.good, "sh", "-c", "echo kept >/kept").works(t)
		p.run(t, "tug-run", "--name=taken", p.good, "true").fails(t, 125, "taken")
		p.run(t, "tug-run", "--rm", "--name=taken", p.good, "true").fails(t, 125, "taken")
		kept, err := filepath.Glob(filepath.Join(p.home.Root, "tug", "containers", "*", "upper", "kept"))
		must(t, err)
		if len(kept) != 1 {
			t.Errorf("the container that has the name lost its files: %v", kept)
		}
		p.run(t, "tug-rmi", p.good).fails(t, 2, "taken")
		p.run(t, "tug-run", "--rm", "--replace", "--name=taken", p.good, "true").works(t)
	})
	p.try(t, "ID file", func(t *testing.T) {
		file := filepath.Join(p.dir, "cid")
		write(t, file, "mine")
		p.run(t, "tug-run", "--rm", "--cidfile="+file, p.good, "true").fails(t, 125, file)
		for _, link := range []string{"dangling", "linked"} {
			path := filepath.Join(p.dir, link)
			must(t, os.Symlink(map[string]string{"dangling": p.dir + "/nothing", "linked": p.canary + "/file"}[link], path))
			p.run(t, "tug-run", "--rm", "--cidfile="+path, p.good, "true").fails(t, 125, path)
			must(t, os.Remove(path))
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
			t.Errorf("U7: %s: %q, %v", file, text, err)
		}
		p.run(t, "tug-run", "--rm", "--cidfile="+p.dir+"/no/such/cid", p.good, "true").fails(t, 125, "no/such/cid")
		p.run(t, "tug-run", "--rm", "--cidfile="+p.dir+"/cid2", p.good, "/nothing").fails(t, 127)
		if _, err := os.Lstat(p.dir + "/cid2"); err == nil {
			t.Error("U5: the ID file of a container that never was is left")
		}
	})
}
