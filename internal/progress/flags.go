// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"io"

	"github.com/spf13/pflag"
)

// Flags are --quiet and --progress, for the commands that move images.
type Flags struct {
	quiet bool
	form  string
}

// AddFlags adds them to a command.
func AddFlags(fs *pflag.FlagSet) *Flags {
	f := &Flags{}
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "Show no progress")
	fs.StringVar(&f.form, "progress", string(Auto), "`FORM` of progress on stderr: auto, bars, plain, json, none")
	return f
}

// Display makes the display that the flags ask for. With the error format json
// what is on stderr is one object, unless more was asked for.
func (f *Flags) Display(w io.Writer, errorFormat, verb string) (Display, error) {
	mode := Mode(f.form)
	if f.quiet || mode == Auto && errorFormat == "json" {
		mode = None
	}
	return New(w, mode, verb)
}
