// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"golang.org/x/sys/unix"
)

// gone removes a name of the layers below.
func gone(name string) images.Entry {
	return images.File(path.Join(path.Dir(name), ".wh."+path.Base(name)), 0, "")
}

// either wants a container that ran with this on stdout, or one that was
// refused with one line that names the object. The canary tells the rest.
func (r *result) either(t *testing.T, stdout, object string) {
	t.Helper()
	if r.code != 0 {
		r.fails(t, 125, object)
	} else if !strings.Contains(r.stdout, stdout) {
		t.Errorf("%s: %q, want %q", r, short(r.stdout), stdout)
	}
}

// TestH57 is a link at a place where we or the runtime write something into the
// container: it must not lead out of it. N09 are the files that we mount.
func TestH57N09Etc(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	up := strings.Repeat("../", 40)
	for name, entries := range map[string][]images.Entry{
		"/etc to the host":     {images.Symlink("etc", c)},
		"/etc up to the host":  {images.Symlink("etc", up+c[1:])},
		"/etc to nothing":      {images.Symlink("etc", "/nowhere")},
		"/etc a loop":          {images.Symlink("etc", "etc")},
		"/etc a file":          {images.File("etc", 0o644, "")},
		"/etc a FIFO":          {images.FIFO("etc", 0o644)},
		"no /etc":              {gone("etc")},
		"/run to the host":     {images.Symlink("run", c)},
		"/run a file":          {images.File("run", 0o644, "")},
		"/tmp to the host":     {images.Symlink("tmp", c)},
		"/var to the host":     {images.Symlink("var", c)},
		"/root to the host":    {images.Symlink("root", c)},
		"mtab to the host":     {images.Symlink("etc/mtab", c+"/mtab")},
		"mtab a directory":     {images.Dir("etc/mtab", 0o755)},
		"localtime":            {images.Symlink("etc/localtime", c+"/file")},
		"containerenv":         {images.Symlink("run/.containerenv", c+"/file")},
		"containerenv, new":    {images.Symlink("run/.containerenv", c+"/new")},
		"containerenv, a FIFO": {images.FIFO("run/.containerenv", 0o644)},
		"containerenv, a dir":  {images.Dir("run/.containerenv", 0o755)},
	} {
		p.each(t, name, image(nil, entries...), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image, "echo", "ran").either(t, "ran", "")
			p.start(t, runtime, "--read-only", "--init", image, "echo", "ran").either(t, "ran", "")
		})
	}
	for _, file := range []string{"hosts", "resolv.conf", "hostname"} {
		for name, entries := range map[string][]images.Entry{
			"to the host":      {images.Symlink("etc/"+file, c+"/"+file)},
			"to a new file":    {images.Symlink("etc/"+file, c+"/new")},
			"up to the host":   {images.Symlink("etc/"+file, up+c[1:]+"/"+file)},
			"to a link":        {images.Symlink("etc/"+file, "/one"), images.Symlink("one", "two"), images.Symlink("two", c+"/"+file)},
			"to descriptors":   {images.Symlink("etc/"+file, "/proc/self/fd/3")},
			"to /dev":          {images.Symlink("etc/"+file, "/dev/null")},
			"a loop":           {images.Symlink("etc/"+file, file)},
			"a FIFO":           {images.FIFO("etc/"+file, 0o644)},
			"a device":         {images.Device("etc/"+file, 0o666, 1, 5)},
			"a directory":      {images.Dir("etc/"+file, 0o755)},
			"not there":        {gone("etc/" + file)},
			"in a place apart": {images.Symlink("etc/"+file, "../run/deep/down/"+file)},
		} {
			p.each(t, file+" "+name, image(nil, entries...), func(t *testing.T, runtime, image string) {
				p.start(t, runtime, "--hostname=box", "--network=host", image, "echo", "ran").either(t, "ran", file)
			})
		}
	}
	p.try(t, "hosts that cannot be changed", func(t *testing.T) {
		root := p.tree(t, "etc/hosts", "etc/hostname", "etc/resolv.conf")
		for _, name := range []string{"hosts", "hostname", "resolv.conf"} {
			undo, err := immutable(filepath.Join(root, "etc", name))
			if err != nil {
				t.Skip("needs a file system with the immutable flag: ", err)
			}
			defer undo()
		}
		for _, runtime := range runtimes {
			p.start(t, runtime, "--rootfs", root, "/bin/probe", "fds").works(t)
		}
	})
}

