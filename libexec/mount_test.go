// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func findMount(spec *specs.Spec, destination string) *specs.Mount {
	i := slices.IndexFunc(spec.Mounts, func(m specs.Mount) bool { return m.Destination == destination })
	if i < 0 {
		return nil
	}
	return &spec.Mounts[i]
}

func TestMountOptions(t *testing.T) {
	for _, tc := range []struct {
		kind    string
		options []string
		want    string
	}{
		{"bind", nil, "rw rprivate rbind"},
		{"bind", []string{"ro", "z", "nosuid", "ro"}, "ro nosuid rprivate rbind"},
		{"bind", []string{"bind", "private", "Z", "exec"}, "bind private exec rw"},
		{"tmpfs", nil, "rw rprivate nosuid nodev tmpcopyup"},
		{"tmpfs", []string{"size=64m", "mode=1777", "notmpcopyup", "dev"}, "size=64m mode=1777 dev rw rprivate nosuid"},
		{"tmpfs", []string{"size=50%", "uid=1", "gid=2", "nr_inodes=3k", "noexec"}, "size=50% uid=1 gid=2 nr_inodes=3k noexec rw rprivate nosuid nodev tmpcopyup"},
	} {
		if got, err := mountOptions(tc.kind, "/x", tc.options); err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%s %q: %q, %v; want %q", tc.kind, tc.options, got, err, tc.want)
		}
	}
	for _, tc := range []struct {
		kind    string
		options string
	}{
		{"bind", "what"}, {"bind", "ro,rw"}, {"bind", "exec,noexec"}, {"bind", "shared,slave"}, {"bind", "bind,rbind"}, {"bind", ""}, {"bind", "size=1"}, {"bind", "remount"},
		{"bind", "O"}, {"bind", "U"}, {"bind", "upperdir=/etc"}, {"bind", "tmpcopyup"}, {"bind", "ro "}, {"bind", "RO"}, {"bind", "context=x"}, {"bind", "suid\x00"},
		{"tmpfs", "size=x"}, {"tmpfs", "size="}, {"tmpfs", "size=-1"}, {"tmpfs", "size=1mm"}, {"tmpfs", "mode=9"}, {"tmpfs", "mode=77777"}, {"tmpfs", "uid=-1"}, {"tmpfs", "huge=always"},
		{"tmpfs", "mpol=bind"}, {"tmpfs", "rbind"}, {"tmpfs", "z"}, {"tmpfs", "size=1,size=2"}, {"tmpfs", "nr_inodes=50%"}, {"tmpfs", "size=1\n"},
	} {
		if err := CheckMountOptions(tc.kind, "/x", strings.Split(tc.options, ",")); !errors.Is(err, ErrMount) {
			t.Errorf("%s %q: %v; want a bad mount", tc.kind, tc.options, err)
		}
	}
}

func FuzzMountOptions(f *testing.F) {
	for _, s := range []string{"ro", "rw,rslave,z", "size=1m,mode=700", "tmpcopyup,ro", "a=b", ",", "nosuid,suid", "uid=0,gid=00"} {
		f.Add("bind", s)
		f.Add("tmpfs", s)
	}
	f.Fuzz(func(t *testing.T, kind, list string) {
		options, err := mountOptions(kind, "/x", strings.Split(list, ","))
		if err != nil {
			return
		}
		for _, option := range options {
			name, value, valued := strings.Cut(option, "=")
			if valued && !validTmpfsValue(name, value) || strings.ContainsAny(option, " \n\x00,") {
				t.Fatalf("%s %q: %q", kind, list, option)
			}
		}
	})
}

