// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestF22Locks is somebody who has a lock and is stopped. Who looks at containers is
// answered, and who looks at images has the answer or is told whom to wake; who changes
// something says for whom he waits, and goes on when that one is killed.
func TestF22Locks(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.try(t, "stopped", func(t *testing.T) {
		d := p.detach(t, "-v", "vol:/vol", p.good, "sleep", "4711")
		defer p.dropVolume(t, "vol")
		defer d.remove(t)
		containers := [][]string{{"tug-ps", "-a"}, {"tug-logs", d.id}}
		images := [][]string{{"tug-images"}, {"tug-inspect", p.good}, {"tug-volume", "ls"}}
		for _, c := range []struct {
			name, lock string
			ours       bool
			writer     []string
		}{
			{"images", p.home.Root + "/overlay-images/images.lock", false, []string{"tug-tag", p.good, "localhost/other"}},
			{"layers", p.home.Root + "/overlay-layers/layers.lock", false, nil},
			{"mounts", p.home.RunRoot + "/overlay-layers/mountpoints.lock", false, nil},
			{"containers", p.home.Root + "/overlay-containers/containers.lock", false, nil},
			{"a container", filepath.Join(d.dir, "lock"), true, nil},
			{"a volume", filepath.Join(p.home.Root, "tug/volumes/vol/lock"), true, nil},
			{"pulls", filepath.Join(p.home.Root, "tug/pull.lock"), true, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				release := hold(t, c.lock)
				defer release()
				for _, reader := range containers {
					p.run(t, reader...).works(t)
				}
				for _, reader := range images {
					r := p.run(t, reader...)
					told := r.code == 125 && strings.Contains(r.stderr, "Error: "+c.lock+": process ") && strings.Contains(r.stderr, "(probe) has this lock, and is stopped")
					if r.code != 0 && (c.ours || !told) {
						t.Errorf("%s: %d, %q", reader, r.code, r.stderr)
					}
				}
				if c.writer == nil {
					return
				}
				cmd := exec.Command(filepath.Join(bin, c.writer[0]), c.writer[1:]...)
				cmd.Env = append(p.home.Environ(), "TMPDIR="+p.tmp)
				stderr, err := cmd.StderrPipe()
				must(t, err)
				must(t, cmd.Start())
				said := bufio.NewScanner(stderr)
				if !said.Scan() || !strings.Contains(said.Text(), "waiting for "+c.lock+", which process ") {
					t.Errorf("%s: it said %q", c.writer, said.Text())
				}
				release()
				for said.Scan() {
					t.Errorf("%s: %s", c.writer, said.Text())
				}
				must(t, cmd.Wait())
			})
		}
	})
}

// hold has a process take a lock and stop, until release kills it.
func hold(t *testing.T, lock string) (release func()) {
	t.Helper()
	cmd := exec.Command(probe, "hold", lock)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("%s: %q, %v", lock, line, err)
	}
	var once sync.Once
	release = func() {
		once.Do(func() {
			must(t, syscall.Kill(cmd.Process.Pid, syscall.SIGKILL))
			_ = cmd.Wait()
		})
	}
	eventually(t, fmt.Sprint("the stop of ", cmd.Process.Pid), func() bool {
		state, err := exec.Command("ps", "-o", "state=", "-p", fmt.Sprint(cmd.Process.Pid)).Output()
		return err == nil && strings.HasPrefix(string(state), "T")
	})
	return release
}
