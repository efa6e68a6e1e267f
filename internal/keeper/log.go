// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"fmt"

	"github.com/tug-containers/tug/libexec/monitor"
)

// sink is a log driver. Both streams write at once.
type sink interface {
	// write keeps output of a stream, which is the kind of its frames. A full disk
	// is waited for while running is true.
	write(stream byte, content []byte, running func() bool)
	// finish says that nothing more comes of a stream in this life.
	finish(stream byte)
	close()
}

func openLog(c *monitor.Config) (sink, error) {
	switch c.Log.Driver {
	case monitor.LogFile:
		return openFile(c.Log)
	case monitor.LogJournald:
		return openJournal(c, journalSocket)
	case monitor.LogNone, monitor.LogPassthrough:
		return nowhere{}, nil
	}
	return nil, fmt.Errorf("log driver %q: not known", c.Log.Driver)
}

type nowhere struct{}

func (nowhere) write(byte, []byte, func() bool) {}
func (nowhere) finish(byte)                     {}
func (nowhere) close()                          {}
