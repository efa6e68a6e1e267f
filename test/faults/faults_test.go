// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// calls are the system calls by which a command changes something, or has others
// change it.
var calls = []string{
	"mkdirat", "linkat", "renameat", "renameat2", "unlinkat", "symlinkat", "pwrite64", "write", "ftruncate", "fdatasync", "fsync",
	"fchmodat", "fchownat", "utimensat", "mkdir", "rmdir", "link", "rename", "unlink", "fsopen", "fsmount", "move_mount", "umount2",
	"clone", "clone3", "connect", "sendmsg", "sendto", "kill", "pidfd_send_signal", "bind",
}

// operation is a command that is killed.
type operation struct {
	name string
	// before is what it needs, after what undoes it; FILE is an archive, LAYOUT one of images,
	// SLEEP a payload that runs on.
	before, line, after string
	// deep kills what the command starts as well, where it gets there first: the
	// runtime, the monitor, what cleans up.
	deep bool
	// mayBe are the states that the container x, or y, may have then; "" is
	// that there is none.
	mayBe []string
}

var operations = []operation{
	{name: "run -d", line: "run -d --name x -v vol:/vol -v owned:/vol/in box sleep SLEEP", after: "volume rm -f vol", mayBe: []string{"", "created", "running", "exited", "unknown"}},
	{name: "run -d, ids", line: "run -d --name x --userns auto box sleep SLEEP", mayBe: []string{"", "created", "running", "exited", "unknown"}},
	{name: "create", line: "create --name x -v vol:/vol box true", after: "volume rm -f vol", mayBe: []string{"", "created"}},
	{name: "start", before: "create --name x box sleep SLEEP", line: "start x", mayBe: []string{"created", "running", "exited", "unknown"}},
	{name: "stop", before: "run -d --name x box sleep SLEEP", line: "stop -t 0 x", mayBe: []string{"running", "exited", "unknown"}},
	{name: "run -d, deep", deep: true, line: "run -d --name x -v vol:/vol -v owned:/vol/in box sleep 0.2", after: "volume rm -f vol", mayBe: []string{"", "created", "running", "exited", "unknown"}},
	{name: "start, deep", deep: true, before: "create --name x box sleep 0.2", line: "start x", mayBe: []string{"created", "running", "exited", "unknown"}},
	{name: "rm", before: "create --name x box true", line: "rm x", mayBe: []string{"", "created"}},
	{name: "rm -f", before: "run -d --name x box sleep SLEEP", line: "rm -f -t 0 x", mayBe: []string{"", "running", "exited", "unknown"}},
	{name: "commit", before: "create --name x box true", line: "commit -q x localhost/made", after: "rmi -f localhost/made", mayBe: []string{"created"}},
	{name: "pull", line: "pull -q oci:LAYOUT:more", after: "pull -q oci:LAYOUT:more; rmi localhost/layout:more", mayBe: []string{""}},
	{name: "cp", before: "create --name x box true", line: "cp /etc/passwd x:/etc/copied", mayBe: []string{"created"}},
	{name: "rename", before: "create --name x box true", line: "rename x y", mayBe: []string{"created"}},
	{name: "mount", before: "create --name x box true", line: "mount x", mayBe: []string{"created"}},
	{name: "umount", before: "create --name x box true; mount x", line: "umount x", mayBe: []string{"created"}},
	{name: "prune", before: "create --name x -v vol:/vol box true", line: "prune -f --volumes", after: "volume rm -f vol", mayBe: []string{"", "created"}},
	{name: "restart", before: "run -d --name x box sleep SLEEP", line: "restart -t 0 x", mayBe: []string{"created", "running", "exited", "unknown"}},
	{name: "exec", before: "run -d --name x box sleep SLEEP", line: "exec x true", mayBe: []string{"running"}},
	{name: "pause", before: "run -d --name x box sleep SLEEP", line: "pause x", mayBe: []string{"running", "paused"}},
	{name: "volume create", line: "volume create vol", after: "volume rm -f vol", mayBe: []string{""}},
	{name: "network create", line: "network create net", after: "network rm -f net", mayBe: []string{""}},
	{name: "network rm", before: "network create net", line: "network rm net", after: "network rm -f net", mayBe: []string{""}},
	{name: "network connect", before: "network create net; network create two; run -d --name x --network net box sleep SLEEP", line: "network connect two x", after: "network rm -f net two", mayBe: []string{"running"}},
	{name: "network disconnect", before: "network create net; run -d --name x --network net box sleep SLEEP", line: "network disconnect net x", after: "network rm -f net", mayBe: []string{"running"}},
	{name: "volume rm", before: "volume create vol", line: "volume rm vol", after: "volume rm -f vol", mayBe: []string{""}},
	{name: "volume import", before: "volume create vol", line: "volume import vol FILE", after: "volume rm -f vol", mayBe: []string{""}},
}

