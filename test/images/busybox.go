// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Users and groups of the busybox image. app is a member of two more groups.
const (
	passwd = "root:x:0:0:root:/root:/bin/sh\n" +
		"daemon:x:1:1:daemon:/usr/sbin:/bin/false\n" +
		"app:x:1000:1000:app:/home/app:/bin/sh\n" +
		"nobody:x:65534:65534:nobody:/:/bin/false\n"
	group = "root:x:0:\ndaemon:x:1:\nwheel:x:10:app\naudio:x:29:app\napp:x:1000:\nnogroup:x:65534:\n"
)

// Busybox is a small image around the host's static busybox.
func Busybox() (*Image, error) {
	entries, err := BusyboxEntries()
	if err != nil {
		return nil, err
	}
	return &Image{
		Layers: []Layer{{Entries: entries, Comment: "the host's static busybox"}},
		Config: v1.Image{
			Author: "tug tests",
			Config: v1.ImageConfig{
				Env:    []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
				Cmd:    []string{"sh"},
				Labels: map[string]string{"org.opencontainers.image.title": "busybox"},
			},
		},
	}, nil
}

// BusyboxEntries is the content of the busybox image, to make others from.
func BusyboxEntries() ([]Entry, error) {
	binary, err := findBusybox()
	if err != nil {
		return nil, err
	}
	body, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	list, err := exec.Command(binary, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("list the applets of %s: %w", binary, err)
	}
	entries := []Entry{
		Dir("bin", 0o755), Dir("dev", 0o755), Dir("etc", 0o755), Dir("home", 0o755),
		Dir("home/app", 0o755).Owned(1000, 1000), Dir("proc", 0o555), Dir("root", 0o700),
		Dir("run", 0o755), Dir("sys", 0o555), Dir("tmp", 0o1777), Dir("usr", 0o755),
		Dir("usr/bin", 0o755), Dir("usr/sbin", 0o755), Dir("var", 0o755),
		File("etc/passwd", 0o644, passwd), File("etc/group", 0o644, group),
		File("etc/os-release", 0o644, "ID=busybox\nNAME=BusyBox\n"),
		File("bin/busybox", 0o755, string(body)),
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet != "busybox" {
			entries = append(entries, Link(path.Join("bin", applet), "bin/busybox", 0o755))
		}
	}
	return entries, nil
}

func findBusybox() (string, error) {
	for _, name := range []string{"/bin/busybox", "/usr/bin/busybox", "/sbin/busybox", "/usr/sbin/busybox.static", "busybox"} {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if static(found) {
			return found, nil
		}
	}
	return "", fmt.Errorf("no static busybox on this host: install busybox-static (Debian) or busybox (Fedora): %w", exec.ErrNotFound)
}

func static(file string) bool {
	raw, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return false
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}
