// SPDX-License-Identifier: Apache-2.0

// Package logfile reads the log that the monitor of a container writes: the
// format that Kubernetes' runtimes share. Each record is a line of a file:
//
//	2026-01-02T03:04:05.123456789Z stdout F hello
//
// with its time, its stream, P for what does not end a line of output or F for
// what does, and the content, which may be anything but a line break. What is
// written cannot forge a record: a line break in it always begins one that the
// monitor made.
//
// The file Path is the newest; when it is full it becomes Path.1, which becomes
// Path.2. Read joins them, and Follow goes on with the new file. Readers take
// no lock, and the writer does not know of them.
//
// It is no tool for logs in general: what is not such a record is shown as it
// is, as a line of stdout.
package logfile
