// SPDX-License-Identifier: Apache-2.0

// Package life has the files that say how a container's process lives, and how
// it ended. Its monitor writes them, beside the container's record, and all
// others read them without a lock:
//
//	live.json     its process, and the monitor's
//	exit.json     how it ended
//	health.json   what the health check found
//	monitor.lock  locked for as long as the monitor lives
//
// A file belongs to one start of the container, by the number in Starts. One
// with another number is of a former start, and says nothing.
//
// The package links the standard library and golang.org/x/sys alone, as the
// monitor does.
package life

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Format is the format of the files that this code writes.
const Format = 1

// The files.
const (
	liveFile   = "live.json"
	exitFile   = "exit.json"
	healthFile = "health.json"
	lockFile   = "monitor.lock"
)

// limit is the size of the largest file that is read.
const limit = 1 << 20

// Live is the process of a container. It is good for one boot: BootID.
type Live struct {
	Format int `json:"format"`
	// Starts is the number of the start that it is of, Restarts how often the
	// restart policy has started it again since.
	Starts   int `json:"starts"`
	Restarts int `json:"restarts,omitempty"`
	// Pid and StartTime (field 22 of /proc/PID/stat, in clock ticks since the
	// boot) are the container's first process.
	Pid       int       `json:"pid"`
	StartTime uint64    `json:"startTime"`
	BootID    string    `json:"bootID"`
	StartedAt time.Time `json:"startedAt"`
	// Monitor and MonitorStart are the same of the monitor.
	Monitor      int    `json:"monitor"`
	MonitorStart uint64 `json:"monitorStart"`
}

// Exit is how a container ended.
type Exit struct {
	Format   int `json:"format"`
	Starts   int `json:"starts"`
	Restarts int `json:"restarts,omitempty"`
	// Code is the exit status, 128+n when signal n ended it; nil when nobody
	// saw it. It is never guessed.
	Code *int `json:"code"`
	// OOMKilled: the kernel ended it for want of memory.
	OOMKilled bool      `json:"oomKilled,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	Finished  time.Time `json:"finished"`
	// Error is why it could not be started, or what the runtime said.
	Error string `json:"error,omitempty"`
}

// The states of a health check.
const (
	Starting  = "starting"
	Healthy   = "healthy"
	Unhealthy = "unhealthy"
)

// Health is what the health check of a container found.
type Health struct {
	Format        int    `json:"format"`
	Starts        int    `json:"starts"`
	Restarts      int    `json:"restarts,omitempty"`
	Status        string `json:"status"`
	FailingStreak int    `json:"failingStreak"`
	// Startup: the startup check has not succeeded yet; Successes in a row has it.
	Startup   bool    `json:"startup,omitempty"`
	Successes int     `json:"successes,omitempty"`
	Log       []Check `json:"log,omitempty"` // the last ones, the oldest first
}

// Check is one run of a health check.
type Check struct {
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	ExitCode int       `json:"exitCode"`
	Output   string    `json:"output,omitempty"`
}

// ReadLive reads the live.json in dir. A missing file is fs.ErrNotExist; what
// was written by a newer version, or cannot be read, is another error.
func ReadLive(dir string) (Live, error) {
	var l Live
	return l, read(filepath.Join(dir, liveFile), &l, &l.Format)
}

// ReadExit reads the exit.json in dir, as ReadLive does.
func ReadExit(dir string) (Exit, error) {
	var e Exit
	return e, read(filepath.Join(dir, exitFile), &e, &e.Format)
}

// ReadHealth reads the health.json in dir, as ReadLive does.
func ReadHealth(dir string) (Health, error) {
	var h Health
	return h, read(filepath.Join(dir, healthFile), &h, &h.Format)
}

// Write replaces the live.json in dir. It is whole or as it was; it need not
// survive a power cut, since the process does not.
func (l Live) Write(dir string) error {
	l.Format = Format
	return replace(filepath.Join(dir, liveFile), l, false)
}

// Write replaces the exit.json in dir, and survives a power cut when it has
// returned.
func (e Exit) Write(dir string) error {
	e.Format = Format
	return replace(filepath.Join(dir, exitFile), e, true)
}

// Write replaces the health.json in dir.
func (h Health) Write(dir string) error {
	h.Format = Format
	return replace(filepath.Join(dir, healthFile), h, false)
}

func read(path string, into any, format *int) error {
	data, err := ondisk.Read(path, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if *format < 1 || *format > Format {
		return fmt.Errorf("%s: format %d: this version knows format %d", path, *format, Format)
	}
	return nil
}

// replace writes a file that is whole or not there.
func replace(path string, value any, durable bool) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("internal error: %s: %w", path, err)
	}
	return ondisk.Replace(path, data, 0o600, durable)
}
