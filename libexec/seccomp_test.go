// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// probeProgram builds the probe once.
var probeProgram = sync.OnceValues(func() ([]byte, error) { return buildProgram("probe") })

// buildProgram builds a program of testdata.
func buildProgram(name string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "program")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", out, "./testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.New(string(output))
	}
	return os.ReadFile(out)
}

// probe runs the probe in a container and gives its lines.
func probe(t *testing.T, r *specRig, runtime string, opts Options) map[string]string {
	t.Helper()
	program, err := probeProgram()
	if err != nil {
		t.Fatal(err)
	}
	r.write("/probe", string(program))
	out, code := r.run(runtime, r.mustSpec(v1.ImageConfig{Cmd: []string{"/probe"}}, opts))
	if code != 0 {
		t.Fatalf("probe: exit %d: %s", code, out)
	}
	ended := map[string]string{}
	for line := range strings.Lines(out) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), " ")
		ended[name] = result
	}
	return ended
}

func TestSeccompDenies(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		ended := probe(t, r, runtime, Options{})
		for _, name := range []string{"inet", "unix"} {
			if ended[name] != "ok" {
				t.Errorf("socket %s: %s; want ok", name, ended[name])
			}
		}
		for _, name := range []string{"af_alg", "af_vsock", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd",
			"keyctl", "add_key", "request_key", "bpf", "perf_event_open", "unshare", "mount", "open_by_handle_at"} {
			if ended[name] != "EPERM" && ended[name] != "ENOSYS" {
				t.Errorf("%s: %q; want EPERM or ENOSYS", name, ended[name])
			}
		}
	})
}

// Without the profile some of them answer: the test above can fail.
func TestSeccompUnconfined(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		ended := probe(t, r, runtime, Options{Security: Security{Seccomp: "unconfined"}})
		if got := ended["keyctl"]; got == "EPERM" {
			t.Errorf("keyctl without a profile: %s", got)
		}
		if got := ended["io_uring_enter"]; got == "EPERM" {
			t.Errorf("io_uring_enter without a profile: %s", got)
		}
	})
}

func TestSeccompProfileFile(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		file := filepath.Join(r.runDir, "profile.json")
		profile := `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["chroot","no_such_call"],"action":"SCMP_ACT_ERRNO","errnoRet":61}]}`
		if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := r.run(runtime, r.mustSpec(sh("busybox chroot / true"), Options{Security: Security{Seccomp: file}}))
		if !strings.Contains(out, "No data available") {
			t.Errorf("chroot under a profile that gives ENODATA: %q", out)
		}
	})
}

func TestSeccompProfileFileRefused(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"bad": "{", "empty": "{}", "odd": `{"defaultAction":1}`, "large": strings.Repeat(" ", maxSeccompProfile+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t).busybox()
	for _, name := range []string{"bad", "empty", "odd", "large", "fifo", "none", "."} {
		file := filepath.Join(dir, name)
		_, err := r.spec(sh("true"), Options{Security: Security{Seccomp: file}})
		if !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), file) {
			t.Errorf("profile %s: %v; want a refusal that names it", name, err)
		}
	}
}

func TestSeccompProfileContent(t *testing.T) {
	allowed := func(opts Options) []string {
		caps, err := capabilitySets(&opts, 0)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := seccompProfile(&opts, &specs.Spec{Process: &specs.Process{Capabilities: caps}})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, call := range profile.Syscalls {
			if call.Action == specs.ActAllow {
				names = append(names, call.Names...)
			}
		}
		return names
	}
	base := allowed(Options{})
	for _, name := range denied() {
		if slices.Contains(base, name) {
			t.Errorf("%s is allowed", name)
		}
	}
	if !slices.Contains(base, "read") || !slices.Contains(base, "socketcall") || slices.Contains(base, "perf_event_open") {
		t.Error("the default profile is not what it was")
	}
	if slices.Contains(allowed(Options{Security: Security{Strict: true}}), "socketcall") {
		t.Error("the strict profile allows socketcall")
	}
	if !slices.Contains(allowed(Options{CapAdd: []string{"BPF"}}), "bpf") {
		t.Error("CAP_BPF does not allow bpf")
	}
	if profile, err := seccompProfile(&Options{Privileged: true}, &specs.Spec{}); profile != nil || err != nil {
		t.Errorf("privileged: %v, %v", profile, err)
	}
}

func BenchmarkSeccompProfile(b *testing.B) {
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: DefaultCapabilities()}}}
	for b.Loop() {
		if _, err := seccompProfile(&Options{}, spec); err != nil {
			b.Fatal(err)
		}
	}
}

// A program of the x32 ABI costs every start a third of the filter.
func TestSeccompArchitectures(t *testing.T) {
	s := newRig(t).busybox().mustSpec(sh("true"), Options{})
	if s.Linux.Seccomp == nil || slices.Contains(s.Linux.Seccomp.Architectures, specs.ArchX32) {
		t.Errorf("seccomp: %+v", s.Linux.Seccomp)
	}
	if runtime.GOARCH == "amd64" && !slices.Contains(s.Linux.Seccomp.Architectures, specs.ArchX86) {
		t.Error("32-bit programs are not in the filter")
	}
}
