// SPDX-License-Identifier: Apache-2.0

package monitor

import "time"

// Version is that of the protocol between a command and a monitor: of Config,
// Report and the frames of a connection. A monitor says which one it speaks,
// and a newer command keeps to that.
const Version = 1

// Config is all that a monitor is told. It reads it once, as JSON, when it
// starts.
type Config struct {
	Version int `json:"version"`
	// ID and Name are the container's.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Image is what the container runs, for events and journal fields.
	Image string `json:"image,omitempty"`
	// Dir is the directory beside whose record live.json and exit.json stand;
	// RunDir the bundle, where the runtime's pid file, its log and the socket
	// "attach" are.
	Dir    string `json:"dir"`
	RunDir string `json:"runDir"`
	// Namespace is the file by whose lock a process says that it lives in the user
	// namespace of the store; "" for the host's. See internal/userns/tenant.
	Namespace string `json:"namespace,omitempty"`
	// Starts is the number of this start; see package life.
	Starts int `json:"starts"`

	// Runtime is the command line that every verb of the OCI runtime is added
	// to, Env its whole environment.
	Runtime []string `json:"runtime"`
	Env     []string `json:"env,omitempty"`
	// StateDir is the runtime's directory of this container: what is left of it
	// after `delete` is removed.
	StateDir string `json:"stateDir"`

	// Terminal is set when the spec's process.terminal is.
	Terminal bool `json:"terminal,omitempty"`
	// Stdin keeps the container's stdin open for those who attach; without, it
	// is /dev/null.
	Stdin bool `json:"stdin,omitempty"`
	// StdinOnce closes it when the first that wrote to it goes.
	StdinOnce bool `json:"stdinOnce,omitempty"`
	// ExtraFiles is how many descriptors from 3 on are the container's.
	ExtraFiles int `json:"extraFiles,omitempty"`

	Log     Log      `json:"log"`
	Restart Restart  `json:"restart"`
	Health  *Health  `json:"health,omitempty"`
	Events  string   `json:"events,omitempty"` // file of internal/events; "" for none
	Cleanup []string `json:"cleanup"`          // executed at the very end
	// Remove is set when Cleanup removes the container with its log.
	Remove bool `json:"remove,omitempty"`

	StopSignal  int           `json:"stopSignal"`
	StopTimeout time.Duration `json:"stopTimeout"`
	// StartTimeout bounds the runtime's create and start, and each of its other
	// verbs.
	StartTimeout time.Duration `json:"startTimeout"`
	// Timeout kills the container after that time; 0 is never.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// The log drivers.
const (
	LogFile        = "file" // k8s-file and json-file of other tools are taken for it
	LogJournald    = "journald"
	LogPassthrough = "passthrough" // the container has the command's own descriptors
	LogNone        = "none"
)

// Log says where output goes beside to those who attach.
type Log struct {
	Driver string `json:"driver"`
	// Path is the file of driver file. At MaxSize bytes it becomes Path.1, which
	// becomes Path.2, up to MaxFiles files in all; the oldest is dropped.
	Path     string `json:"path,omitempty"`
	MaxSize  int64  `json:"maxSize,omitempty"`
	MaxFiles int    `json:"maxFiles,omitempty"`
	// Tag and Labels become fields of driver journald.
	Tag    string            `json:"tag,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// The restart policies.
const (
	RestartNo            = "no"
	RestartOnFailure     = "on-failure"
	RestartAlways        = "always"
	RestartUnlessStopped = "unless-stopped"
)

// Restart is what happens when the container ends by itself. The file StopFile
// in RunDir says that somebody stopped it: then nothing does.
type Restart struct {
	Policy string `json:"policy,omitempty"`
	// Max is the number of restarts by on-failure; 0 is no limit.
	Max int `json:"max,omitempty"`
}

// RestartFile is made in RunDir by who changes the restart policy of a running
// container: a Restart as JSON, in the place of Config's.
const RestartFile = "restart.json"

// StopFile is made in RunDir by who is about to stop the container.
const StopFile = "stopped"

// Probe is a process in the container that tells how that is.
type Probe struct {
	// Process is a file with the OCI process that `exec --process` takes.
	Process  string        `json:"process"`
	Interval time.Duration `json:"interval"` // 0: only when somebody runs it
	Timeout  time.Duration `json:"timeout"`
}

// Health is a health check.
type Health struct {
	Probe
	// StartPeriod is the time in which a failure does not count.
	StartPeriod time.Duration `json:"startPeriod,omitempty"`
	Retries     int           `json:"retries"`
	// OnFailure is what happens when it becomes unhealthy.
	OnFailure string `json:"onFailure,omitempty"`
	// Startup is run in its place until it has succeeded; nil for none.
	Startup *Startup `json:"startup,omitempty"`
}

// Startup is a check of whether the container is up.
type Startup struct {
	Probe
	// Retries is after how many failures in a row the container is started again; 0
	// is never. Successes is how often in a row it must succeed, at least once.
	Retries   int `json:"retries,omitempty"`
	Successes int `json:"successes,omitempty"`
}

// The values of Health.OnFailure.
const (
	HealthNone    = "none"
	HealthKill    = "kill"
	HealthRestart = "restart"
	HealthStop    = "stop"
)

// Report is what a monitor says when the container has started, or why it has
// not. After a failure it has cleaned up and is gone.
type Report struct {
	Version int `json:"version"`
	// Pid and StartTime are the container's first process; 0 when there was none.
	Pid       int    `json:"pid,omitempty"`
	StartTime uint64 `json:"startTime,omitempty"`
	// Failure is nil when it has started.
	Failure *Failure `json:"failure,omitempty"`
}

// Failure is why a container was not started. Verb is empty when it is not about
// the runtime.
type Failure struct {
	Verb     string `json:"verb,omitempty"`
	Code     int    `json:"code,omitempty"`
	Signal   int    `json:"signal,omitempty"`
	TimedOut bool   `json:"timedOut,omitempty"`
	Errno    int    `json:"errno,omitempty"` // the runtime could not be executed
	Message  string `json:"message,omitempty"`
}
