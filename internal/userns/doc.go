// SPDX-License-Identifier: Apache-2.0

// Package userns takes a command of an ordinary user into a user namespace, in
// which it is root over the user's own IDs.
//
//	if err := userns.Enter(ctx, "/home/u/.local/share/containers/storage/tug"); err != nil {
//		return err
//	}
//	// Here we may mount, and own files of many IDs.
//
// Enter does not return when there is something to enter: the process executes
// itself again through nsenter(1), with the same pid, arguments and descriptors,
// and comes back to the same call, which returns then. So there is no second
// process that would have to pass on signals, the terminal and the exit status.
//
// One namespace, with its mounts, is shared by all commands and monitors of one
// store. The first of them makes it: a child is cloned into new namespaces,
// newuidmap and newgidmap write its maps, and it is gone when somebody has entered.
// After that the namespace lives as long as a process in it, and no process is
// there for its sake. Package tenant tells who is in it.
//
// It is not for processes that may mount already: for root, and inside of such a
// namespace, Enter does nothing.
//
// On disk it leaves the file GRAPHROOT/tug/namespace, with processes of containers.
package userns
