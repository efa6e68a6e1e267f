// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tug-containers/tug/test/scene"
)

// The environment by which a run as a user finds what the run as root has made.
const (
	userBin      = "TUG_STORY_BIN"
	userLayout   = "TUG_STORY_LAYOUT"
	userRegistry = "TUG_STORY_REGISTRY"
)

// userRuns are told with runc as well when a user tells them.
var userRuns = []string{"exec_basic", "run_basic", "run_detached", "run_mounts", "run_namespaces", "stop_containers"}

// TestUserStories tells all stories again as an ordinary user, made for it, who has
// ranges of IDs but no session, and none of our environment: this test, started
// as that user. Each story is a test here too, with its own result.
func TestUserStories(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to make a user")
	}
	for _, program := range []string{"useradd", "setpriv", "newuidmap", "crun"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs ", program)
		}
	}
	dir, err := theStage.lend(t)
	if err != nil {
		t.Fatal(err)
	}
	name := newUser(t, dir)
	results := tellAs(t, name, dir)
	for _, test := range slices.Sorted(maps.Keys(results)) {
		r := results[test]
		t.Run(strings.TrimPrefix(test, "TestStories/"), func(t *testing.T) {
			switch r.action {
			case "fail":
				t.Error(r.output.String())
			case "skip":
				t.Skip(skipReason(r.output.String()))
			case "pass":
			default:
				t.Error("it did not end: ", r.output.String())
			}
		})
	}
	if len(results) == 0 && flag.Lookup("test.run").Value.String() == "" {
		t.Error("no story was told")
	}
}

// skipReason is the last line of a skipped story's output, without where it stands.
func skipReason(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for _, line := range slices.Backward(lines) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			_, reason, _ := strings.Cut(line, "skip ")
			return strings.Trim(reason, `"'`)
		}
	}
	return "no reason"
}

type result struct {
	action string
	output strings.Builder
}

// lend puts what a user needs where a user can read it.
func (s *stage) lend(t *testing.T) (dir string, err error) {
	if dir, err = os.MkdirTemp("/var/tmp", "tug-u"); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for source, name := range map[string]string{self: "script.test", s.bin + "/.": "bin", "testdata/.": "testdata", s.layout + "/.": "layout"} {
		if out, err := exec.Command("cp", "-a", source, filepath.Join(dir, name)).CombinedOutput(); err != nil {
			return "", fmt.Errorf("cp %s: %w: %s", source, err, out)
		}
	}
	stories, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		return "", err
	}
	wanted, err := regexp.Compile(path.Base(flag.Lookup("test.run").Value.String()))
	if err != nil {
		return "", err
	}
	for _, story := range stories {
		if strings.Contains(flag.Lookup("test.run").Value.String(), "/") && !wanted.MatchString(strings.TrimSuffix(filepath.Base(story), ".txtar")) {
			continue
		}
		text, err := os.ReadFile(story)
		if err == nil && strings.Contains(string(text), "\nneed debian\n") {
			s.pushDebian()
			break
		}
	}
	return dir, errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "w"), 0o755))
}

// newUser makes a user with a home in dir, to the end of the test.
func newUser(t *testing.T, dir string) string {
	name := fmt.Sprintf("tugtest%d", os.Getpid())
	home := filepath.Join(dir, "home")
	if out, err := exec.Command("useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v: %s", err, out)
	}
	t.Cleanup(func() {
		u, err := user.Lookup(name)
		if err == nil {
			for _, pid := range processesOf(u.Uid) {
				if command := scene.Command(pid); !podmans(command) {
					t.Errorf("left running: %d %s", pid, command)
				}
				_ = exec.Command("kill", "-KILL", strconv.Itoa(pid)).Run() // gone is as good
			}
			_ = os.RemoveAll("/tmp/tug-run-" + u.Uid)
		}
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v: %s", err, out)
		}
	})
	if out, err := exec.Command("chown", "-R", name+":", filepath.Join(dir, "w"), filepath.Join(dir, "layout")).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
	return name
}

// podmans tells whether a process is the one that keeps podman's user namespace.
func podmans(command string) bool { return strings.HasPrefix(command, "catatonit -P") }

// processesOf gives the processes that live and belong to a user.
func processesOf(uid string) []int {
	out, _ := exec.Command("ps", "-o", "pid=,stat=", "-U", uid).Output() // none is an error
	var pids []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if pid, err := strconv.Atoi(fields[0]); err == nil && len(fields) == 2 && fields[1][0] != 'Z' {
			pids = append(pids, pid)
		}
	}
	return pids
}

// tellAs starts the test as a user, in an environment as cron has it.
func tellAs(t *testing.T, name, dir string) map[string]*result {
	pattern := "TestStories"
	if _, story, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); ok {
		pattern += "/" + story
	}
	args := []string{
		"--reuid", name, "--regid", name, "--init-groups", "--",
		"env", "-i", "HOME=" + filepath.Join(dir, "home"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(dir, "w"),
		userBin + "=" + filepath.Join(dir, "bin"), userLayout + "=" + filepath.Join(dir, "layout"),
		userRegistry + "=" + theStage.host,
		filepath.Join(dir, "script.test"), "-test.v=test2json", "-test.run=" + pattern, "-test.timeout=25m",
	}
	cmd := exec.Command("setpriv", args...)
	cmd.Dir = dir
	convert := exec.Command("go", "tool", "test2json")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	convert.Stdin = pipe
	events, err := convert.StdoutPipe()
	if err == nil {
		err = errors.Join(cmd.Start(), convert.Start())
	}
	if err != nil {
		t.Fatal(err)
	}
	results := readResults(events)
	err = cmd.Wait()
	if cerr := convert.Wait(); cerr != nil {
		t.Error("test2json: ", cerr)
	}
	failed := false
	for _, r := range results {
		failed = failed || r.action != "pass" && r.action != "skip"
	}
	if err != nil && !failed {
		t.Error("the stories as a user: ", err)
	}
	return results
}

// readResults reads the results of stories, which are two levels below.
func readResults(events io.Reader) map[string]*result {
	results := map[string]*result{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(line, &e) == nil && strings.Count(e.Test, "/") == 2 {
			r := results[e.Test]
			if r == nil {
				r = &result{}
				results[e.Test] = r
			}
			r.output.WriteString(e.Output)
			if slices.Contains([]string{"pass", "fail", "skip"}, e.Action) {
				r.action = e.Action
			}
		} else if strings.Contains(e.Output, "_test.go:") {
			fmt.Fprint(os.Stderr, e.Output) // what was left after all stories is of none
		}
		if err != nil {
			return results
		}
	}
}
