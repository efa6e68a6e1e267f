// SPDX-License-Identifier: Apache-2.0

// Package hostile gives bad input to the real binaries. A case has a store of
// its own with a good image in it, does one wrong thing, and when it is over
// this must hold, whatever the case was:
//
//	U1  a tree outside of the store, the canary, is unchanged and unread
//	U2  each command ended in bounded time, memory and disk
//	U3  it failed with its documented exit code and one line on stderr that
//	    names the object
//	U5  nothing is left: files in the store and its temporary directories,
//	    mounts, processes, control groups
//	U6  no control character was printed
//	U7  the good image is still there, and runs
//
// The names of tests begin with the row of the list of threats that they are
// about: H is from a CVE, N is without one. Where a runtime has a part in it, a
// case is made with crun and with runc.
package hostile
