// SPDX-License-Identifier: Apache-2.0

// Package examples_test compiles the example programs and runs them.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tug-containers/tug/test/images"
)

// build compiles an example as somebody else's program is: with no cgo, and
// with no more build tags than docs/library.md says.
func build(t *testing.T, name string, tags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("go", "build", "-tags="+strings.Join(tags, ","), "-o", program, "./"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build ./%s: %v\n%s", name, err, out)
	}
	return program
}

// run gives what the program prints, and checks its exit code.
func run(t *testing.T, want int, program string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		t.Fatalf("%s %q: %v, want exit code %d\nstdout: %s\nstderr: %s", filepath.Base(program), args, err, want, &out, &errs)
	}
	return out.String(), errs.String()
}

func need(t *testing.T, condition bool, what string) {
	t.Helper()
	if !condition {
		t.Skip("needs ", what)
	}
}

// TestStore pulls with one example, and looks at the result with another.
func TestStore(t *testing.T) {
	need(t, os.Getuid() == 0, "root")
	pull, list := build(t, "libimage", "containers_image_openpgp"), build(t, "libstorage")
	dir, err := os.MkdirTemp("/var/tmp", "tug-examples-") // an overlay's layers are not for tmpfs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// containers/storage leaves its directory mounted on itself.
		exec.Command("umount", filepath.Join(dir, "store", "overlay")).Run()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	layout, store := filepath.Join(dir, "layout"), filepath.Join(dir, "store")
	image, err := images.Busybox()
	if err != nil {
		t.Skip("needs a static busybox: ", err)
	}
	built, err := image.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := built.WriteLayout(layout, "latest"); err != nil {
		t.Fatal(err)
	}

	id, events := run(t, 0, pull, store, "oci:"+layout+":latest")
	if !regexp.MustCompile(`^[0-9a-f]{64}\n$`).MatchString(id) {
		t.Errorf("libimage printed %q", id)
	}
	for _, kind := range []string{"start ", "blob sha256:", "done sha256:", "finish "} {
		if !strings.Contains(events, kind) {
			t.Errorf("no %q among the events:\n%s", kind, events)
		}
	}
	if _, stderr := run(t, 1, pull, store, "oci:"+layout+":nothere"); !strings.Contains(stderr, "is the name right?") {
		t.Errorf("a missing image: %q", stderr)
	}

	if out, _ := run(t, 0, list, "-root", store); !strings.HasPrefix(out, id[:12]+"  ") {
		t.Errorf("libstorage printed %q", out)
	}
	if out, _ := run(t, 0, list, "-root", store, id[:12]); strings.Count(out, "\n") != 1 {
		t.Errorf("the layers of a busybox: %q", out)
	}
	if _, stderr := run(t, 1, list, "-root", store, "nothere"); !strings.Contains(stderr, "nothere") || !strings.Contains(stderr, "pull it first") {
		t.Errorf("a missing image: %q", stderr)
	}
}

func TestExec(t *testing.T) {
	need(t, os.Getuid() == 0, "root")
	_, crun := exec.LookPath("crun")
	_, runc := exec.LookPath("runc")
	need(t, crun == nil || runc == nil, "crun or runc")
	program := build(t, "libexec")

	rootfs := busyboxRoot(t)
	if out, _ := run(t, 0, program, rootfs, "sh", "-c", "echo $((6 * 7)) $$"); out != "42 1\n" {
		t.Errorf("stdout %q", out)
	}
	run(t, 7, program, rootfs, "sh", "-c", "exit 7")
	run(t, 127, program, rootfs, "nothere")
	run(t, 126, program, rootfs, "/bin")
}

// busyboxRoot is a root file system with a shell.
func busyboxRoot(t *testing.T) (rootfs string) {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	need(t, err == nil, "busybox")
	rootfs = t.TempDir()
	if err := os.Mkdir(filepath.Join(rootfs, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(rootfs, "bin", "busybox"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("busybox", filepath.Join(rootfs, "bin", "sh")); err != nil {
		t.Fatal(err)
	}
	return rootfs
}

// TestDetached starts a container that waits, and comes back to it.
func TestDetached(t *testing.T) {
	need(t, os.Getuid() == 0, "root")
	_, crun := exec.LookPath("crun")
	_, runc := exec.LookPath("runc")
	need(t, crun == nil || runc == nil, "crun or runc")
	rootfs, program, monitor := busyboxRoot(t), build(t, "detached"), filepath.Join(t.TempDir(), "tug-monitor")
	cmd := exec.Command("go", "build", "-o", monitor, "../cmd/monitor")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "one")
	pid, _ := run(t, 0, program, "start", monitor, dir, rootfs, "sh", "-c", "read a b; echo $((a * b)); exit 7")
	if !regexp.MustCompile(`^[1-9][0-9]*\n$`).MatchString(pid) {
		t.Errorf("it printed %q", pid)
	}
	var out, errs strings.Builder
	cmd = exec.Command(program, "attach", dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("6 7\n"), &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 7 || out.String() != "42\n" {
		t.Errorf("%v, stdout %q, stderr %q", err, &out, &errs)
	}
	if log, err := os.ReadFile(filepath.Join(dir, "log")); !strings.HasSuffix(string(log), " stdout F 42\n") {
		t.Errorf("the log has %q, %v", log, err)
	}
	run(t, 125, program, "attach", dir) // it is over
	run(t, 125, program, "start", monitor, dir, rootfs, "sh")
}

// TestDocument compares the programs with what docs/library.md shows of them.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../docs/library.md")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Glob("*/main.go")
	if err != nil || len(programs) < 4 {
		t.Fatalf("%q, %v", programs, err)
	}
	for _, program := range programs {
		source, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if fault := checkShown(string(document), program, string(source)); fault != "" {
			t.Error(fault)
		}
	}
}

// checkShown says whether a document has a program, less its licence line.
func checkShown(document, name, source string) string {
	_, body, _ := strings.Cut(source, "\n\n")
	want := "<!-- file: examples/" + name + " -->\n```go\n" + body + "```\n"
	if !strings.Contains(document, want) {
		return "docs/library.md does not show examples/" + name + " as it is"
	}
	return ""
}

func TestDocumentCheckCanFail(t *testing.T) {
	source := "// licence\n\npackage main\n"
	good := "text\n\n<!-- file: examples/a/main.go -->\n```go\npackage main\n```\n\ntext\n"
	if fault := checkShown(good, "a/main.go", source); fault != "" {
		t.Error(fault)
	}
	if checkShown(good, "b/main.go", source) == "" || checkShown(good, "a/main.go", source+"\n") == "" {
		t.Error("a program that is not shown is accepted")
	}
}
