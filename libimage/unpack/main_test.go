// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const probeName = "probe-confinement"

func TestMain(m *testing.M) {
	if os.Args[0] == probeName {
		probe(os.Args[1])
		return
	}
	os.Exit(m.Run())
}

// result is what a confined process could do.
type result struct {
	Errors      map[string]string
	Environment []string
	Status      string
}

// hostRoot is a descriptor of the host's root that the probe inherits, as a
// mistake of the caller would leave one.
const hostRoot = 3

// probe confines itself as a worker does, and tries what it must not do.
func probe(dir string) {
	parent, _ := strconv.Atoi(os.Args[2])
	status, err := os.Open("/proc/self/status") // there is no /proc afterwards
	if err != nil {
		panic(err)
	}
	if err := confine(func() error { return enter(dir) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	r := result{Errors: map[string]string{}, Environment: os.Environ()}
	try := func(name string, err error) {
		r.Errors[name] = "allowed"
		if err != nil {
			r.Errors[name] = err.Error()
		}
	}
	call := func(name string, number, a, b, c uintptr) {
		_, _, errno := unix.Syscall(number, a, b, c)
		if errno != 0 {
			try(name, errno)
			return
		}
		try(name, nil)
	}
	_, err = unix.Open("/etc/shadow", unix.O_WRONLY, 0)
	try("open /etc/shadow", err)
	_, err = unix.Openat(hostRoot, "etc/shadow", unix.O_WRONLY, 0)
	try("open shadow by descriptor", err)
	_, err = unix.Openat(hostRoot, "etc/passwd", unix.O_RDONLY, 0)
	try("read passwd by descriptor", err)
	_, err = unix.Openat(hostRoot, "var/tmp/tug-probe", unix.O_WRONLY|unix.O_CREAT, 0o600)
	try("create by descriptor", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	try("socket inet", err)
	_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	try("socket unix", err)
	_, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	try("socketpair", err)
	try("execve", unix.Exec("/program", []string{"program"}, nil))
	call("ptrace", unix.SYS_PTRACE, unix.PTRACE_ATTACH, uintptr(parent), 0)
	call("fork", unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	try("kill", unix.Kill(parent, 0))
	try("mount", unix.Mount("none", "/", "tmpfs", 0, ""))
	try("unshare", unix.Unshare(unix.CLONE_NEWNS))
	call("bpf", unix.SYS_BPF, 0, 0, 0)
	call("io_uring", unix.SYS_IO_URING_SETUP, 1, 0, 0)
	call("keyctl", unix.SYS_KEYCTL, 0, 0, 0)
	call("setuid", unix.SYS_SETUID, 1, 0, 0)
	call("open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0)
	// A second root is taken for done, and is not.
	_ = unix.Mkdir("/cage", 0o755)
	_ = unix.Chroot("/cage")
	_, err = os.Stat("/cage")
	try("stay in the root", err)

	// What unpacking needs.
	try("mknod", unix.Mknod("/device", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	try("create", os.WriteFile("/file", []byte("x"), 0o600))
	try("link", os.Link("/file", "/cage/link"))
	try("rename", os.Rename("/file", "/cage/file"))
	try("chown", os.Lchown("/cage/file", 1234, 1234))
	try("chmod", os.Chmod("/cage/file", 0o4755))
	try("trusted xattr", unix.Setxattr("/cage", "trusted.overlay.opaque", []byte("y"), 0))
	try("user xattr", unix.Setxattr("/cage/file", "user.tug", []byte("y"), 0))
	try("threads", threads())
	raw := make([]byte, 8192)
	n, _ := status.Read(raw)
	r.Status = string(raw[:n])
	_ = json.NewEncoder(os.Stdout).Encode(r)
	os.Exit(0)
}

// threads starts some, and lets each allocate.
func threads() error {
	done := make(chan int)
	for range 8 {
		go func() {
			runtime.LockOSThread()
			done <- len(make([]byte, 8<<20))
		}()
	}
	for range 8 {
		<-done
	}
	return nil
}

func runProbe(t *testing.T) result {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	cmd := exec.Command("/proc/self/exe", t.TempDir(), strconv.Itoa(os.Getpid()))
	cmd.Args[0] = probeName
	cmd.ExtraFiles = []*os.File{root}
	cmd.Env = append(os.Environ(), "OPT={}", "SECRET=s3cr3t", "REGISTRY_AUTH_FILE=/x", "_CONTAINERS_USERNS_CONFIGURED=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}
