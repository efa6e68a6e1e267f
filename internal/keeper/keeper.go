// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/life"
	"github.com/tug-containers/tug/internal/userns/tenant"
	"github.com/tug-containers/tug/libexec/monitor"
	"golang.org/x/sys/unix"
)

// keeper is the monitor of one container.
type keeper struct {
	c      monitor.Config
	reaper *reaper
	null   *os.File
	runDir *os.File // by which sockets are named
	bus    *bus
	extra  []*os.File // the container's descriptors from 3 on
	log    sink
	report *os.File    // nil when it is said
	lock   *os.File    // as long as it is held we are the monitor
	home   tenant.File // where we live, when that is not the host's namespace

	mu       sync.Mutex
	process  *process // nil while there is none
	restarts int
	again    bool // the health check wants a restart

	spent int        // restarts by the policy since somebody has started the container
	wish  *life.Wish // of who waits for this start, or nil
}

// Main is the program. It gives the exit code, which nobody is likely to see.
func Main() int {
	// The heap is a few buffers: collecting it often costs nothing. One thread for Go
	// code is as quick as two, and each takes 50 KB for as long as the monitor lives.
	debug.SetGCPercent(20)
	runtime.GOMAXPROCS(1)
	k := &keeper{report: os.NewFile(monitor.ReportFD, "report")}
	if err := k.prepare(); err != nil {
		k.say(monitor.Report{Failure: &monitor.Failure{Message: err.Error()}})
		return 1
	}
	var err error
	if k.lock, err = life.Hold(k.c.Dir); err != nil {
		k.say(monitor.Report{Failure: &monitor.Failure{Message: err.Error()}})
		return 1
	}
	if err := k.settle(); err != nil {
		k.say(monitor.Report{Failure: &monitor.Failure{Message: err.Error()}})
		return 1
	}
	k.keep()
	return 0
}

// prepare makes a quiet background process of us, that knows what it is for.
func (k *keeper) prepare() error {
	// Caught and dropped: what is ignored would be so in all that we execute.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE)
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		for fd := 3; fd < 1024; fd++ { // Linux before 5.11
			unix.CloseOnExec(fd)
		}
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a reaper: %w", err)
	}
	told := os.NewFile(monitor.ConfigFD, "configuration")
	data, err := io.ReadAll(io.NewSectionReader(told, 0, 16<<20))
	if err == nil {
		err = json.Unmarshal(data, &k.c)
	}
	if err = errors.Join(err, told.Close()); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if k.c.Version < 1 || k.c.Version > monitor.Version {
		return fmt.Errorf("protocol %d: this monitor speaks %d", k.c.Version, monitor.Version)
	}
	if k.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return err
	}
	if k.runDir, err = os.Open(k.c.RunDir); err != nil {
		return err
	}
	for i := range k.c.ExtraFiles {
		k.extra = append(k.extra, os.NewFile(uintptr(monitor.ExtraFD+i), "extra"))
	}
	k.reaper, k.bus, k.log = newReaper(), newBus(k), nowhere{}
	return nil
}

// settle keeps the user namespace for all commands to come, as long as we are
// there.
func (k *keeper) settle() error {
	if k.c.Namespace == "" {
		return nil
	}
	var err error
	if k.home, err = tenant.Open(k.c.Namespace); err == nil {
		err = k.home.Live()
	}
	if err != nil {
		return fmt.Errorf("user namespace: %w", err)
	}
	return nil
}

// keep is the container's life, all of its restarts, to the end.
func (k *keeper) keep() {
	log, err := openLog(&k.c)
	if err == nil {
		k.log = log
		err = k.bus.listen()
	}
	if err != nil {
		k.fail(&monitor.Failure{Message: err.Error()})
		k.end(nil)
		return
	}
	k.bus.adopt(monitor.ConnectionFD)
	pause := firstPause
	for {
		began := time.Now()
		code, oom, failure := k.once()
		if failure != nil {
			k.fail(failure)
			k.end(nil)
			return
		}
		if time.Since(began) > longEnough {
			pause = firstPause
		}
		wish := life.TakeWish(k.c.RunDir)
		again := (k.policy(code) || wish != nil) && !k.stopped()
		k.bus.tell(monitor.FrameExit, monitor.Ended{Code: code, OOMKilled: oom, Restarts: again})
		switch {
		case again && wish != nil:
			k.spent, pause = 0, firstPause // and now, without one
		case again && k.pause(pause):
			pause = min(2*pause, lastPause)
			k.spent++
			k.note("restart", nil, nil)
		default:
			wish.Answered("somebody has stopped it")
			k.end(code)
			return
		}
		k.wish = wish
		k.restarts++
		k.bus.unhurry()
	}
}

