// SPDX-License-Identifier: Apache-2.0

package network

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
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

// pastaLimit is how long pasta may take until it has left for the background.
const pastaLimit = 20 * time.Second

// program finds pasta where the system's programs are, and then in PATH.
func (p *pasta) program() (string, error) {
	path := findPasta(p.path)
	if path == "" {
		return "", errorf(errclass.NotFound, Pasta, "pasta is not installed: it is part of the package passt; --network none and host do without")
	}
	return path, nil
}

func findPasta(searched string) string {
	for _, dir := range filepath.SplitList("/usr/bin:/usr/sbin:/usr/local/bin:/bin:/sbin:/run/current-system/sw/bin:" + searched) {
		path := filepath.Join(dir, "pasta")
		if info, err := os.Stat(path); err == nil && filepath.IsAbs(dir) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// abilities are the options that a pasta has.
type abilities map[string]bool

// pastaAbilities reads its help: its version says little.
func pastaAbilities(ctx context.Context, program string) (abilities, error) {
	ctx, cancel := context.WithTimeout(ctx, pastaLimit)
	defer cancel()
	cmd := pastaCommand(ctx, program, "--help")
	said, _ := cmd.CombinedOutput() // some say it on stderr, and fail
	if ctx.Err() != nil {
		return nil, hangs(program)
	}
	can := abilities{}
	for _, word := range strings.FieldsFunc(string(said), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }) {
		if strings.HasPrefix(word, "--") {
			can[word] = true
		}
	}
	if !can["--netns"] || !can["--dns-forward"] {
		return nil, errorf(errclass.Unsupported, program, "%s: it is too old, or not pasta: it is part of the package passt", program)
	}
	return can, nil
}

func hangs(program string) error {
	return errorf(errclass.Internal, program, "%s: it was killed, since it was not ready after %s: package passt", program, pastaLimit)
}

func pastaCommand(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// runPasta starts it. The process that we start ends when the one that stays is
// ready.
func runPasta(ctx context.Context, program string, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, pastaLimit)
	defer cancel()
	// The one that stays may keep it open.
	fd, err := unix.MemfdCreate("pasta", unix.MFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	said := os.NewFile(uintptr(fd), "pasta")
	defer said.Close()
	cmd := pastaCommand(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return hangs(program)
	}
	text := make([]byte, 8192)
	n, _ := said.ReadAt(text, 0) // to the end of it
	message := pastaMessage(string(text[:n]))
	if message == "" {
		message = err.Error()
	}
	return errorf(errclass.Internal, program, "%s: %s", program, message)
}

// pastaMessage leaves out what is no reason.
func pastaMessage(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasSuffix(line, "to syslog") && !strings.HasPrefix(line, "Don't run as root") {
			lines = append(lines, shorten(line))
		}
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// pid reads the process's pid, which it has written itself.
func (p *pasta) pid(j *Joined) (int, error) {
	data, err := readFile(p.pidFile(j))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s: not a pid: %w", p.pidFile(j), os.ErrNotExist)
	}
	return pid, nil
}

// isPasta tells whether a process is the one of a namespace: the path, with the
// ID of the container, is among its arguments.
func isPasta(pid int, netns string) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && bytes.HasSuffix(data, []byte("\x00--netns\x00"+netns+"\x00"))
}

// processesOf finds those of a namespace by looking at all processes.
func processesOf(netns string) (pids []int) {
	all, _ := os.ReadDir("/proc") // it is there
	for _, entry := range all {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && isPasta(pid, netns) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// endPasta ends the process and waits for its end.
func endPasta(ctx context.Context, pid int, netns string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	} else if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(fd)
	if !isPasta(pid, netns) {
		// Another one has its pid, or it is just ending: it has no arguments then, but
		// still its ports.
		if data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err == nil && len(data) == 0 {
			_, err = ended(ctx, fd)
			return err
		}
		return nil
	}
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(fd, signal, nil, 0); errors.Is(err, unix.ESRCH) {
			return nil
		} else if err != nil {
			return os.NewSyscallError("pidfd_send_signal", err)
		}
		if gone, err := ended(ctx, fd); gone || err != nil {
			return err
		}
	}
	return errorf(errclass.Internal, Pasta, "pasta, process %d: it does not end", pid)
}

// ended waits a while for the end of a process.
func ended(ctx context.Context, pidfd int) (bool, error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
		switch {
		case n > 0:
			return true, nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return false, os.NewSyscallError("poll", err)
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		}
	}
	return false, nil
}

// inUserNamespace tells whether root here is an ordinary user outside.
func inUserNamespace() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(data)), " ") != "0 0 4294967295"
}
