// SPDX-License-Identifier: Apache-2.0

// Package status says what a container does, in podman's words. It is where
// libstorage, which knows the record and the process, and libexec, which knows
// the freezer, meet for all that look at containers. Looking takes no lock.
package status

import (
	"errors"
	"fmt"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// The words of Status.State.
const (
	Created = "created"
	Running = "running"
	Paused  = "paused"
	// Exited: it ended, and somebody saw how.
	Exited = "exited"
	// Stopped: the host was restarted while it ran.
	Stopped = "stopped"
	// Unknown: it ended, and nobody saw how.
	Unknown = "unknown"
	// Damaged: its record cannot be read, or was written by a newer version.
	Damaged = "damaged"
)

// Status is what a container did at the moment of Of.
type Status struct {
	State string
	// Code is nil when it has not ended, or when nobody knows how.
	Code              *int
	Started, Finished time.Time
	// Health is that of the check; empty when there is none.
	Health string
	// Unmonitored: it runs, and the monitor that should see it end is gone.
	Unmonitored bool
	newer       bool
}

// Of looks at a container.
func Of(info *libstorage.ContainerInfo) Status {
	r := &info.Record
	s := Status{State: Unknown, Code: r.ExitCode, Started: r.StartedAt, Finished: r.Finished}
	if info.Err != nil {
		return Status{State: Damaged, newer: errors.Is(info.Err, libstorage.ErrNewerFormat)}
	}
	switch r.State() {
	case libstorage.Created:
		s.State = Created
	case libstorage.Exited:
		s.State = Exited
	case libstorage.Stopped:
		s.State = Stopped
	case libstorage.Running:
		s.State = Running
		s.Unmonitored = info.Monitor != 0 && !info.Monitored()
		// Where the freezer cannot be read, nothing is known to be frozen.
		if paused, err := libexec.Paused(r.Pid); err == nil && paused {
			s.State = Paused
		}
		if health, err := info.Health(); err == nil && health != nil {
			s.Health = health.Status
		}
	}
	return s
}

// Lives tells that it has a process.
func (s Status) Lives() bool { return s.State == Running || s.State == Paused }

// Ended tells that it had a process.
func (s Status) Ended() bool { return s.State == Exited || s.State == Stopped || s.State == Unknown }

// Is tells whether a word of podman's is true of it. To podman exited and
// stopped are one, and what ended without a witness has ended too.
func (s Status) Is(word string) bool {
	switch word {
	case "exited", "stopped":
		return s.Ended()
	case "configured", "initialized":
		return s.State == Created
	}
	return s.State == word
}

// Word tells whether Is knows a word.
func Word(word string) bool {
	switch word {
	case Created, Running, Paused, Exited, Stopped, Unknown, Damaged, "configured", "initialized", "removing", "stopping":
		return true
	}
	return false
}

// Text is the status column of a list.
func (s Status) Text(now time.Time) string {
	switch s.State {
	case Created:
		return "Created"
	case Paused:
		return "Paused"
	case Stopped:
		return "Exited (unknown) by a restart of the host"
	case Damaged:
		if s.newer {
			return "Of a newer version"
		}
		return "Damaged"
	case Running:
		text := "Up " + cli.Duration(now.Sub(s.Started))
		switch {
		case s.Unmonitored:
			return text + " (unmonitored)"
		case s.Health != "":
			return text + " (" + s.Health + ")"
		}
		return text
	}
	text := "Exited (unknown)"
	if s.Code != nil {
		text = fmt.Sprintf("Exited (%d)", *s.Code)
	}
	if !s.Finished.IsZero() {
		text += " " + cli.Duration(now.Sub(s.Finished)) + " ago"
	}
	return text
}
