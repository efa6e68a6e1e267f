// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// pastaLimit is how long pasta may take until it has left for the background.
const pastaLimit = 20 * time.Second

// program finds pasta where the system's programs are, and then in PATH.
func (p *pasta) program() (string, error) {
	path := findPasta(p.path)
	if path == "" {
		return "", errorf(errclass.NotFound, Pasta, "network pasta: pasta is not installed: it is part of the package passt; --network none and host do without")
	}
	if err := unix.Access(tun, unix.R_OK|unix.W_OK); err != nil {
		mend := "`chmod 666 " + tun + "` lets users open it"
		if errors.Is(err, unix.ENOENT) {
			mend = "`modprobe tun` makes it"
		}
		return "", errorf(errclass.Unsupported, tun, "network pasta: %s: %w: %s; --network none and host do without", tun, err, mend)
	}
	return path, nil
}

// tun is what pasta makes the container's interface with.
const tun = "/dev/net/tun"

func findPasta(searched string) string {
	for _, dir := range filepath.SplitList("/usr/bin:/usr/sbin:/usr/local/bin:/bin:/sbin:/run/current-system/sw/bin:" + searched) {
		path := filepath.Join(dir, "pasta")
		if info, err := os.Stat(path); err == nil && filepath.IsAbs(dir) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// abilities are what a file of pasta can do, as it was looked at.
type abilities struct {
	Program string `json:"program"`
	Size    int64  `json:"size"`
	Changed int64  `json:"changed"`
	// MapGuestAddr tells that it has the option of that name.
	MapGuestAddr bool `json:"map_guest_addr"`
}

// abilities reads the help of pasta, whose version says little, once for a file.
func (p *pasta) abilities(ctx context.Context, program string) (can abilities, err error) {
	info, err := os.Stat(program)
	if err != nil {
		return can, err
	}
	known := filepath.Join(p.runDir, "networks", ".pasta")
	now := abilities{Program: program, Size: info.Size(), Changed: info.ModTime().UnixNano()}
	if data, err := ondisk.Read(known, fileLimit); err == nil && json.Unmarshal(data, &can) == nil {
		if now.MapGuestAddr = can.MapGuestAddr; can == now {
			return can, nil
		}
	}
	words, err := help(ctx, program)
	if err != nil {
		return can, err
	}
	if !slices.Contains(words, "--netns") || !slices.Contains(words, "--dns-forward") {
		return can, errorf(errclass.Unsupported, program, "network pasta: %s: it is too old, or not pasta: it is part of the package passt", program)
	}
	now.MapGuestAddr = slices.Contains(words, "--map-guest-addr")
	data, err := json.Marshal(now)
	if err == nil {
		err = ondisk.ReplaceShared(known, data, 0o600)
	}
	return now, err
}

// help gives the words that a program says when it is asked for help: some say it on
// stderr, and fail.
func help(ctx context.Context, program string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, pastaLimit)
	defer cancel()
	said, _ := pastaCommand(ctx, program, "--help").CombinedOutput()
	if ctx.Err() != nil {
		return nil, hangs(program)
	}
	return strings.FieldsFunc(string(said), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }), nil
}

func hangs(program string) error {
	return errorf(errclass.Internal, program, "network pasta: %s: it was killed, since it was not ready after %s", program, pastaLimit)
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
	if !ownAddress().IsValid() {
		message += ": this host has no route to the world, which older ones of pasta need; --network none and host do without"
	}
	return errorf(errclass.Internal, program, "network pasta: %s: %s", program, message)
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
	data, err := ondisk.Read(p.pidFile(j), fileLimit)
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