// tree makes a root file system by hand.
func (p *place) tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"proc", "sys", "dev", "bin", "etc"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	program, err := os.ReadFile(probe)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "bin", "probe"), program, 0o755))
	for _, file := range files {
		write(t, filepath.Join(root, file), "")
	}
	return root
}

// immutable sets the flag of chattr +i.
func immutable(file string) (undo func(), err error) {
	const flag = 0x10
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|flag)
	}
	return func() {
		_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
		f.Close()
	}, err
}

// TestH59 is every path that a run touches in a root file system, taken from
// the configuration of a run, as a link out of it.
func TestH59Paths(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	flags := []string{
		"--init", "--read-only", "--shm-size=1m", "--hostname=box", "--network=host", "-w", "/work/here", "--tmpfs=/scratch/a",
		"-v", p.dir + "/.home:/volume/a:ro", "--mount=type=tmpfs,target=/mounted/a", "--device=/dev/null:/dev/extra",
		"--env=TZ=UTC", "--umask=077",
	}
	places := []string{
		"/etc/system-fips", "/etc/crypto-policies", "/etc/localtime", "/etc/mtab", "/etc/hosts", "/run/secrets", "/run/.containerenv",
		"/usr/share/zoneinfo", "/etc/passwd", "/etc/group", "/etc/ld.so.preload", "/etc/nsswitch.conf", "/bin/sh", "/sbin/init",
		"/run/podman-init", "/.dockerenv", "/work", "/lib", "/lib64",
	}
	p.try(t, "what a run touches", func(t *testing.T) {
		spy := p.spy(t, runtimes[0], "")
		withDir := p.have(t, image(nil, images.Dir("work", 0o755), images.Dir("work/here", 0o755)))
		p.start(t, spy.path, append(slices.Clone(flags), withDir, "true")...).works(t)
		for _, m := range spy.spec(t).Mounts {
			places = append(places, m.Destination)
		}
	})
	if !slices.Contains(places, "/volume/a") || !slices.Contains(places, "/dev/shm") {
		t.Errorf("only %q", places)
	}
	var kernels []string
	tested := map[string]bool{}
	for _, name := range places {
		for ; name != "/"; name = path.Dir(name) {
			if tested[name] {
				continue
			}
			tested[name] = true
			if name == "/proc" || name == "/sys" || name == "/dev" || strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/") || strings.HasPrefix(name, "/dev/") {
				kernels = append(kernels, name)
				continue
			}
			entries := []images.Entry{images.Symlink(name[1:], c)}
			if !strings.HasPrefix(name, "/work") {
				entries = append(entries, images.Dir("work", 0o755), images.Dir("work/here", 0o755))
			}
			if name == "/bin" {
				continue // without it nothing runs: see N20
			}
			p.each(t, name, image(nil, entries...), func(t *testing.T, runtime, image string) {
				p.start(t, runtime, append(slices.Clone(flags), image, "/bin/busybox", "echo", "ran")...).either(t, "ran", "")
			})
		}
	}
	// Below what the kernel mounts anything may be: it is hidden.
	for _, name := range kernels {
		if name == "/proc" || name == "/sys" || name == "/dev" {
			continue
		}
		p.each(t, name, image(nil, images.Symlink(name[1:], c)), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image, "echo", "ran").either(t, "ran", path.Base(name))
		})
	}
}