// point is one place to be killed at: the nth call of a thread.
type point struct {
	call string
	n    int
}

func TestKilledCommands(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace")
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("FAULTS"), 10, 64); err == nil {
		seed = n
	}
	if !everyPoint() {
		t.Logf("FAULTS=%d", seed)
	}
	chance := rand.New(rand.NewPCG(seed, 0))
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			if _, err := exec.LookPath(runtime); err != nil {
				t.Skip("needs ", runtime)
			}
			w := newWorld(t, runtime)
			for _, op := range operations {
				t.Run(op.name, func(t *testing.T) {
					w.t = t
					w.killEach(op, chance)
				})
			}
		})
	}
}

func everyPoint() bool { return os.Getenv("FAULTS") == "all" }

// killEach kills an operation at each of its points, or once.
func (w *world) killEach(op operation, chance *rand.Rand) {
	w.t.Helper()
	points, enough := w.points(op), 1
	if everyPoint() {
		enough = len(points)
	} else {
		chance.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	}
	killed := 0
	for _, p := range points {
		if killed == enough {
			break
		}
		begun := time.Now()
		if w.try(op, p) { // it may take another way than when it was counted
			killed++
		}
		w.t.Logf("%s %d: %v", p.call, p.n, time.Since(begun).Round(time.Millisecond))
		if w.t.Failed() {
			w.t.FailNow()
		}
	}
	w.t.Logf("killed %d times, of %d points", killed, len(points))
	if killed == 0 {
		w.t.Error("it was never killed")
	}
}

// points counts the calls of a command that is not killed.
func (w *world) points(op operation) []point {
	w.t.Helper()
	w.must(op.before)
	trace := w.dir + "/trace"
	if out, err := w.traced(op, "-o", trace, "-e", "trace="+strings.Join(calls, ",")).CombinedOutput(); err != nil {
		w.t.Fatalf("%s: %v: %s", op.line, err, out)
	}
	w.restore(op)
	data, err := os.ReadFile(trace)
	if err != nil {
		w.t.Fatal(err)
	}
	counts, most := map[string]int{}, map[string]int{}
	for line := range strings.Lines(string(data)) {
		thread, rest, _ := strings.Cut(line, " ")
		call, _, isCall := strings.Cut(strings.TrimSpace(rest), "(")
		if !isCall || !slices.Contains(calls, call) {
			continue
		}
		counts[thread+call]++
		most[call] = max(most[call], counts[thread+call])
	}
	var points []point
	for _, call := range calls {
		for n := range most[call] {
			points = append(points, point{call, n + 1})
		}
	}
	return points
}

// traced is the command under strace, which lets go of what the command starts:
// the runtime, the monitor, and the container.
func (w *world) traced(op operation, options ...string) *exec.Cmd {
	cmd := w.command(op.line)
	args := append([]string{"strace", "-f", "-qq"}, options...)
	if !op.deep {
		args = append(args, "-b", "execve")
	}
	cmd.Args = append(append(args, cmd.Path), cmd.Args[1:]...)
	cmd.Path = w.strace
	cmd.Env = append(cmd.Env, "GOMAXPROCS=1") // strace counts the calls of each thread
	return cmd
}

// try kills the command at a point, if it gets there, and looks at what is left.
func (w *world) try(op operation, p point) (killed bool) {
	w.t.Helper()
	w.must(op.before)
	cmd := w.traced(op, "-o", os.DevNull, "-e", "trace="+p.call, "-e", "inject="+p.call+":signal=KILL:when="+strconv.Itoa(p.n))
	killed = w.until(cmd) != nil
	w.settle()
	w.check(op)
	w.restore(op)
	return killed
}
