// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"strconv"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
)

// maxDescriptors is more than anybody hands over.
const maxDescriptors = 1 << 16

// descriptors are those that our caller has left open for the container: sockets
// of a service manager (sd_listen_fds(3)) first, then those of --preserve-fds. The
// variables that speak of the sockets are for the first process of the container,
// when they are for us: LISTEN_PID says so.
func (f *flags) descriptors(o *launch.Options) (err error) {
	sockets := 0
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err == nil && pid == os.Getpid() && !f.create {
		n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
		if err != nil || n < 0 || n > maxDescriptors {
			return cli.UsageError("LISTEN_FDS", "environment variable LISTEN_FDS=%q: not a number of descriptors", os.Getenv("LISTEN_FDS"))
		}
		sockets = n
	}
	if o.Stdio.Extra, err = libexec.InheritedFiles(sockets + int(f.preserveFDs)); err != nil || sockets == 0 {
		return err
	}
	o.SocketEnv = []string{"LISTEN_FDS=" + strconv.Itoa(sockets), "LISTEN_PID=1"}
	if names, given := os.LookupEnv("LISTEN_FDNAMES"); given {
		o.SocketEnv = append(o.SocketEnv, "LISTEN_FDNAMES="+names)
	}
	return nil
}