// TestH69 is a root file system whose /proc, /sys or /dev is none; N20 asks
// for the same.
func TestH69Kernel(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for _, name := range []string{"proc", "sys", "dev"} {
		for kind, entry := range map[string]images.Entry{
			"to the host":       images.Symlink(name, p.canary),
			"to another":        images.Symlink(name, "/tmp"),
			"to itself":         images.Symlink(name, name),
			"to nothing":        images.Symlink(name, "/nowhere"),
			"relative":          images.Symlink(name, "../"+name+"2"),
			"to the descriptor": images.Symlink(name, "/proc/self/fd"),
			"a file":            images.File(name, 0o644, ""),
			"a FIFO":            images.FIFO(name, 0o644),
			"a device":          images.Device(name, 0o666, 1, 3),
		} {
			p.each(t, name+" "+kind, image(nil, entry), func(t *testing.T, runtime, image string) {
				for _, flags := range [][]string{nil, {"--privileged"}} {
					p.start(t, runtime, append(flags, image, "echo", "ran")...).fails(t, 125, "/"+name)
				}
			})
		}
		p.each(t, "no "+name, image(nil, gone(name)), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image, "echo", "ran").either(t, "ran", "/"+name)
		})
	}
	for name, entry := range map[string]images.Entry{
		"null to sysrq":    images.Symlink("dev/null", "/proc/sysrq-trigger"),
		"null to the host": images.Symlink("dev/null", p.canary+"/file"),
		"null a file":      images.File("dev/null", 0o666, ""),
		"console":          images.Symlink("dev/console", p.canary+"/file"),
		"ptmx":             images.Symlink("dev/ptmx", p.canary+"/file"),
		"pts":              images.Symlink("dev/pts", p.canary),
		"shm":              images.Symlink("dev/shm", p.canary),
		"mqueue":           images.Symlink("dev/mqueue", p.canary),
		"stdout":           images.Symlink("dev/stdout", p.canary+"/file"),
		"attributes":       images.Symlink("proc/self", "/proc/sys"),
		"sysrq":            images.Symlink("proc/sysrq-trigger", p.canary+"/file"),
		"cgroup":           images.Symlink("sys/fs", p.canary),
	} {
		p.each(t, name, image(nil, entry), func(t *testing.T, runtime, image string) {
			r := p.start(t, runtime, image, "sh", "-c", "echo x >/dev/null; ls -ld /dev/null /dev/pts /dev/shm /proc/self | cut -c1; echo ran")
			if r.works(t) != "c\nd\nd\nl\nran\n" {
				t.Errorf("%s: %q", r, r.stdout)
			}
		})
	}
	p.try(t, "a root file system by hand", func(t *testing.T) {
		for _, name := range []string{"proc", "sys", "dev"} {
			root := p.tree(t)
			must(t, os.Remove(filepath.Join(root, name)))
			must(t, os.Symlink(p.canary, filepath.Join(root, name)))
			for _, runtime := range runtimes {
				p.start(t, runtime, "--rootfs", root, "/bin/probe", "fds").fails(t, 125, "/"+name)
				p.start(t, runtime, "--rootfs", root+":O", "/bin/probe", "fds").fails(t, 125, "/"+name)
			}
		}
	})
}

// TestH76 is a working directory that leads elsewhere.
func TestH76WorkDir(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	up := strings.Repeat("../", 40)
	links := []images.Entry{
		images.Symlink("link", c), images.Symlink("up", up+c[1:]), images.Symlink("loop", "loop"), images.Symlink("inside", "/home/app"),
		images.Symlink("first", "second"), images.Symlink("second", c), images.File("file", 0o644, ""), images.FIFO("fifo", 0o644),
	}
	for dir, want := range map[string]string{
		"/link": "", "/link/x": "", "/link/empty/x/y": "", "/up/x": "", "/first/x": "", "/loop": "-", "/loop/x": "-", "/file": "-", "/file/x": "-",
		"/fifo": "-", "/fifo/x": "-", "/inside/x": "/home/app/x", "/new/a/b": "/new/a/b", "/new/../../../a": "/a", "relative": "/relative",
		"../../x": "/x", "/a\x1b[31m": "", "/new\nline": "",
	} {
		p.each(t, dir, image(func(cfg *v1.ImageConfig) { cfg.WorkingDir = dir }, links...), func(t *testing.T, runtime, image string) {
			r := p.start(t, runtime, image, "sh", "-c", "echo at $(pwd -P)")
			switch {
			case want == "-":
				r.fails(t, 125, path.Clean("/"+dir))
			case want != "":
				if r.works(t) != "at "+want+"\n" {
					t.Errorf("%s: %q, want %s", r, r.stdout, want)
				}
			default:
				r.either(t, "at /", "")
			}
			// The same by option must be there.
			p.start(t, runtime, "-w", dir, p.good, "true").failsIn(t, []int{125}, "")
		})
	}
}
