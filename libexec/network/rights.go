// SPDX-License-Identifier: Apache-2.0

package network

import (
	"os"

	"golang.org/x/sys/unix"
)

// Allowed tells whether we may make bridges: whether the network namespace that we
// are in belongs to the user namespace in which we are root. That of the host does
// not belong to the namespace of an ordinary user.
func Allowed() bool {
	if os.Geteuid() != 0 {
		return false
	}
	net, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return false
	}
	defer net.Close()
	owner, err := unix.IoctlRetInt(int(net.Fd()), unix.NS_GET_USERNS)
	if err != nil {
		return false
	}
	defer unix.Close(owner)
	var a, b unix.Stat_t
	return unix.Fstat(owner, &a) == nil && unix.Stat("/proc/self/ns/user", &b) == nil && a.Ino == b.Ino
}
