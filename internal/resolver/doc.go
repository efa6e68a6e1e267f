// SPDX-License-Identifier: Apache-2.0

// Package resolver is the program tug-dns: it answers the questions of one network,
// for names of containers from the files of package names, and for all others by
// asking the resolvers of the host.
//
// Package names starts it, with sockets that are bound already, and says how it
// lives and ends. It gives up all privileges before it reads the first packet, and
// believes none: whoever is not of the network gets no answer; questions in flight,
// connections, their times and sizes have bounds; an answer from outside must be to
// the question that was asked, from whom it was asked.
//
// It leaves nothing on disk.
package resolver
