// SPDX-License-Identifier: Apache-2.0

// Package names is who has which name on a network: a file for each network, and
// the program that answers questions from it, tug-dns (internal/resolver).
//
//	b := names.Book{Dir: runDir, Program: "/usr/bin/tug-dns"}
//	err := b.Join(ctx, names.Network{Name: "web", Interface: "tug1", Listen: gateways, Subnets: subnets},
//		names.Container{ID: id, Names: []string{"db"}, Addresses: addresses})
//	...
//	err = b.Leave(ctx, "web", id)
//
// # The resolver
//
// Join starts it for the first container of a network, with sockets that are bound
// already, so that nobody has to wait for it: a question waits in the socket. It
// reads the file again when that has changed, and ends by itself when no container
// is left. Whoever changes the file holds its lock, and so does a resolver from its
// last look at the file to its end: no container comes between the two. One that was
// killed is started again by the next Join or Leave, or by Restore.
//
// # What is on disk
//
// Beneath Dir, which belongs in a run root: nothing of it is true after a reboot.
//
//	NETWORK/names      the containers, as JSON, replaced by rename
//	NETWORK/lock       the lock of that file
//	NETWORK/resolver   the lock that a resolver holds as long as it lives
//
// The resolver gives up its privileges, so these files can be read by everybody, as
// far as the directory above lets them.
//
// # When not to use it
//
// Names of containers alone: that is libstorage. Whether a container that is in the
// file still runs is for the caller to know, who has it leave.
package names
