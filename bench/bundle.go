// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bundle takes the specification that tug-run makes for a command, and what
// it refers to, and makes a bundle of it that a bare runtime can run: without
// what tug-run adds for crun's sake, the seccomp filter that is compiled already.
func (p *place) bundle(b *bench, command ...string) (string, error) {
	return p.bundleOf(b, "bundle", false, command)
}

// filtered is a bundle with that filter.
func (p *place) filtered(b *bench, command ...string) (string, error) {
	return p.bundleOf(b, "filtered", true, command)
}

func (p *place) bundleOf(b *bench, kind string, filter bool, command []string) (string, error) {
	to, cid := p.of(kind+"-"+command[0]), p.of("cid-"+kind+"-"+command[0])
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	cmd := p.tug(b, "run", "--runtime=crun", "--rm", "--network=none", "--cidfile="+cid, image, "sleep", "60")
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	from, err := p.started(cid)
	if err != nil {
		return "", err
	}
	if _, err := finish(exec.Command("cp", "-a", from, to)); err != nil {
		return "", err
	}
	return to, rewrite(filepath.Join(to, "config.json"), from, to, filter, command)
}

// started waits until the container's bundle is there and its root file system
// mounted.
func (p *place) started(cid string) (string, error) {
	for range 500 {
		id, _ := os.ReadFile(cid)
		dir := filepath.Join(p.run, "tug", "tug", strings.TrimSpace(string(id)))
		mounted, _ := filepath.Glob(dir + "/*/bin/busybox")
		if len(id) > 0 && len(mounted) > 0 {
			if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
				time.Sleep(100 * time.Millisecond)
				return dir, nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("no bundle of a running container")
}

const filterAnnotation = "run.oci.seccomp_bpf_data"

// rewrite gives a specification another place, another command and a cgroup
// of its own.
func rewrite(path, from, to string, filter bool, command []string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), from, to)), &spec); err != nil {
		return err
	}
	spec["process"].(map[string]any)["args"] = command
	annotations, _ := spec["annotations"].(map[string]any)
	if _, ok := annotations[filterAnnotation]; !ok && filter {
		return errors.New("tug-run hands no compiled filter over")
	}
	if !filter {
		delete(annotations, filterAnnotation)
	}
	if linux, ok := spec["linux"].(map[string]any); ok {
		delete(linux, "cgroupsPath")
	}
	if raw, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}