func TestMountRefused(t *testing.T) {
	r := newRig(t).busybox()
	r.write("/etc/file", "")
	file := filepath.Join(r.runDir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.symlink("loop", "/loop")
	r.symlink("etc/..", "/up")
	for name, mounts := range map[string][]Mount{
		"relative place":      {{Type: "tmpfs", Destination: "tmp"}},
		"root":                {{Type: "tmpfs", Destination: "/x/.."}},
		"relative source":     {{Type: "bind", Source: "usr", Destination: "/x"}},
		"missing source":      {{Type: "bind", Source: "/none/at/all", Destination: "/x"}},
		"type":                {{Type: "proc", Destination: "/x"}},
		"empty type":          {{Destination: "/x"}},
		"twice":               {{Type: "tmpfs", Destination: "/x"}, {Type: "tmpfs", Destination: "/x/"}},
		"directory on file":   {{Type: "bind", Source: r.runDir, Destination: "/etc/file"}},
		"tmpfs on file":       {{Type: "tmpfs", Destination: "/etc/file"}},
		"file on directory":   {{Type: "bind", Source: file, Destination: "/etc"}},
		"place through loop":  {{Type: "bind", Source: r.runDir, Destination: "/loop/x"}},
		"a link to the root":  {{Type: "bind", Source: r.runDir, Destination: "/up"}},
		"NUL":                 {{Type: "bind", Source: r.runDir, Destination: "/x\x00"}},
		"propagation of none": {{Type: "bind", Source: "/proc/self", Destination: "/x", Options: []string{"rshared"}}},
	} {
		if name == "propagation of none" && isShared("/proc") {
			continue
		}
		if _, err := r.spec(sh("true"), Options{Mounts: mounts}); !errors.Is(err, ErrMount) {
			t.Errorf("%s: %v; want a bad mount", name, err)
		} else if strings.Contains(err.Error(), r.rootfs) {
			t.Errorf("%s: %q names the host's path of the root", name, err)
		}
	}
}

func isShared(mountpoint string) bool {
	data, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 6 && fields[4] == mountpoint && strings.HasPrefix(fields[6], "shared:") {
			return true
		}
	}
	return false
}

func TestMountOrderAndOverride(t *testing.T) {
	r := newRig(t).busybox()
	spec := r.mustSpec(sh("true"), Options{Mounts: []Mount{
		{Type: "bind", Source: r.runDir, Destination: "/a/b/c"}, {Type: "tmpfs", Destination: "/a"}, {Type: "tmpfs", Destination: "/dev/shm", Options: []string{"size=1m"}},
		{Type: "bind", Source: "/etc/passwd", Destination: "/etc/hosts"},
	}})
	var order []string
	for _, m := range spec.Mounts {
		order = append(order, m.Destination)
	}
	at := func(destination string) int { return slices.Index(order, destination) }
	if at("/a") > at("/a/b/c") || at("/etc/resolv.conf") < at("/a/b/c") || at("/proc") != 0 {
		t.Errorf("order %q", order)
	}
	if m := findMount(spec, "/dev/shm"); !slices.Contains(m.Options, "size=1m") || slices.Contains(m.Options, "size=67108864") {
		t.Errorf("/dev/shm %+v", m)
	}
	if m := findMount(spec, "/etc/hosts"); m.Source != "/etc/passwd" {
		t.Errorf("/etc/hosts %+v", m)
	}
	if strings.Count(strings.Join(order, " ")+" ", "/etc/hosts ") != 1 {
		t.Errorf("order %q", order)
	}
}

func TestReadOnlyTmpfs(t *testing.T) {
	r := newRig(t).busybox()
	image := sh("true")
	image.Volumes = map[string]struct{}{"/data": {}}
	spec := r.mustSpec(image, Options{ReadOnly: true, Mounts: []Mount{{Type: "bind", Source: r.runDir, Destination: "/tmp"}}})
	if !spec.Root.Readonly || findMount(spec, "/run").Type != "tmpfs" || findMount(spec, "/data").Type != "tmpfs" || findMount(spec, "/tmp").Type != "bind" {
		t.Errorf("mounts %+v", spec.Mounts)
	}
	spec = r.mustSpec(sh("true"), Options{ReadOnly: true, NoReadOnlyTmpfs: true})
	if findMount(spec, "/run") != nil {
		t.Error("a tmpfs without being asked for")
	}
	for _, volume := range []string{"/", "rel", "/proc", "/sys/x", "/a/../dev", ""} {
		image.Volumes = map[string]struct{}{volume: {}}
		if _, err := r.spec(image, Options{ReadOnly: true}); !errors.Is(err, ErrImageConfig) {
			t.Errorf("volume %q: %v", volume, err)
		}
	}
}

