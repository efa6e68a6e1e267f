// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"

	"github.com/tug-containers/tug/test/images"
)

const manyFiles = "localhost/files:latest"

// noMappedMounts has containers/storage, and us with it, do without them.
const noMappedMounts = "_CONTAINERS_OVERLAY_DISABLE_IDMAP=yes"

// userns is what a user namespace costs, with mounts that are mapped and with a copy
// of the image that belongs to other users.
func (b *bench) userns(ctx context.Context) error {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	if err := p.addFiles(b); err != nil {
		return err
	}
	if err := os.Chmod(p.run, 0o711); err != nil { // for who is root in there
		return err
	}
	fmt.Println("run --rm IMAGE true, of an image with 10,000 files, without and with a user namespace.")
	fmt.Println("new: a mapping that no container had; again: one that the image was copied for before.")
	var n atomic.Uint32
	run := func(env string, flags ...string) func() *exec.Cmd {
		return func() *exec.Cmd {
			args := append([]string{"--log-level=error", "--rm", "--network=none"}, flags...)
			cmd := p.tug(b, "run", append(args, manyFiles, "true")...)
			if env != "" {
				cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], env)
			}
			return cmd
		}
	}
	fresh := func(env string) func() *exec.Cmd {
		return func() *exec.Cmd { return run(env, fmt.Sprintf("--uidmap=0:%d:65536", 100000+n.Add(1)*65536))() }
	}
	contenders := []*contender{
		{name: "no user namespace", work: work(run(""))},
		{name: "mapped mounts, new", against: "no user namespace", goal: 1.5, work: work(fresh(""))},
		{name: "mapped mounts, auto", against: "no user namespace", goal: 2, work: work(run("", "--userns=auto"))},
		{name: "a copy, new", against: "no user namespace", work: work(fresh(noMappedMounts))},
		{name: "a copy, again", against: "no user namespace", work: work(run(noMappedMounts, "--uidmap=0:100000:65536"))},
	}
	if err := interleave(b.count(10), contenders); err != nil {
		return err
	}
	return missed(table(os.Stdout, contenders))
}

// addFiles makes the image.
func (p *place) addFiles(b *bench) error {
	image, err := images.Busybox()
	if err != nil {
		return err
	}
	layer := images.Layer{Comment: "many files"}
	for dir := range 100 {
		name := fmt.Sprintf("files/%02d", dir)
		layer.Entries = append(layer.Entries, images.Dir(name, 0o755))
		for file := range 100 {
			layer.Entries = append(layer.Entries, images.Zeros(fmt.Sprintf("%s/%02d", name, file), 0o644, 4096).Owned(dir, file))
		}
	}
	image.Layers = append(image.Layers, layer)
	built, err := image.Build()
	if err != nil {
		return err
	}
	layout := p.of("files")
	if err := built.WriteLayout(layout, "latest"); err != nil {
		return err
	}
	_, err = finish(p.tug(b, "copy", "-q", "oci:"+layout+":latest", "containers-storage:"+manyFiles))
	return err
}
