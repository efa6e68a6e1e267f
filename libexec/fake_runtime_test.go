// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

// The fake runtime is a shell script: what comes before verb) is the same for
// all. It tells what it did in BUNDLE/verbs.
const fakeHead = `#!/bin/sh
root=$2 log=$4; shift 6; verb=$1; shift
while [ $# -gt 1 ]; do
	case $1 in --bundle) bundle=$2; shift;; --pid-file) pidfile=$2; shift;; --console-socket) shift;; esac
	shift
done
id=$1
echo "$verb" >>"$(dirname "$root")/verbs"
case $verb in
`

const fakeDelete = `
delete) rm -rf "$root/$id";;
`

func newFake(t *testing.T, cases string) *runRig {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "fake")
	if err := os.WriteFile(path, []byte(fakeHead+cases+"\nesac\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := FindRuntime(t.Context(), RuntimeOptions{Name: path, StateDir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	g := &runRig{t: t, runtime: r, c: Container{ID: "tugtest-fake", Bundle: filepath.Join(dir, "bundle")}}
	if err := os.MkdirAll(g.c.Bundle, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.nothingLeft)
	return g
}

func (g *runRig) verbs() string {
	data, _ := os.ReadFile(filepath.Join(filepath.Dir(g.runtime.root), "verbs"))
	return strings.Join(strings.Fields(string(data)), " ")
}

func TestFaultyRuntime(t *testing.T) {
	for name, test := range map[string]struct{ cases, want string }{
		"exits 0 doing nothing": {`run) exit 0;;` + fakeDelete, "run: exit status 0, but the container was not started"},
		"exits 3 in silence":    {`run) exit 3;;` + fakeDelete, "run: exit status 3, and no message"},
		"crashes":               {`run) mkdir "$root/$id"; kill -SEGV $$;;` + fakeDelete, "run: ended by signal 11 (segmentation fault)"},
		"crashes after the start": {
			`run) mkdir "$root/$id"; sleep 60 & echo $! >"$pidfile"; kill -9 $$;;
			delete) kill -9 $(cat "$(dirname "$log")/pid"); rm -rf "$root/$id";;`,
			"run: ended by signal 9 (killed)"},
		"logs an error": {
			`run) printf '%s\n' '{"level":"warning","msg":"so"}' \
				'{"level":"error","msg":"mount nothing: two\nlines"}' garbage >"$log"; exit 1;;` + fakeDelete,
			"run: mount nothing: two; lines"},
		"prints garbage": {`run) head -c 100000 /dev/urandom >"$log"; exit 1;;` + fakeDelete, "run: exit status 1, and no message"},
		"delete crashes too": {
			`run) mkdir "$root/$id"; kill -SEGV $$;; delete) echo no idea >&2; kill -SEGV $$;;`,
			"delete: ended by signal 11 (segmentation fault): no idea"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newFake(t, test.cases)
			exit, _, _, err := g.run()
			if exit.Started || !errors.Is(err, ErrRuntimeFailed) {
				t.Fatalf("%+v, %v", exit, err)
			}
			if !strings.Contains(err.Error(), g.runtime.Path+" "+test.want) {
				t.Errorf("message %q, want %q", err, test.want)
			}
			if !strings.Contains(g.verbs(), "delete") {
				t.Errorf("verbs: %s", g.verbs())
			}
		})
	}
}

