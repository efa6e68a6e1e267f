// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func realCrun(t *testing.T) *Runtime {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("condition root: not root")
	}
	r, err := FindRuntime(t.Context(), RuntimeOptions{Name: "crun", StateDir: t.TempDir(), ScratchDir: t.TempDir()})
	if err != nil {
		t.Skip("condition crun:", err)
	}
	return r
}

// The filter that crun is given decides as the profile that it would compile:
// on every system call, asked from inside, and byte for byte, asked of the kernel.
func TestFilterIsTheProfile(t *testing.T) {
	crun := realCrun(t)
	program, err := buildProgram("calls")
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]Options{
		"default":   {},
		"strict":    {Security: Security{Strict: true}},
		"sys_admin": {CapAdd: []string{"SYS_ADMIN"}},
		"all":       {CapAdd: []string{"ALL"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t).busybox()
			r.write("/calls", string(program))
			plain := r.mustSpec(v1.ImageConfig{Cmd: []string{"/calls"}}, opts)
			handed := *plain
			opts.Debug = func(message string) { t.Error(message) }
			crun.UseCompiledFilter(t.Context(), &handed, &opts)
			if handed.Annotations[filterAnnotation] == "" || plain.Annotations[filterAnnotation] != "" || handed.Linux.Seccomp == nil {
				t.Fatalf("annotations %v and %v", handed.Annotations, plain.Annotations)
			}
			want, code := r.run("crun", plain)
			if code != 0 || strings.Count(want, "EPERM") < 30 || strings.Count(want, "EXFULL") < 300 {
				t.Fatalf("the plain profile: exit %d: %s", code, want)
			}
			if got, code := r.run("crun", &handed); code != 0 || got != want {
				t.Errorf("exit %d; lines that differ:\n%s", code, differing(want, got))
			}
			if !t.Failed() {
				sameInKernel(t, crun, plain, &handed)
			}
		})
	}
}

func differing(want, got string) string {
	var out strings.Builder
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for n := range max(len(a), len(b)) {
		if n >= len(a) || n >= len(b) || a[n] != b[n] {
			fmt.Fprintln(&out, n, a[min(n, len(a)-1)], "|", b[min(n, len(b)-1)])
		}
	}
	return out.String()
}

// sameInKernel compares what the kernel has installed for two containers.
func sameInKernel(t *testing.T, r *Runtime, a, b *specs.Spec) {
	t.Helper()
	var filters [][]byte
	for _, spec := range []*specs.Spec{a, b} {
		var filter []byte
		try := trial{seccomp: spec.Linux.Seccomp, annotations: spec.Annotations, running: func(_ string, p Process) (err error) {
			filter, err = installedFilter(p.Pid)
			return err
		}}
		if err := r.try(t.Context(), try); errors.Is(err, unix.EACCES) || errors.Is(err, unix.EIO) {
			t.Skip("condition seccomp-get-filter:", err)
		} else if err != nil {
			t.Fatal(err)
		}
		filters = append(filters, filter)
	}
	if len(filters[0]) == 0 || !bytes.Equal(filters[0], filters[1]) {
		t.Errorf("the kernel has filters of %d and %d bytes, or they differ", len(filters[0]), len(filters[1]))
	}
}

// installedFilter asks the kernel for the one filter of a process.
func installedFilter(pid int) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PtraceAttach(pid); err != nil {
		return nil, err
	}
	defer func() { _ = unix.PtraceDetach(pid) }()
	if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != nil {
		return nil, err
	}
	get := func(number int, buffer unsafe.Pointer) (int, error) {
		n, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), uintptr(number), uintptr(buffer), 0, 0)
		if errno != 0 {
			return 0, errno
		}
		return int(n), nil
	}
	count, err := get(0, nil)
	if err != nil {
		return nil, err
	}
	if _, err := get(1, nil); !errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("a second filter: %w", err)
	}
	buffer := make([]byte, count*8)
	_, err = get(0, unsafe.Pointer(&buffer[0]))
	return buffer, err
}