// The pauses between restarts, and how long a container must have run for the
// next one to be short again.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Minute
	longEnough = 10 * time.Second
)

// policy tells whether the container is to be started again.
func (k *keeper) policy(code *int) bool {
	k.mu.Lock()
	again := k.again
	k.again = false
	k.mu.Unlock()
	restart := k.restart()
	switch restart.Policy {
	case monitor.RestartAlways, monitor.RestartUnlessStopped:
		return true
	case monitor.RestartOnFailure:
		failed := code == nil || *code != 0
		return again || failed && (restart.Max == 0 || k.spent < restart.Max)
	}
	return again
}

// restart is the policy, which may have been changed since the start.
func (k *keeper) restart() monitor.Restart {
	var changed monitor.Restart
	data, err := os.ReadFile(filepath.Join(k.c.RunDir, monitor.RestartFile))
	if err == nil && json.Unmarshal(data, &changed) == nil {
		return changed
	}
	return k.c.Restart
}

// pause waits, and tells whether nobody stopped the container meanwhile.
func (k *keeper) pause(long time.Duration) bool {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(min(20*time.Millisecond, long)) {
		if k.stopped() {
			return false
		}
	}
	return !k.stopped()
}

// stopped tells whether somebody has stopped the container.
func (k *keeper) stopped() bool {
	var stat unix.Stat_t
	return unix.Fstatat(int(k.runDir.Fd()), monitor.StopFile, &stat, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// fail says that the container could not be started. When it had been, or when
// nobody listens, the record is all there is to say it.
func (k *keeper) fail(f *monitor.Failure) {
	message := f.Message
	if f.Verb != "" {
		message = f.Verb + ": " + message
	}
	k.wish.Answered(message)
	k.wish = nil
	exit := life.Exit{Starts: k.c.Starts, Restarts: k.restarts, Finished: time.Now().UTC(), Error: message}
	_ = exit.Write(k.c.Dir) // a full disk must not keep us from cleaning up
	k.bus.tell(monitor.FrameExit, monitor.Ended{})
	if k.report != nil && k.say(monitor.Report{Failure: f}) == nil {
		k.c.Cleanup = nil // who listens cleans up
	}
}

// say reports, once.
func (k *keeper) say(r monitor.Report) error {
	if k.report == nil {
		return nil
	}
	r.Version = monitor.Version
	data, err := json.Marshal(r)
	if err == nil {
		_, err = k.report.Write(data)
	}
	err = errors.Join(err, k.report.Close())
	k.report = nil
	return err
}

// end cleans up and lets everybody go. Who was attached may start the container
// again at once.
func (k *keeper) end(code *int) {
	k.log.close()
	if k.c.Remove {
		k.bus.awaitReaders()
	}
	if len(k.c.Cleanup) > 0 {
		k.note("cleanup", nil, nil)
		if pid, ended, err := k.reaper.start(k.c.Cleanup, os.Environ(), []*os.File{k.null, k.null, k.null}); err == nil {
			_, _ = await(pid, ended, k.c.StartTimeout+time.Minute)
		}
	}
	k.bus.deafen()
	k.lock.Close()
	k.bus.close()
}

// note writes an event; one that cannot be written changes nothing.
func (k *keeper) note(action string, code *int, attributes map[string]string) {
	if k.c.Events == "" {
		return
	}
	_ = events.Append(k.c.Events, events.Event{
		Type: events.Container, Action: action, ID: k.c.ID, Name: k.c.Name, Image: k.c.Image, ExitCode: code, Attributes: attributes,
	})
}
