// SPDX-License-Identifier: Apache-2.0

// Package plugin starts plugins of CNI, by libcni: it is the program behind package
// cni, which explains it.
//
// It bounds what a plugin may take in time and write, and kills one that does not
// end. Nothing here stays when it has answered, but the plugins' own state and the
// result of an ADD.
package plugin