// Where a filter could change what was asked for, there is none.
func TestFilterOnlyForTheDefaultProfile(t *testing.T) {
	profile := filepath.Join(t.TempDir(), "profile.json")
	if err := os.WriteFile(profile, []byte(`{"defaultAction":"SCMP_ACT_ALLOW"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	fake := newFake(t, `run) exit 1;;`+fakeDelete).runtime
	for name, c := range map[string]struct {
		runtime string
		image   v1.ImageConfig
		opts    Options
		tried   bool
	}{
		"default":    {runtime: "crun", tried: true},
		"runc":       {runtime: "runc"},
		"privileged": {runtime: "crun", opts: Options{Privileged: true}},
		"unconfined": {runtime: "crun", opts: Options{Security: Security{Seccomp: "unconfined"}}},
		"own":        {runtime: "crun", opts: Options{Security: Security{Seccomp: profile}}},
		"annotation": {runtime: "crun", opts: Options{Annotations: map[string]string{"run.oci.seccomp_fail_unknown_syscall": "1"}}},
		"label of an image": {runtime: "crun", tried: true,
			image: v1.ImageConfig{Labels: map[string]string{filterAnnotation: "AAAA"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.image.Cmd = []string{"/bin/true"}
			spec := newRig(t).busybox().mustSpec(c.image, c.opts)
			r := *fake
			r.Name, r.root, r.scratch = c.runtime, filepath.Join(t.TempDir(), "state"), t.TempDir()
			tried := false
			c.opts.Debug = func(string) { tried = true } // the fake cannot
			r.UseCompiledFilter(t.Context(), spec, &c.opts)
			if spec.Annotations[filterAnnotation] != "" || tried != c.tried {
				t.Errorf("annotations %v; tried: %v, want %v", spec.Annotations, tried, c.tried)
			}
		})
	}
}

// A filter of the caller's would go before the profile.
func TestFilterOfTheCallers(t *testing.T) {
	opts := Options{Annotations: map[string]string{filterAnnotation: "BgAAAAAA/38="}} // allow all
	if err := opts.Check(); !errors.Is(err, ErrOption) {
		t.Errorf("checked: %v", err)
	}
	if _, err := newRig(t).busybox().spec(sh("true"), opts); !errors.Is(err, ErrOption) {
		t.Errorf("made: %v", err)
	}
}

// A filter is learnt once; a damaged, foreign or empty one is never used.
func TestFilterMemory(t *testing.T) {
	crun := realCrun(t)
	profile := newRig(t).busybox().mustSpec(sh("true"), Options{}).Linux.Seccomp
	first, err := crun.compiledFilter(t.Context(), profile)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(crun.root), "seccomp")
	file := filepath.Join(dir, crun.filterKey(profile))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	state := func() os.FileInfo {
		info, err := os.Lstat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	kept := state()
	if again, err := crun.compiledFilter(t.Context(), profile); err != nil || !bytes.Equal(first, again) || !os.SameFile(kept, state()) {
		t.Errorf("the second time: %v, or it was learnt again", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	for name, damage := range map[string]func() error{
		"a flipped bit": func() error {
			bad := bytes.Clone(whole)
			bad[len(bad)-20] ^= 1
			return os.WriteFile(file, bad, 0o600)
		},
		"cut":       func() error { return os.WriteFile(file, whole[:len(whole)-8], 0o600) },
		"nothing":   func() error { return os.WriteFile(file, nil, 0o600) },
		"long":      func() error { return os.WriteFile(file, append(bytes.Clone(whole), make([]byte, maxFilter)...), 0o600) },
		"for all":   func() error { return os.Chmod(file, 0o666) },
		"another's": func() error { return os.Chown(file, 1000, 1000) },
		"FIFO":      func() error { return errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)) },
		"link":      func() error { return errors.Join(os.Rename(file, file+"-2"), os.Symlink(file+"-2", file)) },
		"an old empty": func() error {
			return errors.Join(saveFilter(dir, file, nil), os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)))
		},
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if got, err := crun.compiledFilter(t.Context(), profile); err != nil || !bytes.Equal(got, first) || !state().Mode().IsRegular() {
			t.Errorf("%s: %v; want the filter anew", name, err)
		}
		_ = os.Remove(file + "-2")
	}
}

// A trial that failed is not repeated at each start.
func TestFilterFailureIsRemembered(t *testing.T) {
	g := newFake(t, `run) exit 1;;`+fakeDelete)
	profile := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	for range 3 {
		if filter, err := g.runtime.compiledFilter(t.Context(), profile); err == nil {
			t.Errorf("a filter of %d bytes", len(filter))
		}
	}
	if strings.Count(g.verbs(), "run") != 1 {
		t.Errorf("verbs: %q", g.verbs())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.runtime.compiledFilter(ctx, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}); err == nil || errors.Is(err, errNoFilter) {
		t.Errorf("cancelled: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(filepath.Dir(g.runtime.root), "seccomp")); len(left) != 1 {
		t.Errorf("an end of ours was remembered as one of the runtime: %v", left)
	}
}

// While one process learns, the others go on without.
func TestFilterLearntByOne(t *testing.T) {
	g := newFake(t, `run) exit 1;;`+fakeDelete)
	dir := filepath.Join(filepath.Dir(g.runtime.root), "seccomp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := g.runtime.compiledFilter(t.Context(), &specs.LinuxSeccomp{}); !errors.Is(err, unix.EWOULDBLOCK) || g.verbs() != "" {
		t.Errorf("%v, verbs %q", err, g.verbs())
	}
}

// What crun would not take is refused by its trial, and the container starts.
func TestFilterThatIsNone(t *testing.T) {
	crun := realCrun(t)
	for name, text := range map[string]string{
		"not base64": "****",
		"garbage":    base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 64)),
	} {
		spec := newRig(t).busybox().mustSpec(sh("true"), Options{})
		handed := trial{seccomp: spec.Linux.Seccomp, annotations: map[string]string{filterAnnotation: text}}
		if filter, err := crun.filterOf(t.Context(), handed); err == nil {
			t.Errorf("%s: a filter of %d bytes", name, len(filter))
		}
	}
}
