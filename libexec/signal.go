// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"os/signal"
	"syscall"
)

// Signals are the signals to this process that Run passes on to a container.
type Signals struct {
	c    chan os.Signal
	rest bool // forwarded signals of the second group are caught too
}

// CatchSignals begins to catch signals. A command calls it first of all, so that
// none ends it half-way: what comes before Run is waiting when Run looks, and
// what comes after Run does not disturb the cleaning up.
//
// At first these are the ones that end a Go program: SIGHUP, SIGINT, SIGQUIT,
// SIGTERM and SIGPIPE. Run adds all the others once the container runs, because
// catching fifty signals takes half a millisecond. Never caught are the signals
// of job control (a person who types ^Z wants their shell), those that tell of a
// fault in this very program, SIGCHLD and SIGURG. A signal that was ignored from
// the start (nohup) stays ignored.
func CatchSignals() *Signals {
	s := &Signals{c: make(chan os.Signal, 64)}
	for _, sig := range [...]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE} {
		if sig == syscall.SIGPIPE || !signal.Ignored(sig) {
			signal.Notify(s.c, sig)
		}
	}
	return s
}

// Stop ends the catching: signals do again what they do without it.
func (s *Signals) Stop() { signal.Stop(s.c) }

// Pending takes the first signal that asks the program to end and has arrived
// since, or gives 0. A command that prepares something slow looks now and then.
func (s *Signals) Pending() syscall.Signal {
	if s == nil {
		return 0
	}
	for {
		select {
		case sig := <-s.c:
			if n, ok := sig.(syscall.Signal); ok && Terminates(n) {
				return n
			}
		default:
			return 0
		}
	}
}

// Terminates reports whether sig asks a program to end. Such a signal, coming
// before the container's command runs, makes Run undo what it began.
func Terminates(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE:
		return true
	}
	return false
}

// channel is nil for no signals at all.
func (s *Signals) channel() <-chan os.Signal {
	if s == nil {
		return nil
	}
	return s.c
}

// catchRest begins to catch what a Go program otherwise ignores.
func (s *Signals) catchRest() {
	if s == nil || s.rest {
		return
	}
	s.rest = true
	var list []os.Signal
	for n := syscall.Signal(1); n <= 64; n++ {
		switch n {
		case syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE: // caught already
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG:
		case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		case syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE,
			syscall.SIGSEGV, syscall.SIGSTKFLT, syscall.SIGSYS, syscall.SIGPROF:
		case 32, 33, 34: // the C library's own
		default:
			list = append(list, n)
		}
	}
	signal.Notify(s.c, list...)
}
