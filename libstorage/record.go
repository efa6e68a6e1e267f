// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
)

// recordFormat is the format of records that this code writes. A record of a
// higher one can be looked at, and is never written.
const recordFormat = 1

// recordLimit is the largest record that is read.
const recordLimit = 1 << 20

// Record is what is known of a container: one JSON file. Fields that another
// version of this code put there survive a rewrite.
//
// The state of a container is not in it. It is derived from the process, the
// exit code and the boot: see State.
type Record struct {
	// Format is 1.
	Format int `json:"format"`
	// ID is 64 hexadecimal digits.
	ID string `json:"id"`
	// Name was chosen by the user, or made up.
	Name string `json:"name"`
	// ImageID and ImageName are what it runs; empty with --rootfs.
	ImageID   string `json:"imageID,omitempty"`
	ImageName string `json:"imageName,omitempty"`
	// Rootfs is the directory of --rootfs.
	Rootfs string `json:"rootfs,omitempty"`
	// Driver is the root file system's: overlay, library, directory.
	Driver string `json:"driver"`
	// Layers are the lower directories, the uppermost first; a relative path
	// is one beneath the graph root.
	Layers []string `json:"layers,omitempty"`
	// IDs are those of its user namespace.
	IDs *idmap.Mapping `json:"ids,omitempty"`
	// ImageMounts are the images that it has mounted beside its own.
	ImageMounts []string `json:"imageMounts,omitempty"`
	// Volumes are the names of the volumes that it has.
	Volumes []string `json:"volumes,omitempty"`
	// RunDir is its directory in the run root, as the lock file has it too.
	RunDir string `json:"runDir,omitempty"`
	// Created is when the record was made.
	Created time.Time `json:"created"`
	// Command is the argument list of its first process.
	Command []string `json:"command,omitempty"`
	// Labels and Annotations are those of image and user together.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Ephemeral: it goes when its process does (--rm).
	Ephemeral bool `json:"ephemeral,omitempty"`
	// AutoRemove: who sees the end of its process removes it (--rm, with a
	// monitor).
	AutoRemove bool `json:"autoRemove,omitempty"`
	// Starts counts the starts: Starting sets it, and live.json and exit.json of
	// the monitor are about the start that they name.
	Starts int `json:"starts,omitempty"`
	// Runtime is the path of the OCI runtime.
	Runtime string `json:"runtime,omitempty"`
	// SpecDigest is the digest of config.json as the runtime got it.
	SpecDigest string `json:"specDigest,omitempty"`
	// Pid, StartTime (clock ticks since the boot, field 22 of /proc/PID/stat)
	// and BootID are its first process; zero before the start. Started sets
	// them.
	Pid       int       `json:"pid,omitempty"`
	StartTime uint64    `json:"startTime,omitempty"`
	BootID    string    `json:"bootID,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	// ExitCode is nil until somebody saw the process end.
	ExitCode  *int      `json:"exitCode,omitempty"`
	Finished  time.Time `json:"finished,omitzero"`
	OOMKilled bool      `json:"oomKilled,omitempty"`
	// Error is why the last start failed.
	Error string `json:"error,omitempty"`
	// Config is the caller's own: how the container was asked for.
	Config json.RawMessage `json:"config,omitempty"`

	// file is what was read, for the fields that are not ours.
	file []byte
}

// State is what a container does.
type State string

// The states.
const (
	// Created: never started.
	Created State = "created"
	// Running: its process is there.
	Running State = "running"
	// Exited: it ended and ExitCode says how.
	Exited State = "exited"
	// Stopped: the host was restarted while it ran. Nobody knows an exit code.
	Stopped State = "stopped"
	// Unknown: the process is gone and nobody saw it end.
	Unknown State = "unknown"
)

// State derives the state of the container from /proc. Reading a process takes
// some 5 microseconds; call it once.
func (r *Record) State() State { return r.state(host{}) }

func (r *Record) state(h procs) State {
	switch {
	case r.ExitCode != nil:
		return Exited
	case r.BootID == "":
		return Created
	case r.BootID != h.bootID():
		return Stopped
	case r.Pid == 0:
		return Created // it is being started, or that was cut short
	}
	if start, ok := h.startTime(r.Pid); ok && start == r.StartTime {
		return Running
	}
	return Unknown
}

// Starting begins another start: what is known of the last one is forgotten.
func (r *Record) Starting() {
	r.Starts++
	r.Pid, r.StartTime, r.BootID, r.StartedAt = 0, 0, host{}.bootID(), time.Time{}
	r.ExitCode, r.Finished, r.OOMKilled, r.Error = nil, time.Time{}, false, ""
}

// Started notes pid as the container's first process. An error means that the
// process is gone already.
func (r *Record) Started(pid int) error {
	h := host{}
	start, ok := h.startTime(pid)
	r.Pid, r.StartTime, r.BootID, r.StartedAt = pid, start, h.bootID(), time.Now().UTC()
	r.ExitCode, r.Finished, r.OOMKilled = nil, time.Time{}, false
	if !ok {
		return fmt.Errorf("process %d: gone", pid)
	}
	return nil
}

// Exit notes the exit code, seen now.
func (r *Record) Exit(code int) {
	r.ExitCode, r.Finished = &code, time.Now().UTC()
}

// recordFields has the methods of none, so that encoding/json does the work.
type recordFields Record

// unknown are the fields of the file that are not ours.
func (r *Record) unknown() (map[string]json.RawMessage, error) {
	if len(r.file) == 0 {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.file, &fields); err != nil {
		return nil, err
	}
	for _, name := range recordNames {
		delete(fields, name)
	}
	return fields, nil
}

// MarshalJSON writes the record, and what else was in the file.
func (r *Record) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal((*recordFields)(r))
	if err != nil {
		return nil, err
	}
	unknown, err := r.unknown()
	if err != nil || len(unknown) == 0 {
		return data, err
	}
	rest, err := json.Marshal(unknown)
	if err != nil {
		return nil, err
	}
	data = append(data[:len(data)-1], ',')
	return append(data, rest[1:]...), nil
}

// UnmarshalJSON reads the record, and keeps what it does not know.
func (r *Record) UnmarshalJSON(data []byte) error {
	*r = Record{}
	if err := json.Unmarshal(data, (*recordFields)(r)); err != nil {
		return err
	}
	r.file = bytes.Clone(data)
	return nil
}

// recordNames are the names of Record's fields in the file; a test compares.
var recordNames = []string{
	"format", "id", "name", "imageID", "imageName", "rootfs", "driver", "layers", "ids", "imageMounts", "volumes", "runDir", "created", "command",
	"labels", "annotations", "ephemeral", "autoRemove", "starts", "runtime", "specDigest", "pid", "startTime", "bootID",
	"startedAt", "exitCode", "finished", "oomKilled", "error", "config",
}

// parseRecord reads the record of container id. With ErrNewerFormat the record
// is filled as far as it could be. The record keeps data.
func parseRecord(id string, data []byte) (Record, error) {
	var r Record
	if len(bytes.TrimSpace(data)) == 0 {
		return Record{ID: id}, damaged(id, "record", errors.New("the file is empty"))
	}
	err := json.Unmarshal(data, (*recordFields)(&r))
	r.file = data
	format, ours := r.Format, r.ID
	if err != nil {
		// A newer format may have given a field another type.
		var head struct {
			Format int    `json:"format"`
			ID     string `json:"id"`
		}
		if headErr := json.Unmarshal(data, &head); headErr != nil {
			return Record{ID: id}, damaged(id, "record", err)
		}
		format, ours = head.Format, head.ID
	}
	switch {
	case format > recordFormat:
		r.ID, r.Format = id, format
		return r, errclass.New(errclass.Unsupported, id, fmt.Errorf(
			"container %s: record of format %d: %w: this version knows format %d", id, format, ErrNewerFormat, recordFormat))
	case err != nil:
		return Record{ID: id}, damaged(id, "record", err)
	case format < 1:
		return Record{ID: id}, damaged(id, "record", errors.New("no format number"))
	case ours != id:
		return Record{ID: id}, damaged(id, "record", fmt.Errorf("it is that of container %q", ours))
	}
	return r, nil
}
