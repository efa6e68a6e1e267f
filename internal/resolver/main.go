// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/tug-containers/tug/libexec/network/names"
)

// Main is the program, with the name of the network and the number of its sockets
// as arguments. It gives the exit code, which nobody is likely to see.
func Main() int {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return 1
	}
	return 0
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("tug-dns is started by the commands that start containers, and by nobody else")
	}
	network := args[1]
	sockets, err := strconv.Atoi(args[2])
	if err != nil || sockets < 1 {
		return fmt.Errorf("%q: not a number of sockets", args[2])
	}
	// The heap is a few packets: collecting it often costs nothing.
	debug.SetGCPercent(20)
	debug.SetMemoryLimit(64 << 20)
	s, err := openShelf(names.BookFD, network)
	if err != nil {
		return err
	}
	changes := watch(network)
	if err := dropPrivileges(); err != nil {
		return err
	}
	r := &resolver{shelf: s, host: &hostServers{path: "/etc/resolv.conf"}, desk: newDesk(waiting, waitingPerClient)}
	if err := r.serve(names.FirstSocket, sockets); err != nil {
		return err
	}
	s.await(changes)
	// The lock of the file is held: who takes it next, when we have ended, must find
	// that of the resolver free, and the sockets gone.
	r.close()
	return os.NewFile(names.ResolverFD, "lock").Close()
}
