// SPDX-License-Identifier: Apache-2.0

// Package launch runs a container from an image: it is where libstorage, which
// has the root file system, and libexec, which has the process, meet. The two
// do not know each other.
//
// # The way of a run
//
//	image      look it up; a missing one is fetched by a program, tug-pull
//	volumes    which ones it has: asked for, borrowed, declared by the image
//	container  a directory, a name, a lease on the image, an overlay
//	spec       config.json, with the user resolved and the command looked at
//	runtime    one fork; the container has the caller's own descriptors
//	removal    complete when Run returns, however it returns
//
// Nothing here links an image transport, so that the command that is started
// most often stays small.
package launch