func TestRuntimeHangs(t *testing.T) {
	for name, cases := range map[string]string{
		"before a process": `run) mkdir "$root/$id"; trap '' TERM; sleep 61 & setsid sleep 62 & sleep 63;;` + fakeDelete,
		"deletes nothing":  `run) mkdir "$root/$id"; sleep 61;; delete) exit 0;;`,
		"in delete too":    `run) mkdir "$root/$id"; sleep 61;; delete) sleep 62 & sleep 63;;`,
	} {
		t.Run(name, func(t *testing.T) {
			g := newFake(t, cases)
			g.opts.StartTimeout = 200 * time.Millisecond
			start := time.Now()
			_, _, _, err := g.run()
			if !errors.Is(err, ErrRuntimeTimeout) || !errors.Is(err, ErrRuntimeFailed) || time.Since(start) > 50*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	}
}

// A runtime that hangs after its container was killed is ended with force.
func TestRuntimeIgnoresEnd(t *testing.T) {
	g := newFake(t, `run) mkdir "$root/$id"; trap '' TERM; sleep 0.2 & echo $! >"$pidfile"; sleep 60; sleep 61;;`+fakeDelete)
	g.opts.Timeout = 50 * time.Millisecond
	start := time.Now()
	exit, _, _, err := g.run()
	if took := time.Since(start); !exit.TimedOut || took > 50*time.Second {
		t.Errorf("%+v, %v after %v", exit, err, took)
	}
}

// A signal at each stage of a container that never comes to life.
func TestSignalBeforeStart(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			g := newFake(t, `run) mkdir "$root/$id"; : >"$root/ready"; sleep 60;;`+fakeDelete)
			signals, send := sends()
			g.opts.Signals = signals
			send(syscall.SIGUSR1)
			send(sig)
			exit, _, _, err := g.run()
			if err != nil || exit.Code != 128+int(sig) || exit.Interrupted != sig || exit.Started || g.verbs() != "" {
				t.Errorf("before the fork: %+v, %v, verbs %q", exit, err, g.verbs())
			}
			go func() {
				for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
					if _, err := os.Stat(filepath.Join(g.runtime.root, "ready")); err == nil {
						break
					}
				}
				send(sig)
			}()
			start := time.Now()
			exit, _, _, err = g.run()
			if err != nil || exit.Code != 128+int(sig) || exit.Interrupted != sig || exit.Started {
				t.Errorf("during create: %+v, %v", exit, err)
			}
			if took := time.Since(start); took > 50*time.Second {
				t.Errorf("during create: took %v", took)
			}
			if g.verbs() != "run delete" {
				t.Errorf("verbs %q", g.verbs())
			}
		})
	}
}

func TestRuntimeGone(t *testing.T) {
	g := newFake(t, "")
	if err := os.Remove(g.runtime.Path); err != nil {
		t.Fatal(err)
	}
	_, _, _, err := g.run()
	if !errors.Is(err, ErrRuntimeNotFound) || !errors.Is(err, ErrRuntimeFailed) || !errors.Is(err, errclass.NotFound) {
		t.Errorf("removed: %v", err)
	}
	if err := os.WriteFile(g.runtime.Path, []byte("\x7fELF nonsense"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = g.run()
	if !errors.Is(err, ErrRuntimeNotExecutable) {
		t.Errorf("not a program: %v", err)
	}
}

// The environment and the descriptors that a runtime sees are those we name.
func TestRuntimeSees(t *testing.T) {
	leak, err := syscall.Open("/etc/passwd", syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	t.Setenv("LISTEN_FDS", "10")
	t.Setenv("NOTIFY_SOCKET", "/run/notify")
	g := newFake(t, `run) ls -1 /proc/self/fd; env | cut -d= -f1 | sort; echo 0 >"$pidfile"; exit 5;;`+fakeDelete)
	g.runtime.env = RuntimeEnv([]string{"PATH=/usr/bin:/bin", "LISTEN_FDS=10", "NOTIFY_SOCKET=/x", "LD_PRELOAD=/x", "GODEBUG=x", "HTTP_PROXY=http://me:secret@x", "HOME=/root"})
	_, stdout, _, _ := g.run()
	// ls opens a directory; the shell itself adds PWD and the like.
	if want := "0\n1\n2\n3\n"; !strings.HasPrefix(stdout, want) || strings.Contains(stdout, "4\n") {
		t.Errorf("descriptors: %q", stdout)
	}
	for _, name := range []string{"LISTEN", "NOTIFY", "LD_", "GODEBUG", "PROXY"} {
		if strings.Contains(stdout, name) {
			t.Errorf("%s reaches the runtime: %q", name, stdout)
		}
	}
}
