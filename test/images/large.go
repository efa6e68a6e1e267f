// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// largeLayers are packages of Debian 12 by layer: large files, many small
// ones, and both, some 120 to 190 MB unpacked each.
func largeLayers() [][]string {
	return [][]string{
		{"golang-1.19-src"},
		{"libllvm14", "libclang-cpp14"},
		{"openjdk-17-jre-headless"},
		{"gcc-12", "g++-12", "cpp-12", "libgcc-12-dev", "libstdc++-12-dev"},
		{"git", "perl-modules-5.36", "libperl5.36", "libicu72"},
	}
}

// Large is an image of six layers and some 900 MB, the Debian image's first
// layer and five of unpacked packages, kept below cache like that one.
func Large(ctx context.Context, cache string) (*Built, error) {
	base, err := Debian(ctx, cache)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	layout := filepath.Join(cache, "large")
	built, err := ReadLayout(layout, "latest")
	if !errors.Is(err, fs.ErrNotExist) {
		return built, err
	}
	scratch, err := os.MkdirTemp(cache, "large-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	first, err := base.firstLayer()
	if err != nil {
		return nil, err
	}
	image := Image{Layers: []Layer{first}, Config: v1.Image{Config: v1.ImageConfig{Cmd: []string{"bash"}}}}
	for n, packages := range largeLayers() {
		layer, err := packageLayer(ctx, filepath.Join(scratch, fmt.Sprint(n)), packages)
		if err != nil {
			return nil, err
		}
		image.Layers = append(image.Layers, layer)
	}
	if built, err = image.Build(); err != nil {
		return nil, err
	}
	if err := built.WriteLayout(layout, "latest"); err != nil {
		return nil, err
	}
	return ReadLayout(layout, "latest")
}

// packageLayer unpacks Debian packages into one layer.
func packageLayer(ctx context.Context, dir string, packages []string) (Layer, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return Layer{}, err
	}
	fetch := exec.CommandContext(ctx, "apt-get", append([]string{"download", "-qq", "-o", "APT::Sandbox::User=root"}, packages...)...)
	fetch.Dir = dir
	if out, err := fetch.CombinedOutput(); err != nil {
		return Layer{}, fmt.Errorf("apt-get download %v: %w: %s", packages, err, out)
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil {
		return Layer{}, err
	}
	file := dir + ".tar"
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return Layer{}, err
	}
	defer f.Close()
	out, seen := tar.NewWriter(f), map[string]bool{}
	for _, deb := range debs {
		if err := appendPackage(ctx, out, deb, seen); err != nil {
			return Layer{}, fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
		}
	}
	if err := errors.Join(out.Close(), f.Close()); err != nil {
		return Layer{}, err
	}
	return TarLayer(file)
}

func appendPackage(ctx context.Context, out *tar.Writer, deb string, seen map[string]bool) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	stream, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	copyErr := appendTar(out, stream, seen)
	if copyErr != nil {
		_ = cmd.Process.Kill()
	}
	return errors.Join(copyErr, cmd.Wait())
}

func appendTar(out *tar.Writer, stream io.Reader, seen map[string]bool) error {
	in := tar.NewReader(stream)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, stream)
			return err
		}
		if err != nil {
			return err
		}
		if seen[header.Name] {
			continue
		}
		seen[header.Name] = true
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}
