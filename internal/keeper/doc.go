// SPDX-License-Identifier: Apache-2.0

// Package keeper is the program tug-monitor: it keeps one container. It starts
// it by the OCI runtime, holds its stdio and its log, sees how it ends, starts it
// again where that is the policy, and has it cleaned up. Package monitor says how
// it is talked to.
//
// It is the parent of the container's first process, which it becomes as a reaper
// of orphans when the runtime exits. When it is killed the container runs on, and
// what it holds is lost: output then meets a pipe that nobody reads.
//
// What it takes of memory does not grow: each stream has one buffer, and who reads
// slowly is waited for or cut. It links the standard library and
// golang.org/x/sys alone.
package keeper
