// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Debian is a minimal Debian with python3 and nginx, as two layers: what mmdebstrap
// made, and a small one that changes and removes files of the first. It takes
// half a minute and the distribution's package mirror, so it is kept below
// cache, an OCI layout that Debian finds again.
func Debian(ctx context.Context, cache string) (*Built, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	layout, suite := filepath.Join(cache, "debian-nginx"), debianSuite()
	built, err := ReadLayout(layout, suite)
	if !errors.Is(err, fs.ErrNotExist) {
		return built, err
	}
	tarball := filepath.Join(cache, "debian.tar")
	defer os.Remove(tarball)
	if err := bootstrap(ctx, suite, tarball, "python3-minimal", "nginx-light"); err != nil {
		return nil, err
	}
	base, err := TarLayer(tarball)
	if err != nil {
		return nil, err
	}
	defer os.Remove(base.File)
	image := Image{
		Layers: []Layer{base, {Comment: "a motd, and no hostname", Entries: []Entry{
			Dir("etc", 0o755), File("etc/motd", 0o644, "made for tests\n"), File("etc/.wh.hostname", 0, ""),
		}}},
		Config: v1.Image{Config: v1.ImageConfig{
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
			Cmd: []string{"bash"},
		}},
	}
	if built, err = image.Build(); err != nil {
		return nil, err
	}
	if err := built.WriteLayout(layout, suite); err != nil {
		return nil, err
	}
	return ReadLayout(layout, suite)
}

// bootstrap installs packages into a tar file.
func bootstrap(ctx context.Context, suite, file string, packages ...string) error {
	cmd := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=minbase",
		"--include="+strings.Join(packages, ","), `--aptopt=Acquire::Languages "none"`,
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*", suite, file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mmdebstrap %s: %w: %s", suite, err, stderr.String())
	}
	return nil
}

// debianSuite is the host's own where that is a Debian.
func debianSuite() string {
	raw, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "stable"
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[key] = strings.Trim(value, `"`)
	}
	if fields["ID"] != "debian" || fields["VERSION_CODENAME"] == "" {
		return "stable"
	}
	return fields["VERSION_CODENAME"]
}

func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
