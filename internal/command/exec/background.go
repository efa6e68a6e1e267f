// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"golang.org/x/sys/unix"
)

// self are the options that this program gives to itself. A process that is left
// alone needs somebody who keeps its terminal open and sees how it ends: this
// program again, for as long as that lives and no longer.
type self struct {
	// session makes this program the parent of a detached process.
	session string
	// hold is the session's directory: this program stays with a process that was
	// left with the keys to detach. Descriptor 3 is its terminal.
	hold string
}

const (
	sessionFlag = "session"
	holdFlag    = "hold-session"
)

func (s *self) register(f *pflag.FlagSet) {
	f.StringVar(&s.session, sessionFlag, "", "For tug-exec itself: stay with what is started")
	f.StringVar(&s.hold, holdFlag, "", "For tug-exec itself: stay with what was left alone")
	f.Lookup(sessionFlag).Hidden = true
	f.Lookup(holdFlag).Hidden = true
}

// command is this program, in a session of its own.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "tug-exec"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// detached has another process of this program start the command and stay with
// it, and prints the session's ID when the command runs. What goes wrong, that
// process says itself.
func detached(cmd *cobra.Command, extra []*os.File) error {
	id := launch.NewSession()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	parent := command(append([]string{"--" + sessionFlag + "=" + id}, os.Args[1:]...)...)
	parent.Stdin, parent.Stdout, parent.Stderr = os.Stdin, os.Stdout, os.Stderr
	parent.ExtraFiles = append(extra, w)
	err = parent.Start()
	w.Close()
	if err != nil {
		return err
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), id)
		return errors.Join(err, parent.Process.Release())
	}
	err = parent.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &cli.ExitError{Code: exit.ExitCode()}
	}
	return fmt.Errorf("start the command: %w", errors.Join(err, errUnknown))
}

var errUnknown = errors.New("nobody says whether it runs")

// report makes what tells detached that the command runs: from then on nothing of
// the caller's is held. Without anybody to tell it to, it is an error.
func report(extra []*os.File) func() error {
	fd := 3 + len(extra)
	unix.CloseOnExec(fd)
	return func() error {
		errs := []error{os.Chdir("/")}
		for _, file := range extra {
			errs = append(errs, file.Close())
		}
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for fd := range 3 {
			errs = append(errs, unix.Dup3(int(null.Fd()), fd, 0))
		}
		debug.FreeOSMemory() // what is left to do is to wait
		w := os.NewFile(uintptr(fd), "report")
		_, err = w.Write([]byte{1})
		return errors.Join(append(errs, null.Close(), err, w.Close())...)
	}
}

// startHolder starts the program that stays with a process on a terminal.
func startHolder(dir string, terminal *os.File) error {
	cmd := command("--" + holdFlag + "=" + dir)
	cmd.Env, cmd.Dir = []string{"GOMAXPROCS=1"}, "/"
	cmd.ExtraFiles = []*os.File{terminal}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// holdSession is that program.
func holdSession(dir string) error {
	terminal := os.NewFile(3, "terminal")
	return errors.Join(launch.HoldSession(dir, terminal), terminal.Close())
}
