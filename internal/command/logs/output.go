// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// outputs are stdout and stderr; with a lock for several writers at once. What
// goes to a terminal is made harmless, a pipe gets every byte.
func outputs(cmd *cobra.Command, lock *sync.Mutex) [2]io.Writer {
	out := [2]io.Writer{cmd.OutOrStdout(), cmd.ErrOrStderr()}
	for i, w := range out {
		if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			out[i] = &harmless{w: w}
		}
		if lock != nil {
			out[i] = &locked{w: out[i], lock: lock}
		}
	}
	return out
}

type locked struct {
	w    io.Writer
	lock *sync.Mutex
}

func (l *locked) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.w.Write(p)
}

// harmless shows control characters as escapes, but for line breaks, tabs and
// the sequences that set colours: a log must not move the cursor, answer a
// question of the terminal's, or change its title.
type harmless struct {
	w   io.Writer
	seq []byte // the beginning of a sequence, from the last write
}

func (h *harmless) Write(p []byte) (int, error) {
	data := p
	if len(h.seq) > 0 {
		data = append(h.seq, p...)
		h.seq = nil
	}
	safe := make([]byte, 0, len(data)+64)
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c == 0x1b:
			n, whole := colorSequence(data[i:])
			if !whole && n == len(data)-i && n < 64 {
				h.seq = append([]byte(nil), data[i:]...)
				i = len(data)
				continue
			}
			if whole {
				safe = append(safe, data[i:i+n]...)
				i += n
				continue
			}
			safe = append(safe, `\x1b`...)
		case c == '\r' && i+1 < len(data) && data[i+1] == '\n': // as a terminal of the container's writes
		case c == 0xc2 && i+1 < len(data) && data[i+1] >= 0x80 && data[i+1] < 0xa0: // C1 in UTF-8
			safe = fmt.Appendf(safe, `\x%02x`, data[i+1])
			i++
		case c < 0x20 && c != '\n' && c != '\t' || c == 0x7f:
			safe = fmt.Appendf(safe, `\x%02x`, c)
		default:
			safe = append(safe, c)
		}
		i++
	}
	if _, err := h.w.Write(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

// colorSequence takes the length of ESC [ NUMBERS m; what is not whole may
// become one.
func colorSequence(data []byte) (n int, whole bool) {
	for i, c := range data {
		switch {
		case i == 0, i == 1 && c == '[':
		case i >= 2 && (c >= '0' && c <= '9' || c == ';' || c == ':'):
		case i >= 2 && c == 'm':
			return i + 1, true
		default:
			return i, false
		}
	}
	return len(data), false
}
