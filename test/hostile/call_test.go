// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of U2.
const (
	maxTime   = time.Minute
	maxMemory = 256 << 20
	maxDisk   = 32 << 20
)

// call is one command.
type call struct {
	args  []string
	env   []string
	stdin string
	files []*os.File
	// dir, time and disk replace the place's directory and the bounds.
	dir  string
	time time.Duration
	disk int64
}

// result is how it ended.
type result struct {
	args           []string
	code           int
	stdout, stderr string
	took           time.Duration
}

// run runs one of our programs and checks U2.
func (p *place) run(t testing.TB, args ...string) *result {
	t.Helper()
	return p.call(t, call{args: args})
}

func (p *place) call(t testing.TB, c call) *result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, c.args[0]), c.args[1:]...)
	if filepath.IsAbs(c.args[0]) {
		cmd = exec.Command(c.args[0], c.args[1:]...)
	}
	cmd.Env = append(p.home.Environ(), c.env...)
	cmd.Env = append(cmd.Env, "TMPDIR="+p.tmp)
	cmd.Dir = p.dir
	if c.dir != "" {
		cmd.Dir = c.dir
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = strings.NewReader(c.stdin), &stdout, &stderr, c.files
	cmd.WaitDelay = 30 * time.Second
	// A process group of its own, which can be ended as a whole.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	start, disk := time.Now(), p.used()
	must(t, cmd.Start())
	over := p.bound(cmd, c, disk)
	err := cmd.Wait()
	r := &result{args: c.args, stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start)}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else if err != nil {
		t.Errorf("%s: %v", strings.Join(c.args, " "), err)
	}
	for _, excess := range over() {
		t.Errorf("U2: %s: %s; stderr: %s", short(strings.Join(c.args, " ")), excess, short(r.stderr))
	}
	r.sane(t)
	return r
}

// bound ends a command that exceeds a bound, and tells which it was.
func (p *place) bound(cmd *exec.Cmd, c call, disk int64) (over func() []string) {
	limit, space := c.time, c.disk
	if limit == 0 {
		limit = maxTime
	}
	if space == 0 {
		space = maxDisk
	}
	done, out := make(chan struct{}), make(chan []string)
	deadline := time.Now().Add(limit)
	go func() {
		var list []string
		for round := 0; ; round++ {
			select {
			case <-done:
				out <- list
				return
			case <-time.After(10 * time.Millisecond):
			}
			excess := ""
			if time.Now().After(deadline) {
				excess = fmt.Sprintf("longer than %v", limit)
			} else if memory := memoryOf(cmd.Process.Pid); memory > maxMemory {
				excess = fmt.Sprintf("%d MiB of memory", memory>>20)
			} else if round%10 == 9 {
				if grown := p.used() - disk; grown > space {
					excess = fmt.Sprintf("%d KiB on disk, more than %d", grown>>10, space>>10)
				}
			}
			if excess != "" && len(list) == 0 {
				list = append(list, excess)
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
		}
	}()
	return func() []string {
		close(done)
		return <-out
	}
}

// memoryOf gives the most memory that a process or one of its children had.
func memoryOf(pid int) int64 {
	most := int64(0)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, _ := strconv.ParseInt(fields[1], 10, 64)
			most = kib << 10
		}
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				most = max(most, memoryOf(n))
			}
		}
	}
	return most
}

// used gives the bytes that the store and the temporary directory take.
func (p *place) used() int64 {
	var total int64
	seen := map[uint64]bool{}
	for _, dir := range []string{p.home.Root, p.home.RunRoot, p.tmp} {
		// A directory may become a link out of here meanwhile.
		root, err := os.OpenRoot(dir)
		if err != nil {
			continue
		}
		_ = fs.WalkDir(root.FS(), ".", func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			if entry.IsDir() && entry.Name() == "merged" {
				return fs.SkipDir
			}
			if info, err := entry.Info(); err == nil {
				stat := info.Sys().(*syscall.Stat_t)
				if !seen[stat.Ino] {
					total += stat.Blocks * 512
				}
				if stat.Nlink > 1 {
					seen[stat.Ino] = true
				}
			}
			return nil
		})
		root.Close()
	}
	return total
}

// sane is the part of U3 and U6 that holds for whatever we print; what the
// container of tug-run prints is its own.
func (r *result) sane(t testing.TB) {
	t.Helper()
	for _, word := range []string{"panic:", "goroutine ", "runtime error", "SIGSEGV"} {
		if strings.Contains(r.stderr, word) {
			t.Errorf("U3: %s: %s", r, short(r.stderr))
		}
	}
	texts := []string{r.stderr, r.stdout}
	if r.args[0] == "tug-run" {
		texts = texts[:0]
		if r.code >= 125 && r.code <= 127 {
			texts = append(texts, r.stderr)
		}
	}
	for _, text := range texts {
		if bad := controls(text); bad != "" {
			t.Errorf("U6: %s printed %s", r, bad)
		}
	}
}

// controls gives what in a text would act on a terminal.
func controls(text string) string {
	if !utf8.ValidString(text) {
		return "invalid UTF-8: " + short(strconv.QuoteToASCII(text))
	}
	at := strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029')
	})
	if at < 0 {
		return ""
	}
	return strconv.QuoteToASCII(text[max(0, at-20):min(len(text), at+20)])
}

// fails is U3: the documented code, one line, and the object's name in it.
func (r *result) fails(t testing.TB, code int, objects ...string) {
	t.Helper()
	r.failsIn(t, []int{code}, objects...)
}

func (r *result) failsIn(t testing.TB, codes []int, objects ...string) {
	t.Helper()
	if !slices.Contains(codes, r.code) {
		t.Errorf("U3: %s: exit code %d, want %v; stdout %q, stderr %q", r, r.code, codes, short(r.stdout), short(r.stderr))
		return
	}
	line, rest, _ := strings.Cut(r.stderr, "\n")
	if !strings.HasPrefix(line, "Error: ") || rest != "" {
		t.Errorf("U3: %s: not one line: %q", r, short(r.stderr))
	}
	for _, object := range objects {
		if !strings.Contains(line, object) {
			t.Errorf("U3: %s: %q does not name %q", r, short(line), object)
		}
	}
	if len(line) > 4096 {
		t.Errorf("U3: %s: a line of %d bytes", r, len(line))
	}
	if r.stdout != "" {
		t.Errorf("U3: %s: stdout %q", r, short(r.stdout))
	}
}

// refused is a failure of the runtime: it has the container's stderr, and has
// written to it, before our line.
func (r *result) refused(t testing.TB, object string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	if r.code != 125 || !strings.HasPrefix(last, "Error: ") || strings.Count(r.stderr, "Error: ") != 1 || !strings.Contains(last, object) {
		t.Errorf("U3: %s: exit code %d, %q; want 125, and a last line that names %q", r, r.code, short(r.stderr), object)
	}
}

// soon wants a command that did not try what cannot work again and again.
func (r *result) soon(t testing.TB) *result {
	t.Helper()
	if r.took > 30*time.Second {
		t.Errorf("U2: %s: took %v", r, r.took)
	}
	return r
}

// works wants exit code 0 and gives stdout.
func (r *result) works(t testing.TB) string {
	t.Helper()
	if r.code != 0 || (r.stderr != "" && r.args[0] != "tug-run") {
		t.Fatalf("%s: exit code %d: %q", r, r.code, short(r.stderr))
	}
	return r.stdout
}

func (r *result) String() string { return short(strings.Join(r.args, " ")) }

func short(text string) string {
	if len(text) > 600 {
		return text[:300] + " ... " + text[len(text)-300:]
	}
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
