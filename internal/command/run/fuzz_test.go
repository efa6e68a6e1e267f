// SPDX-License-Identifier: Apache-2.0

package run

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/tug-containers/tug/libexec"
)

// checkFilesystems says what must hold for whatever the parsers accept.
func checkFilesystems(t *testing.T, value string, all filesystems) {
	t.Helper()
	if len(all.mounts)+len(all.volumes) != 1 {
		t.Fatalf("%q: %d mounts", value, len(all.mounts)+len(all.volumes))
	}
	for _, m := range all.mounts {
		if !path.IsAbs(m.Destination) || path.Clean(m.Destination) != m.Destination || m.Destination == "/" {
			t.Fatalf("%q: destination %q", value, m.Destination)
		}
		if m.Type == "bind" && (!path.IsAbs(m.Source) || strings.IndexByte(m.Source, 0) >= 0) {
			t.Fatalf("%q: source %q", value, m.Source)
		}
		if err := libexec.CheckMountOptions(m.Type, m.Destination, m.Options); err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		known := []string{"ro", "rw", "exec", "noexec", "dev", "nodev", "suid", "nosuid", "bind", "rbind", "z", "Z", "tmpcopyup", "notmpcopyup",
			"shared", "rshared", "slave", "rslave", "private", "rprivate", "unbindable", "runbindable"}
		for _, option := range m.Options {
			name, _, valued := strings.Cut(option, "=")
			if valued && !slices.Contains([]string{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"}, name) || !valued && !slices.Contains(known, option) {
				t.Fatalf("%q: option %q is not of the closed list", value, option)
			}
		}
	}
	for _, v := range all.volumes {
		kinds := 0
		for _, is := range []bool{v.Overlay != "", v.Image != "", v.Name != "", v.Anonymous} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || !path.IsAbs(v.Destination) || strings.Contains(v.Name, "/") {
			t.Fatalf("%q: %+v", value, v)
		}
		if err := libexec.CheckMountOptions("bind", v.Destination, v.Options); err != nil {
			t.Fatalf("%q: %v", value, err)
		}
	}
}

func FuzzVolume(f *testing.F) {
	for _, s := range []string{"/a:/b", "/a:/b:ro", "./a:/b:O", "/a:/b:U,z,rshared", "a:/b", "a:/b:nocopy,ro,U", "a/b:/c", "/a", ":", "/a:/b:upperdir=/x,O", "/a:/../..:ro", "/a:/b\x00", "/a:/b:ro,", "/a:/b:size=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if all, err := parseVolume(value); err == nil {
			checkFilesystems(t, value, all)
		}
	})
}

func FuzzMount(f *testing.F) {
	for _, s := range []string{"type=bind,src=/a,dst=/b", "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777", "type=image,source=x,destination=/i,rw=true",
		"type=volume,src=/a,dst=/b,readonly", "src=a,dst=/b,subpath=c/d,volume-nocopy", "\"type=bind\",\"src=/a,b\",dst=/c", "type=bind,src=/a,dst=/b,bind-propagation=rslave,relabel=shared,U", "type=\n", "src=,dst=,", "\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if all, err := parseMount(value); err == nil {
			checkFilesystems(t, value, all)
		}
	})
}

func FuzzTmpfs(f *testing.F) {
	for _, s := range []string{"/t", "/t:rw,size=64m,mode=1777", "/t:size=50%", "/t:uid=1,gid=2,nr_inodes=3k", "/t:size=", "/t:,", "t", "/t:noexec,exec", "/t:size=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if all, err := parseTmpfs(value); err == nil {
			checkFilesystems(t, value, all)
		}
	})
}

func FuzzUlimit(f *testing.F) {
	for _, s := range []string{"nofile=1024", "nofile=1:2", "core=-1:-1", "nproc=unlimited", "=1", "x=", "nofile=18446744073709551616", "nofile=1:2:3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if limit, err := parseUlimit(value); err == nil && limit.Name == "" {
			t.Fatalf("%q: no name", value)
		}
	})
}

func FuzzDevice(f *testing.F) {
	for _, s := range []string{"/dev/null", "/dev/null:/dev/x", "/dev/null:rw", "/dev/null:/dev/x:rwm", "a=b", ":::", "/dev/null::r", "::r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if device, err := parseDevice(value); err == nil && device.Source == "" {
			t.Fatalf("%q: no source", value)
		}
	})
}

func FuzzEntrypointHostUmask(f *testing.F) {
	for _, s := range []string{"", "/bin/sh", `["a","b"]`, "[", "[1]", "a:1.2.3.4", "six:::1", "022", "0777", "8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if args, err := parseEntrypoint(value); err == nil && args == nil {
			t.Fatalf("%q: a nil entrypoint would mean the image's", value)
		}
		if host, err := parseHost(value); err == nil && host.Name == "" {
			t.Fatalf("%q: no name", value)
		}
		if umask, err := parseUmask(value); err == nil && *umask > 0o777 {
			t.Fatalf("%q: umask %o", value, *umask)
		}
	})
}
