// SPDX-License-Identifier: Apache-2.0

// Package script runs the stories in testdata on the real binaries. A story is
// called VERB_TOPIC.txtar; docs for its language are those of
// github.com/rogpeppe/go-internal/testscript. What this package adds:
//
//	code N PROGRAM [ARG...]   run, and the exit code must be N
//	until PROGRAM [ARG...]    run again and again until it succeeds
//	signal NAME               send SIGNAME to the background commands
//	need debian               push the Debian image too: $DEBIAN
//	registry VAR [tls] [USER:PASSWORD]
//	                          start one more registry: $VAR is its host,
//	                          $VAR_CERTS its --cert-dir
//
// Each story has a store of its own on disk, which every program finds
// (storage.conf, registries.conf, containers.conf and auth.json by environment):
// $ROOT and $RUNROOT. $REGISTRY is the host of a registry that all share, with
// the images of images.Stock; it must not be changed. $LAYOUT is an OCI layout
// with the same images, tags being NAME-TAG. $RUNTIME is the OCI runtime:
// stories of run are told once with crun and once with runc.
//
// TestUserStories tells all stories once more as an ordinary user. What only root
// can do says so: [!root] skip 'REASON'.
//
// At the end of a story nothing may be mounted in its directory but what
// containers/storage mounts itself, and no process of a container may be left.
package script
