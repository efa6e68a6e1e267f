// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"os/signal"
	"syscall"
)

// CatchSignals begins to catch every signal that Run passes on to a container.
// A command calls it first of all, so that no signal ends it half-way: what
// comes before Run is waiting in the channel when Run reads it. stop undoes it.
//
// Not caught are the signals of job control (a person who types ^Z wants their
// shell), those that speak of a fault in this very program, SIGCHLD and SIGURG.
// A signal that was ignored at the start (nohup) stays ignored.
func CatchSignals() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 64)
	signal.Notify(c, forwardable()...)
	return c, func() { signal.Stop(c) }
}

// Terminates reports whether sig asks a program to end. Such a signal, coming
// before the container's command runs, makes Run undo what it began.
func Terminates(sig os.Signal) bool {
	switch sig {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE:
		return true
	}
	return false
}

func forwardable() []os.Signal {
	var list []os.Signal
	for n := 1; n <= 64; n++ {
		sig := syscall.Signal(n)
		switch sig {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG,
			syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
			syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS,
			syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS, syscall.SIGPROF,
			32, 33, 34: // the C library's own
			continue
		}
		if (sig == syscall.SIGHUP || sig == syscall.SIGINT || sig == syscall.SIGQUIT) && signal.Ignored(sig) {
			continue
		}
		list = append(list, sig)
	}
	return list
}
