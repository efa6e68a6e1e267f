// SPDX-License-Identifier: Apache-2.0

// Package libexec runs a container: it makes the OCI configuration of one, and
// has a runtime run it.
//
// # The configuration
//
// NewSpec takes a mounted root file system, the configuration of an image and
// Options, and gives a specs.Spec; EncodeSpec writes it. Nothing that an image
// says is believed: its files are reached by descriptor (internal/rootdir), its
// user is resolved here and handed over as numbers, its environment is never
// completed from ours, and a /proc, /sys or /dev that is not a plain directory
// is refused. What was asked for and cannot be had here is an error, never left
// out; only rlimits are clamped to what the host allows, and Options.Debug hears
// of it. Options.Check refuses what does not depend on the image, for a caller
// that has nothing made yet.
//
// # The run
//
// FindRuntime chooses a runtime that works on this host; its Run starts the
// bundle with the caller's own descriptors, or on a terminal, passes signals on,
// and gives the container's exit code. When Run returns, nothing of the
// container is left but its directory.
//
// # What is on disk
//
// In Options.RunDir, which is also the bundle: config.json, and the files that
// are mounted into the container (hosts, resolv.conf, hostname, containerenv).
// They must live as long as the container, and belong to the caller to remove.
// A working directory that the image lacks is made in its root file system.
//
// # When not to use it
//
// It does not know images as they are stored, layers or names of containers:
// that is libstorage. It does not fetch anything. A program that wants a whole
// "run" starts tug-run.
package libexec
