// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"golang.org/x/sys/unix"
)

// idRange maps size IDs from inside on to those of the host from outside on.
type idRange struct{ inside, outside, size int }

type idMap []idRange

// direct is a map as the process itself may write it.
func (m idMap) direct() []syscall.SysProcIDMap {
	var list []syscall.SysProcIDMap
	for _, r := range m {
		list = append(list, syscall.SysProcIDMap{ContainerID: r.inside, HostID: r.outside, Size: r.size})
	}
	return list
}

// maps are what a user is allowed. Single is the user's own ID alone.
type maps struct {
	uids, gids idMap
	single     bool
}

// newmapLimit bounds newuidmap and newgidmap, which may ask a directory service.
const newmapLimit = 20 * time.Second

// write has the maps of a process written, both at once.
func (m *maps) write(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, newmapLimit)
	defer cancel()
	gids := make(chan error, 1)
	go func() { gids <- writeMap(ctx, "newgidmap", pid, m.gids) }()
	err := writeMap(ctx, "newuidmap", pid, m.uids)
	return errors.Join(err, <-gids)
}

func writeMap(ctx context.Context, program string, pid int, m idMap) error {
	path, err := lookPath(program, "uidmap or shadow-utils")
	if err != nil {
		return err
	}
	args := []string{strconv.Itoa(pid)}
	for _, r := range m {
		args = append(args, strconv.Itoa(r.inside), strconv.Itoa(r.outside), strconv.Itoa(r.size))
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a wrapper's children, too
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errclass.New(errclass.Internal, path, fmt.Errorf("%s: killed: it did not end within %v", path, newmapLimit))
	}
	text := strings.TrimSpace(said.String())
	if len(text) > 500 {
		text = text[:500]
	}
	if text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return errclass.New(errclass.Unsupported, path, fmt.Errorf("%s: %w%s", path, err, privilegeHint(path)))
}

// privilegeHint says so when a program has not what it needs to write a map.
func privilegeHint(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if nnp, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && nnp == 1 {
		return ": no_new_privs is set, so it cannot have the privileges of its file (NoNewPrivileges= of a unit)"
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Mode&unix.S_ISUID != 0 && st.Uid == 0 {
		return ""
	}
	if n, err := unix.Getxattr(path, "security.capability", nil); err == nil && n > 0 {
		return ""
	}
	return ": it is neither setuid root nor has it file capabilities: `chmod u+s " + path + "` mends that"
}
