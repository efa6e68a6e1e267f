// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// holdFlag makes this program the one that keeps a terminal open. A command on a
// terminal gets SIGHUP when nobody has the other end of it any more, and stands
// still when nobody reads there: what is left alone on a terminal needs somebody
// for both, for as long as it lives and no longer.
const holdFlag = "hold-terminal"

// startHolder starts that program, in a session of its own.
func startHolder(terminal *os.File) error {
	cmd := exec.Command("/proc/self/exe", "--"+holdFlag)
	cmd.Args[0] = "tug-exec"
	cmd.Env, cmd.Dir = []string{"GOMAXPROCS=1"}, "/"
	cmd.ExtraFiles = []*os.File{terminal}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// holdTerminal reads descriptor 3 until nobody has the terminal behind it.
func holdTerminal() error {
	terminal := os.NewFile(3, "terminal")
	_, err := io.Copy(io.Discard, terminal)
	if errors.Is(err, syscall.EIO) { // so says the kernel that it is over
		err = nil
	}
	return errors.Join(err, terminal.Close())
}

// sessionID is what --detach prints: a name for what was started, as podman has.
func sessionID() string {
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}
