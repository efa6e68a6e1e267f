// SPDX-License-Identifier: Apache-2.0

// Package monitor is what a command and the monitor of a container say to each
// other. The monitor, tug-monitor, is the parent of the runtime and of the
// container's first process: it holds the container's stdio and its log, and is
// the one who sees how it ends. There is one for each container that outlives
// its command, and it ends with the container.
//
// # Start
//
// The command starts the monitor with these descriptors:
//
//	0, 1, 2   /dev/null, or the command's own with the log driver passthrough
//	3         Config as JSON, a file in memory
//	4         a pipe for one Report, as JSON, then its end
//	5         a connection (see below) that is attached from the beginning, so
//	          that no output is lost, or /dev/null
//	6...      the container's descriptors from 3 on
//
// # Connections
//
// A connection is a socket of type SOCK_SEQPACKET: descriptor 5, or one to the
// socket "attach" in the container's run directory. Each packet is a frame: one
// byte that says what it is, then its content, at most FrameLimit bytes.
//
//	H  hello     both ways, first: Hello as JSON
//	I  input     to the container's stdin
//	E  eof       the end of stdin
//	R  resize    Size as JSON
//	O  output    from its stdout, or its terminal
//	e  error     from its stderr
//	X  exit      Ended as JSON; the last frame. The connection itself is closed
//	             when everything is cleaned up
//
// Several may attach at once: each gets all output, the input of all is merged.
// The connection of the start is waited for: when its reader is slow, so is the
// container, as with a pipe. Any other that does not read for StallLimit is cut.
//
// The package links the standard library and golang.org/x/sys alone.
package monitor
