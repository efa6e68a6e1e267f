// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// specRig is a root file system with busybox and a run directory.
type specRig struct {
	t      *testing.T
	rootfs string
	runDir string
	id     string
}

var rigNumber atomic.Int64

func newRig(t *testing.T) *specRig {
	t.Helper()
	base := t.TempDir()
	r := &specRig{t: t, rootfs: filepath.Join(base, "rootfs"), runDir: filepath.Join(base, "run"),
		id: fmt.Sprintf("%012x%04x", os.Getpid(), rigNumber.Add(1))}
	// crun leaves the cgroup of a container that it could not start.
	t.Cleanup(func() { removeTestCgroup("tug-" + r.id) })
	for _, dir := range []string{r.runDir, filepath.Join(r.rootfs, "bin"), filepath.Join(r.rootfs, "etc"), filepath.Join(r.rootfs, "tmp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n"+
		"1000:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\nhuge:x:4294967296:0::/:/bin/sh\n")
	r.write("/etc/group", "root:x:0:\nalice:x:1000:\naudio:x:29:alice\nvideo:x:44:root,alice\nhuge:x:4294967296:\n")
	return r
}

// busybox puts a static busybox and its links into the root file system.
func (r *specRig) busybox() *specRig {
	r.t.Helper()
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		r.t.Skip("condition busybox: no static busybox on this host")
	}
	r.write("/bin/busybox", string(data))
	for _, name := range []string{"sh", "cat", "id", "ls", "mount", "grep", "sleep", "true", "env", "pwd", "stat", "touch", "hostname", "ulimit", "wc"} {
		r.symlink("busybox", "/bin/"+name)
	}
	return r
}

func (r *specRig) host(name string) string { return filepath.Join(r.rootfs, name) }

func (r *specRig) write(name, content string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.host(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.host(name), []byte(content), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *specRig) symlink(target, name string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.host(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(target, r.host(name)); err != nil {
		r.t.Fatal(err)
	}
}

// remove takes a file of the root file system away.
func (r *specRig) remove(name string) {
	r.t.Helper()
	if err := os.RemoveAll(r.host(name)); err != nil {
		r.t.Fatal(err)
	}
}

// spec calls NewSpec with the rig's places filled in.
func (r *specRig) spec(image v1.ImageConfig, opts Options) (*specs.Spec, error) {
	opts.ID, opts.RunDir = r.id, r.runDir
	return NewSpec(r.rootfs, &image, opts)
}

func (r *specRig) mustSpec(image v1.ImageConfig, opts Options) *specs.Spec {
	r.t.Helper()
	spec, err := r.spec(image, opts)
	if err != nil {
		r.t.Fatal(err)
	}
	return spec
}

// sh is an image configuration that runs a shell script.
func sh(script string) v1.ImageConfig {
	return v1.ImageConfig{Cmd: []string{"/bin/sh", "-c", script}}
}

// run starts a container on a runtime and gives its output.
func (r *specRig) run(runtime string, spec *specs.Spec, files ...*os.File) (output string, code int) {
	r.t.Helper()
	bundle := filepath.Join(r.runDir, "bundle")
	if err := os.MkdirAll(bundle, 0o700); err != nil {
		r.t.Fatal(err)
	}
	data, err := json.Marshal(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.Command(runtime, "--root", filepath.Join(r.runDir, "state"), "run", "--bundle", bundle, r.id)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.ExtraFiles = files
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(out.String()), cmd.ProcessState.ExitCode()
}

// onRuntimes runs a test with a fresh rig on each runtime of the host.
func onRuntimes(t *testing.T, test func(t *testing.T, r *specRig, runtime string)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("condition root: not root")
	}
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			if _, err := exec.LookPath(runtime); err != nil {
				t.Skipf("condition %s: not installed", runtime)
			}
			test(t, newRig(t).busybox(), runtime)
		})
	}
}

// expectRun runs a script and compares its output.
func expectRun(t *testing.T, r *specRig, runtime, script string, opts Options, want string) {
	t.Helper()
	out, code := r.run(runtime, r.mustSpec(sh(script), opts))
	if out != want || code != 0 {
		t.Errorf("%s: %q (exit %d); want %q", script, out, code, want)
	}
}

// cgroupLine gives the beginning of a line of /proc/PID/cgroup for a controller.
func cgroupLine(t *testing.T, controller string) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.SplitN(line, ":", 3); len(fields) == 3 && fields[1] == controller {
			return fields[0] + ":" + fields[1] + ":"
		}
	}
	t.Skipf("condition %s: no such cgroup v1 controller", controller)
	return ""
}

// removeTestCgroup removes an empty cgroup from every hierarchy.
func removeTestCgroup(name string) {
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
	for _, dir := range dirs {
		os.Remove(dir)
	}
}
