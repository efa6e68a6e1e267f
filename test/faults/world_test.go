// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/scene"
)

// world is a store with a container that has nothing to do with what is killed.
type world struct {
	t      *testing.T
	dir    string
	bin    string
	env    []string
	home   *scene.Home
	strace string
	sleep  string // the argument of sleep in our containers, and nowhere else
	clean  []string
}

func newWorld(t *testing.T, runtime string) *world {
	t.Helper()
	bin, unlink, err := scene.Binaries()
	t.Cleanup(unlink)
	if err != nil {
		t.Fatal(err)
	}
	if err := scene.SubIDs(); err != nil {
		t.Fatal(err)
	}
	stock, err := images.Stock()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/var/tmp", "tug-faults-") // an overlay on tmpfs is no test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	home, err := scene.Furnish(dir, scene.Options{Bin: bin, Runtime: runtime})
	if err != nil {
		t.Fatal(err)
	}
	// Who is root in a user namespace has to pass.
	for _, path := range []string{dir, filepath.Dir(home.Root)} {
		if err := os.Chmod(path, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = exec.Command("umount", filepath.Join(home.Root, "overlay")).Run() })
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, bin: bin, env: home.Environ(), home: home, strace: strace, sleep: strconv.Itoa(7000000 + os.Getpid())}
	if err := stock["busybox:latest"].WriteLayout(dir+"/layout", "box"); err != nil {
		t.Fatal(err)
	}
	more, err := (&images.Image{Layers: []images.Layer{
		{Entries: []images.Entry{images.Dir("dir", 0o755), images.File("dir/file", 0o644, "file"), images.Link("link", "dir/file", 0o644)}},
		{Entries: []images.Entry{images.File("dir/.wh.file", 0o600, ""), images.Symlink("soft", "dir")}},
	}}).Build()
	if err == nil {
		err = more.WriteLayout(dir+"/layout", "more")
	}
	if err != nil {
		t.Fatal(err)
	}
	w.must("tag " + w.must("pull -q oci:LAYOUT:box") + " localhost/box")
	w.must("run --rm -v owned:/owned box touch /owned/file")
	w.must("volume export -o FILE owned")
	w.must("run -d --name bystander -v owned:/owned box sleep SLEEP")
	t.Cleanup(func() {
		w.t = t
		w.must("rm -f -t 0 -a")
	})
	w.clean = w.left()
	return w
}

func (w *world) command(line string) *exec.Cmd {
	words := strings.Fields(strings.NewReplacer("SLEEP", w.sleep, "FILE", w.dir+"/files.tar", "LAYOUT", w.dir+"/layout").Replace(line))
	cmd := exec.Command(filepath.Join(w.bin, "tug-"+words[0]), words[1:]...)
	cmd.Env = w.env
	return cmd
}

// must runs commands that are not killed, and gives the output of the last.
func (w *world) must(line string) string {
	w.t.Helper()
	if first, rest, several := strings.Cut(line, "; "); several {
		w.must(first)
		return w.must(rest)
	}
	if line == "" {
		return ""
	}
	var stderr strings.Builder
	cmd := w.command(line)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.t.Errorf("%s: %v: %s", line, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// settle collects until there is nothing to collect. What the killed command has
// started may still be at work.
func (w *world) settle() {
	w.t.Helper()
	found := ""
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if found = w.must("gc"); found == "" || w.t.Failed() {
			return
		}
	}
	w.t.Errorf("for a minute: %s", found)
}

// states are those of the containers that the killed command may have touched.
func (w *world) states() map[string]string {
	states := map[string]string{}
	for line := range strings.Lines(w.must("ps -a --format {{.Names}}={{.State}}")) {
		name, state, _ := strings.Cut(strings.TrimSpace(line), "=")
		states[name] = state
	}
	return states
}

// check looks at the store after a kill.
func (w *world) check(op operation) {
	w.t.Helper()
	var states map[string]string
	var payloads int
	// A container may be on its way to run, or to its end.
	consistent := func() bool {
		states, payloads = w.states(), w.payloads()
		running := 0
		for _, state := range states {
			if state == "running" || state == "paused" {
				running++
			}
		}
		return running == payloads
	}
	for limit := time.Now().Add(time.Minute); !consistent(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			w.t.Errorf("%d processes run, and these containers: %v", payloads, states)
			return
		}
	}
	if states["bystander"] != "running" {
		w.t.Errorf("bystander: %v", states)
	}
	delete(states, "bystander")
	state := ""
	for name, is := range states {
		if state = is; name != "x" && (name != "y" || op.name != "rename") {
			w.t.Errorf("containers: %v", states)
		}
	}
	if len(states) > 1 || !slices.Contains(op.mayBe, state) {
		w.t.Errorf("containers: %v, want one of %q", states, op.mayBe)
	}
	w.must("exec bystander test -f /owned/file")
}

// payloads counts the processes in our containers, by what their root is made of, or
// by what they are: the mounts of one with ids of its own do not tell.
func (w *world) payloads() int {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	n := 0
	for _, process := range processes {
		command, err := os.ReadFile(process + "/cmdline")
		if err != nil {
			continue
		}
		if string(command) == "sleep\x00"+w.sleep+"\x00" || w.ours(process) {
			n++
		}
	}
	return n
}

func (w *world) ours(process string) bool {
	table, err := os.ReadFile(process + "/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/" && strings.Contains(line, "upperdir="+w.home.Root) {
			return true
		}
	}
	return false
}

// until waits for a command and for what it has started, for a while: what is
// traced too and does not end is let go.
func (w *world) until(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait()
}

// restore removes what the command has made: names can be used again, and nothing
// is left that was not there at first.
func (w *world) restore(op operation) {
	w.t.Helper()
	w.must("rm -f -t 0 x y")
	w.must(op.after)
	// What looks as if it were just being made is left alone for a while.
	for limit := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		w.settle()
		left := w.left()
		if slices.Equal(left, w.clean) || w.t.Failed() {
			return
		}
		if time.Now().After(limit) {
			w.t.Errorf("left: %q, before: %q", left, w.clean)
			return
		}
	}
}

// left lists what is in a store beside images, and what is mounted.
func (w *world) left() []string {
	w.t.Helper()
	var left []string
	for _, dir := range []string{"ephemeral", "containers", "names", "leases", "volumes", "removing"} {
		entries, _ := os.ReadDir(filepath.Join(w.home.Root, "tug", dir))
		for _, entry := range entries {
			left = append(left, dir+"/"+entry.Name())
		}
	}
	stages, _ := filepath.Glob(filepath.Join(w.home.Root, "overlay", "staging", "*"))
	left = append(left, stages...)
	runs, _ := os.ReadDir(filepath.Join(w.home.RunRoot, "tug"))
	for _, run := range runs {
		// These stay, and what is in them must not.
		if name := run.Name(); name == "names" || name == "netns" || name == "networks" {
			files, _ := filepath.Glob(filepath.Join(w.home.RunRoot, "tug", name, "*", "*"))
			left = append(left, files...)
			continue
		}
		left = append(left, "run/"+run.Name())
	}
	mounts, err := scene.Mounts(w.dir)
	if err != nil {
		w.t.Error(err)
	}
	slices.Sort(mounts)
	return append(left, fmt.Sprint(mounts))
}
