// SPDX-License-Identifier: Apache-2.0

package monitor

import "time"

// FrameLimit is the largest content of a frame in bytes.
const FrameLimit = 32 << 10

// StallLimit is how long one who attached to a running container may not read
// before the connection is cut.
const StallLimit = 10 * time.Second

// LogLimit is how long a log that goes with its container stays for those who read
// it.
const LogLimit = 2 * time.Second

// Socket is the name of the socket in the run directory.
const Socket = "attach"

// The kinds of frames.
const (
	FrameHello  = 'H'
	FrameInput  = 'I'
	FrameEOF    = 'E'
	FrameResize = 'R'
	FrameOutput = 'O'
	FrameError  = 'e'
	FrameExit   = 'X'
)

// Hello begins a connection: who attaches says what it wants, and the monitor
// answers what it speaks.
type Hello struct {
	Version int `json:"version"`
	// Input: it will write to stdin. Output: it wants output.
	Input  bool `json:"input,omitempty"`
	Output bool `json:"output,omitempty"`
	// Log: it reads the files of the log. When the container goes with its log, it is
	// waited for: up to LogLimit, until it closes the connection.
	Log bool `json:"log,omitempty"`
	// Terminal is the monitor's word: the container has one.
	Terminal bool `json:"terminal,omitempty"`
}

// Size is that of a terminal.
type Size struct {
	Width  uint16 `json:"width"`
	Height uint16 `json:"height"`
}

// Ended says that the container has ended.
type Ended struct {
	// Code is its exit status; nil when nobody knows.
	Code      *int `json:"code"`
	OOMKilled bool `json:"oomKilled,omitempty"`
	// Restarts: it will be started again, and output goes on.
	Restarts bool `json:"restarts,omitempty"`
}
