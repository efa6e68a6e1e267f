// SPDX-License-Identifier: Apache-2.0

// Package events is what happened to the objects of a store: one line of JSON
// for each, in a file that is only ever appended to. A write is one system call
// of at most lineLimit bytes, so writers need no lock, and a reader that finds
// half a line waits for the rest.
//
// The file has a bound: beyond sizeLimit it is renamed to log.1, which replaces
// the one before. Two writers that do that at once lose nothing but the older
// half of it.
//
// The package links the standard library and golang.org/x/sys alone, as the
// monitor does.
package events

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The kinds of objects.
const (
	Container = "container"
	Network   = "network"
	Image     = "image"
	Volume    = "volume"
)

// Event is something that happened. The names are podman's: create, init,
// start, exec, exec_died, attach, pause, unpause, kill, died, stop, restart, rename,
// cleanup, remove, health_status, commit, mount, unmount, export; pull, push,
// tag, untag, save, load, import, remove; create, remove, prune.
type Event struct {
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	Action string    `json:"action"`
	ID     string    `json:"id,omitempty"`
	Name   string    `json:"name,omitempty"`
	// Image is what a container runs.
	Image string `json:"image,omitempty"`
	// Network is what a container came to, or left.
	Network string `json:"network,omitempty"`
	// ExitCode is that of died and exec_died.
	ExitCode *int `json:"exitCode,omitempty"`
	// Attributes are the object's labels, and what else there is to say.
	Attributes map[string]string `json:"attributes,omitempty"`
}

const (
	lineLimit = 16 << 10
	sizeLimit = 16 << 20
)

// Path is the file of the store with this graph root.
func Path(graphRoot string) string { return filepath.Join(graphRoot, "tug", "events", "log") }

// Append writes one event to the file at path, and makes it where it lacks. An
// event that is too long loses its attributes. What happens when it cannot be
// written is the caller's to say: an event is no reason to fail.
func Append(path string, e Event) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	line, err := json.Marshal(e)
	if err == nil && len(line) >= lineLimit {
		e.Attributes = nil
		line, err = json.Marshal(e)
	}
	if err != nil {
		return err
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if info, serr := f.Stat(); serr == nil && info.Size() > sizeLimit {
		if now, serr := os.Stat(path); serr == nil && os.SameFile(info, now) {
			err = errors.Join(err, os.Rename(path, path+".1"))
		}
	}
	return errors.Join(err, f.Close())
}

func open(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			f, err = os.OpenFile(path, flags, 0o600)
		}
	}
	return f, err
}