func TestRunMounts(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		host := t.TempDir()
		if err := os.WriteFile(filepath.Join(host, "file"), []byte("host\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		r.write("/keep/inside", "copied\n")
		expectRun(t, r, runtime, "cat /b/file /f; touch /b/x 2>&1; grep -c ' /s tmpfs .*size=1024k' /proc/mounts", Options{Mounts: []Mount{
			{Type: "bind", Source: host, Destination: "/b", Options: []string{"ro"}},
			{Type: "bind", Source: filepath.Join(host, "file"), Destination: "/f"},
			{Type: "tmpfs", Destination: "/s", Options: []string{"size=1m"}},
		}},
			"host\nhost\ntouch: /b/x: Read-only file system\n1")
		expectRun(t, r, runtime, "cat /keep/inside", Options{Mounts: []Mount{{Type: "tmpfs", Destination: "/keep"}}}, "copied")
		expectRun(t, r, runtime, "touch /x 2>&1; touch /tmp/x /run/x /var/tmp/x && echo ok; touch /etc/hosts 2>&1 || true", Options{ReadOnly: true},
			"touch: /x: Read-only file system\nok\ntouch: /etc/hosts: Read-only file system")
	})
}

// U: the container's user owns the tree; a link in it is changed, not followed.
func TestRunChown(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		volume, canary := t.TempDir(), filepath.Join(t.TempDir(), "canary")
		if err := os.WriteFile(canary, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(volume, "a/b"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(canary, filepath.Join(volume, "link")); err != nil {
			t.Fatal(err)
		}
		expectRun(t, r, runtime, "stat -c '%u %g %n' /v /v/a/b /v/link; touch /v/a/b/c && echo ok", Options{User: "1000:100", Mounts: []Mount{
			{Type: "bind", Source: volume, Destination: "/v", Chown: true}}}, "1000 100 /v\n1000 100 /v/a/b\n1000 100 /v/link\nok")
		if out, _ := r.run(runtime, r.mustSpec(sh("stat -c %u /c"), Options{Mounts: []Mount{{Type: "bind", Source: canary, Destination: "/c"}}})); out != "0" {
			t.Errorf("the canary's owner is %s", out)
		}
	})
}

// The host's own directories keep their owner. Nothing is run here.
func TestChownOfHostRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/etc", link); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"/", "/etc", "/usr/", "/var/../etc", link} {
		o := Options{Mounts: []Mount{{Type: "bind", Source: source, Destination: "/v", Chown: true}}}
		if err := o.Check(); !errors.Is(err, ErrMount) || !strings.Contains(err.Error(), source) {
			t.Errorf("%s: %v", source, err)
		}
		o.Mounts[0].Chown = false
		if err := o.Check(); err != nil {
			t.Errorf("%s, without: %v", source, err)
		}
	}
}

// /proc, /sys and /dev of the image must be plain directories
// (CVE-2023-27561, CVE-2025-31133).
func TestRootRefused(t *testing.T) {
	for _, place := range []string{"/proc", "/sys", "/dev"} {
		for kind, make := range map[string]func(r *specRig){
			"symbolic link": func(r *specRig) { r.symlink("/etc", place) },
			"file":          func(r *specRig) { r.write(place, "") },
		} {
			r := newRig(t).busybox()
			make(r)
			_, err := r.spec(v1.ImageConfig{Cmd: []string{"true"}}, Options{})
			if !errors.Is(err, ErrRootfs) || !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), kind) {
				t.Errorf("%s as %s: %v", place, kind, err)
			}
		}
	}
	if _, err := NewSpec(filepath.Join(t.TempDir(), "none"), nil, Options{Command: []string{"x"}}); !errors.Is(err, ErrRootfs) {
		t.Errorf("no root file system: %v", err)
	}
}
