// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"os"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
	"golang.org/x/term"
)

// Mode is how progress is shown.
type Mode string

// The modes, as --progress takes them.
const (
	Auto  Mode = "auto" // Bars on a terminal, else Plain
	Bars  Mode = "bars"
	Plain Mode = "plain"
	JSON  Mode = "json"
	None  Mode = "none"
)

// Display shows events. Event is called from one goroutine at a time; Close
// ends the display, and leaves a terminal as it was.
type Display interface {
	Event(libimage.Event)
	Close()
}

// New makes the display of a mode. verb is what lines begin with: "Pulling".
func New(w io.Writer, mode Mode, verb string) (Display, error) {
	switch mode {
	case Auto, "":
		if terminal(w) {
			return newBars(w, verb), nil
		}
		return newLines(w, verb), nil
	case Bars:
		return newBars(w, verb), nil
	case Plain:
		return newLines(w, verb), nil
	case JSON:
		return &objects{w: w}, nil
	case None:
		return silent{}, nil
	}
	return nil, errclass.New(errclass.Usage, "--progress",
		fmt.Errorf("--progress %q: must be auto, bars, plain, json or none", string(mode)))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

type silent struct{}

func (silent) Event(libimage.Event) {}
func (silent) Close()               {}
