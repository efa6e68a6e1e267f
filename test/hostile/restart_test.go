// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestH68Restart is a container whose files somebody replaces by links to the host
// before it is started again: all that a start writes or mounts on.
func TestH68Restart(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	in := image(func(config *v1.ImageConfig) { config.WorkingDir = "/work/here" })
	replace := func(t *testing.T, name, target string) {
		must(t, os.RemoveAll(name))
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.Symlink(target, name))
	}
	for name, spoil := range map[string]func(t *testing.T, rootfs, volume, beside string){
		"generated files": func(t *testing.T, rootfs, _, _ string) {
			for file, target := range map[string]string{"etc/hosts": "hosts", "etc/resolv.conf": "resolv.conf", "etc/hostname": "hostname", "run/.containerenv": "file", "etc/mtab": "file"} {
				replace(t, rootfs+"/"+file, c+"/"+target)
			}
		},
		"files that are not there": func(t *testing.T, rootfs, _, _ string) {
			for _, file := range []string{"etc/hosts", "etc/resolv.conf", "etc/hostname", "run/.containerenv"} {
				replace(t, rootfs+"/"+file, c+"/new")
			}
		},
		"their directories": func(t *testing.T, rootfs, _, _ string) {
			replace(t, rootfs+"/etc", c)
			replace(t, rootfs+"/run", c+"/sub")
		},
		"working directory": func(t *testing.T, rootfs, _, _ string) { replace(t, rootfs+"/work/here", c+"/new") },
		"above it":          func(t *testing.T, rootfs, _, _ string) { replace(t, rootfs+"/work", c) },
		"places of mounts": func(t *testing.T, rootfs, _, _ string) {
			replace(t, rootfs+"/v", c+"/empty")
			replace(t, rootfs+"/t", c+"/sub")
			replace(t, rootfs+"/f", c+"/file")
		},
		"places in the volume":   func(t *testing.T, _, volume, _ string) { replace(t, volume+"/in", c+"/empty") },
		"above those":            func(t *testing.T, _, volume, _ string) { replace(t, volume+"/deep", c) },
		"the volume's files":     func(t *testing.T, _, volume, _ string) { replace(t, volume+"/new", c+"/new") },
		"the kernel's":           func(t *testing.T, rootfs, _, _ string) { replace(t, rootfs+"/dev", c); replace(t, rootfs+"/proc", c) },
		"pid file":               func(t *testing.T, _, _, beside string) { replace(t, beside+"/pid", c+"/file") },
		"pid file, not there":    func(t *testing.T, _, _, beside string) { replace(t, beside+"/pid", c+"/new") },
		"log":                    func(t *testing.T, _, _, beside string) { replace(t, beside+"/log", c+"/file") },
		"log, not there":         func(t *testing.T, _, _, beside string) { replace(t, beside+"/log", c+"/new") },
		"logs that were rotated": func(t *testing.T, _, _, beside string) { replace(t, beside+"/log.1", c+"/file") },
	} {
		p.each(t, name, in, func(t *testing.T, runtime, image string) {
			beside := filepath.Join(p.dir, "beside")
			must(t, os.Mkdir(beside, 0o755))
			defer os.RemoveAll(beside)
			write(t, beside+"/file", "")
			defer p.dropVolume(t, "vol")
			id := strings.TrimSpace(p.run(t, "tug-create", "--runtime="+runtime, "-v", "vol:/v", "-v", beside+":/v/in",
				"--tmpfs=/v/deep/down", "--tmpfs=/t", "-v", beside+"/file:/f", "--pidfile="+beside+"/pid", "--log-opt=path="+beside+"/log", "--log-opt=max-size=4k",
				image, "sh", "-c", "echo ran; yes | head -c 10000").works(t))
			defer p.run(t, "tug-rm", "-f", "-t", "0", id)
			if r := p.run(t, "tug-start", "-a", id); r.code != 0 {
				t.Fatalf("%s: %d, %q", r, r.code, r.stderr)
			}
			rootfs := strings.TrimSpace(p.run(t, "tug-mount", id).works(t))
			spoil(t, rootfs, p.volumeDir("vol"), beside)
			p.run(t, "tug-umount", id).works(t)
			if r := p.call(t, call{args: []string{"tug-start", id}}); r.code != 0 {
				r.failsIn(t, []int{125, 126, 127})
			}
			eventually(t, "the end", func() bool {
				return !strings.HasPrefix((&detached{p: p, id: id}).status(t), "Up")
			})
		})
	}
}
