// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry"
)

// place is a directory on disk with a store of ours, one of podman's, and a
// registry. Nothing of the host's own stores is touched.
type place struct {
	dir      string
	run      string // for the run roots: in memory, as /run is
	registry *registry.Registry
	env      []string
}

const image = "localhost/busybox:latest"

// at makes the place when the first section needs it.
func (b *bench) at(ctx context.Context) (*place, error) {
	if b.place != nil {
		return b.place, nil
	}
	if os.Getuid() != 0 {
		return nil, errors.New("this section needs root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "tug-bench-")
	if err != nil {
		return nil, err
	}
	b.place = &place{dir: dir}
	p := b.place
	if p.run, err = os.MkdirTemp("/dev/shm", "tug-bench-"); err != nil {
		return nil, err
	}
	if p.registry, err = registry.Start(ctx, registry.Options{}); err != nil {
		return nil, err
	}
	conf := map[string]string{
		"containers.conf": "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\ntmp_dir = \"" + dir + "/libpod\"\n",
		"registries.conf": fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", p.registry.Host),
		"storage.conf":    fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = \"%s/tug/root\"\nrunroot = \"%s/tug\"\n", dir, p.run),
	}
	p.env = os.Environ()
	for name, text := range conf {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
		key := "CONTAINERS_" + strings.ToUpper(strings.TrimSuffix(name, ".conf")) + "_CONF"
		if name == "containers.conf" {
			key = "CONTAINERS_CONF"
		}
		p.env = append(p.env, key+"="+filepath.Join(dir, name))
	}
	busybox, err := images.Busybox()
	if err != nil {
		return nil, err
	}
	built, err := busybox.Build()
	if err != nil {
		return nil, err
	}
	layout := filepath.Join(dir, "busybox")
	if err := built.WriteLayout(layout, "latest"); err != nil {
		return nil, err
	}
	for _, cmd := range []*exec.Cmd{
		p.tug(b, "copy", "-q", "oci:"+layout+":latest", "containers-storage:"+image),
		p.command("skopeo", "copy", "-q", "oci:"+layout+":latest",
			fmt.Sprintf("containers-storage:[overlay@%s+%s]%s", p.of("podman/root"), filepath.Join(p.run, "podman"), image)),
	} {
		if _, err := finish(cmd); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *place) of(name string) string { return filepath.Join(p.dir, name) }

func (p *place) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = p.env
	return cmd
}

// maker gives the same command anew each time.
func (p *place) maker(name string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd { return p.command(name, args...) }
}

func (p *place) tug(b *bench, verb string, args ...string) *exec.Cmd {
	return p.command(filepath.Join(b.bin, "tug-"+verb), args...)
}

func (p *place) podman(args ...string) *exec.Cmd {
	return p.command("podman", append([]string{"--root", p.of("podman/root"), "--runroot", filepath.Join(p.run, "podman")}, args...)...)
}

// finish runs a command, whose stderr is for the case that it fails.
func finish(cmd *exec.Cmd) (time.Duration, error) {
	var stderr strings.Builder
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

func (p *place) close() error {
	var err error
	if p.registry != nil {
		err = p.registry.Stop()
	}
	return errors.Join(err, wipe(p.dir), wipe(p.run))
}

// wipe unmounts what is below a directory and removes it.
func wipe(dir string) error {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return err
	}
	for n := len(infos) - 1; n >= 0; n-- {
		err = errors.Join(err, syscall.Unmount(infos[n].Mountpoint, syscall.MNT_DETACH))
	}
	return errors.Join(err, os.RemoveAll(dir))
}
