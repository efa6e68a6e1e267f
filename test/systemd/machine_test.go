// SPDX-License-Identifier: Apache-2.0

package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/scene"
)

// What all machines share.
var shared struct{ root, bin, layout string }

const image = "localhost/box:1"

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests boot machines: they need root")
		return 1
	}
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin, clean, err := scene.Binaries()
	if err != nil {
		return fail(err)
	}
	defer clean()
	cache, err := filepath.Abs(filepath.Join(scene.Top, "build", "images"))
	if err != nil {
		return fail(err)
	}
	root, err := images.Machine(context.Background(), cache)
	if err != nil {
		return fail(err)
	}
	layout, err := os.MkdirTemp("", "tug-systemd-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(layout)
	if err := writeImage(layout); err != nil {
		return fail(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(layout, "ready"), "./ready")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("%w: %s", err, out))
	}
	shared.root, shared.bin, shared.layout = root, bin, layout
	return m.Run()
}

// writeImage writes an image with busybox.
func writeImage(layout string) error {
	box, err := images.Busybox()
	if err != nil {
		return err
	}
	built, err := box.Build()
	if err != nil {
		return err
	}
	return built.WriteLayout(layout, "1")
}

// machine is one that runs, with a disk of its own.
type machine struct {
	t      *testing.T
	dir    string // its disk
	name   string
	groups []string
	nspawn *exec.Cmd
	ended  chan struct{}
	leader int
	log    *os.File
}

// boot starts a machine, which ends with the test, and waits until it is up.
func boot(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "tug-machine-")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, name: filepath.Base(dir)}
	t.Cleanup(func() {
		if err := unix.Unmount(m.path("root"), unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"root", "upper", "work", "containers"} {
		if err := os.Mkdir(m.path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	options := "lowerdir=" + shared.root + ",upperdir=" + m.path("upper") + ",workdir=" + m.path("work")
	if err := unix.Mount("overlay", m.path("root"), "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.end)
	m.must("tug pull -q oci:/opt/box:1 >/dev/null && tug tag $(tug images -q) " + image)
	return m
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// start boots it.
func (m *machine) start() {
	m.t.Helper()
	m.makeGroups()
	var err error
	if m.log, err = os.Create(m.path("log")); err != nil {
		m.t.Fatal(err)
	}
	script := ""
	for _, group := range m.groups {
		script += "echo $$ >" + group + "/cgroup.procs; "
	}
	m.nspawn = exec.Command("/bin/sh", "-c", script+`exec systemd-nspawn "$@"`, "sh",
		"--quiet", "--boot", "--directory="+m.path("root"), "--machine="+m.name, "--register=no", "--keep-unit", "--private-network",
		"--capability=all", "--system-call-filter=@keyring", "--system-call-filter=bpf", "--bind=/dev/fuse", "--bind=/dev/net/tun",
		"--bind-ro="+shared.bin+":/opt/tug", "--bind-ro="+shared.layout+":/opt/box", "--bind="+m.path("containers")+":/var/lib/containers",
		"--tmpfs=/home", "--console=pipe")
	m.nspawn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "SYSTEMD_NSPAWN_LOCK=0")
	m.nspawn.Stdout, m.nspawn.Stderr = m.log, m.log
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := m.nspawn.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.ended = make(chan struct{})
	go func() {
		_ = m.nspawn.Wait() // how it ended matters to nobody
		close(m.ended)
	}()
	m.await("it is up", func() bool {
		m.leader = child(m.nspawn.Process.Pid)
		if m.leader == 0 {
			return false
		}
		out, _ := m.try("systemctl is-system-running")
		return out == "running" || out == "degraded"
	})
}

// makeGroups makes cgroups for the machine, since it does not ask a systemd of the
// host for them.
func (m *machine) makeGroups() {
	m.groups = nil
	for _, top := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup"} {
		if _, err := os.Stat(top + "/cgroup.procs"); err != nil {
			continue
		}
		group := filepath.Join(top, m.name)
		if err := os.MkdirAll(group, 0o755); err != nil {
			m.t.Fatal(err)
		}
		m.groups = append(m.groups, group)
	}
}

// child is the first child of a process, or 0.
func child(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	first, _, _ := strings.Cut(string(data), " ")
	n, _ := strconv.Atoi(first)
	return n
}

// end kills the machine at once, as a power cut does.
func (m *machine) end() {
	if m.nspawn == nil {
		return
	}
	defer func() { m.nspawn, m.leader = nil, 0 }()
	if m.leader != 0 {
		_ = syscall.Kill(m.leader, syscall.SIGKILL)
	}
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		_ = m.nspawn.Process.Kill()
		<-m.ended
	}
	m.log.Close()
	for _, group := range m.groups {
		removeGroup(group)
	}
	if m.t.Failed() {
		data, _ := os.ReadFile(m.path("log"))
		m.t.Logf("console: %s", data)
	}
}

func removeGroup(dir string) {
	for range 100 {
		var below []string
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				below = append(below, path)
			}
			return nil
		})
		for i := len(below) - 1; i >= 0; i-- {
			_ = os.Remove(below[i])
		}
		if _, err := os.Stat(dir); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // its processes are still going
	}
}

// reboot cuts the power and boots again.
func (m *machine) reboot() {
	m.t.Helper()
	m.end()
	m.start()
}

// try runs a script in the machine, and gives its output without the last line's
// end, and its exit code.
func (m *machine) try(script string) (string, int) {
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(m.leader), "-a", "/usr/bin/env", "-i",
		"PATH=/opt/tug:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "/bin/sh", "-c", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		code = -1
	}
	return strings.TrimRight(out.String(), "\n"), code
}

// must runs a script that has to succeed.
func (m *machine) must(script string) string {
	m.t.Helper()
	out, code := m.try(script)
	if code != 0 {
		journal, _ := m.try("journalctl --no-pager -n 30")
		m.t.Fatalf("%s: exit code %d\n%s\njournal:\n%s", script, code, out, journal)
	}
	return out
}

// write writes a file of the machine.
func (m *machine) write(path, content string) {
	m.t.Helper()
	cmd := exec.Command("nsenter", "-t", strconv.Itoa(m.leader), "-a", "/bin/sh", "-c", `mkdir -p "$(dirname "$0")" && cat >"$0"`, path)
	cmd.Stdin = strings.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("write %s: %v: %s", path, err, out)
	}
}

// await waits for what has to come true.
func (m *machine) await(what string, holds func() bool) {
	m.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			journal, _ := m.try("journalctl --no-pager -n 50")
			m.t.Fatalf("not within two minutes: %s\njournal:\n%s", what, journal)
		}
	}
}

// property is one of a unit's.
func (m *machine) property(unit, name string) string {
	m.t.Helper()
	return m.must("systemctl show --value --property=" + name + " " + unit)
}
