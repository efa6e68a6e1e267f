// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
)

// Style is whose exit codes a command follows.
type Style string

const (
	// Podman: 125 for any failure of ours.
	Podman Style = "podman"
	// Skopeo: 1, and 2 not found, 3 authentication, 4 network, 5 verification.
	Skopeo Style = "skopeo"
)

const styleAnnotation = "tug.exit-style"

// SetStyle records the style of a command; without it, it is Podman.
func SetStyle(cmd *cobra.Command, style Style) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[styleAnnotation] = string(style)
}

// ExitError ends a command with a code of its own choice. With a nil Err
// nothing is printed: a container's own exit code is no error of ours.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the error behind the code.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode is the one table of exit codes.
func ExitCode(style Style, err error) int {
	if err == nil {
		return 0
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	if style != Skopeo {
		return 125
	}
	switch class, _ := errclass.Of(err); class {
	case errclass.NotFound:
		return 2
	case errclass.Auth:
		return 3
	case errclass.Network, errclass.RateLimit:
		return 4
	case errclass.Verification:
		return 5
	default:
		return 1
	}
}

// report prints err as a person or, with format "json", as a script wants it.
func report(w io.Writer, format string, err error) {
	var exit *ExitError
	if errors.As(err, &exit) && exit.Err == nil {
		return
	}
	if format != "json" {
		fmt.Fprintf(w, "Error: %s\n", clip(Printable(err.Error())))
		return
	}
	class, object := errclass.Of(err)
	line, _ := marshal(struct {
		Class   errclass.Class `json:"class"`
		Object  string         `json:"object"`
		Message string         `json:"message"`
	}{class, object, err.Error()}, "")
	_, _ = w.Write(line)
}

// clip takes the middle out of a line that is longer than anybody reads: an
// argument, or a registry's answer, may be.
func clip(line string) string {
	const longest, head, tail = 4000, 3000, 900
	if len(line) <= longest {
		return line
	}
	return strings.ToValidUTF8(line[:head], "") + " ... " + strings.ToValidUTF8(line[len(line)-tail:], "")
}
