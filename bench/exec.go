// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// waits is a command that stays until it is asked to end.
const waits = `trap "exit 0" TERM; while :; do sleep 1; done`

// exec runs a further command in containers that are there: the bare runtimes in
// those of ours.
func (b *bench) exec(ctx context.Context) (err error) {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	fmt.Println("exec CONTAINER true: attached; the bare runtimes enter the same containers.")
	var contenders []*contender
	for _, runtime := range []string{"crun", "runc"} {
		id, end, err := p.resident(b, runtime)
		if err != nil {
			return err
		}
		defer end()
		bare := p.maker(runtime, "--root", filepath.Join(p.run, "tug/tug/runtime", runtime), "exec", id, "true")
		ours := func() *exec.Cmd { return p.tug(b, "exec", id, "true") }
		contenders = append(contenders, &contender{name: runtime, work: work(bare)},
			&contender{name: "tug on " + runtime, against: runtime, goal: 1.5, work: work(ours)})
	}
	if _, err := finish(p.podman("run", "-d", "--name=resident", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024",
		image, "sh", "-c", waits)); err != nil {
		return err
	}
	defer func() {
		_, rerr := finish(p.podman("rm", "-f", "-t", "0", "resident"))
		err = errors.Join(err, rerr)
	}()
	contenders = append(contenders, &contender{name: "podman", against: "tug on crun",
		work: work(func() *exec.Cmd { return p.podman("exec", "resident", "true") })})
	if err := interleave(b.count(30), contenders); err != nil {
		return err
	}
	return missed(table(os.Stdout, contenders))
}

// resident starts a container of ours that stays until end is called.
func (p *place) resident(b *bench, runtime string) (id string, end func(), err error) {
	cid := p.of("cid-resident-" + runtime)
	cmd := p.tug(b, "run", "--runtime", runtime, "--rm", "--network=none", "--cidfile="+cid, image, "sh", "-c", waits)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	bundle, err := p.started(cid)
	if err != nil {
		end()
		return "", nil, err
	}
	return filepath.Base(bundle), end, nil
}
