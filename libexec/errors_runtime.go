// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
)

// What the runtime side returns. They are found with errors.Is.
var (
	// ErrRuntimeName: the name of a runtime is neither a plain name nor an
	// absolute path.
	ErrRuntimeName = errors.New("not a runtime name")
	// ErrRuntimeNotFound: no such runtime, or none at all.
	ErrRuntimeNotFound = errors.New("runtime not found")
	// ErrRuntimeNotExecutable: the file is there, but cannot be run.
	ErrRuntimeNotExecutable = errors.New("runtime not executable")
	// ErrRuntimeUnusable: every runtime found was tried and refuses to work on
	// this host.
	ErrRuntimeUnusable = errors.New("no runtime works on this host")
	// ErrRuntimeFailed is in every *RuntimeError.
	ErrRuntimeFailed = errors.New("runtime failed")
	// ErrRuntimeTimeout: a verb of the runtime did not end in time.
	ErrRuntimeTimeout = errors.New("runtime did not answer in time")
	// ErrWrongUser: the started process does not run as the user of the spec.
	ErrWrongUser = errors.New("container runs as the wrong user")
	// ErrNotRunning: the container to enter does not run, or is paused. The words
	// are podman's.
	ErrNotRunning = errors.New("can only create exec sessions on running containers: container state improper")
	// ErrNoFreezer: the container has no cgroup of its own by which it could be
	// paused.
	ErrNoFreezer = errors.New("no cgroup of its own to freeze")
	// ErrNoDescriptor: a descriptor that should be passed on is not open.
	ErrNoDescriptor = errors.New("descriptor not open")
)

// RuntimeError is a failure of the OCI runtime itself, as opposed to a
// container that ended with a code of its own.
type RuntimeError struct {
	Path   string         // the runtime's file
	Verb   string         // run, create, start, exec, delete
	Code   int            // its exit status, when it ended by itself
	Signal syscall.Signal // the signal that ended it, or 0
	// Message is what it wrote to its log, or the end of its stderr. Empty when
	// it died in silence.
	Message string
	// Printed says that the runtime wrote the message to the container's stderr
	// too, where a person has seen it.
	Printed bool
	// Err says more: ErrRuntimeTimeout, or the error of starting the file.
	Err error

	command error // ErrCommandNotFound or ErrCommandNotExecutable
}

func (e *RuntimeError) Error() string {
	what := e.Message
	switch {
	case e.Err != nil && what != "":
		what = fmt.Sprintf("%v: %s", e.Err, what)
	case e.Err != nil:
		what = e.Err.Error()
	case e.Signal != 0 && what != "":
		what = fmt.Sprintf("ended by signal %d (%v): %s", int(e.Signal), e.Signal, what)
	case e.Signal != 0:
		what = fmt.Sprintf("ended by signal %d (%v)", int(e.Signal), e.Signal)
	case what == "" && e.Code == 0:
		what = "exit status 0, but the container was not started"
	case what == "":
		what = fmt.Sprintf("exit status %d, and no message", e.Code)
	}
	return fmt.Sprintf("%s %s: %s", e.Path, e.Verb, what)
}

// Unwrap gives ErrRuntimeFailed and what is known of the cause, which may be
// ErrCommandNotFound or ErrCommandNotExecutable.
func (e *RuntimeError) Unwrap() []error {
	all := []error{ErrRuntimeFailed}
	for _, err := range []error{e.Err, e.command} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// classify gives err the class that an exit code and --error-format need. A
// runtime says why in words only. They decide here, in this one place, and only
// about what could not be known before: the command is looked for by NewSpec.
func (e *RuntimeError) classify(id string) error {
	class := errclass.Internal
	words := strings.ToLower(e.Message)
	words = strings.ReplaceAll(words, "exec fds", "") // runc's name for descriptors
	has := func(part string) bool { return strings.Contains(words, part) }
	switch {
	case errors.Is(e.Err, ErrRuntimeNotFound):
		class = errclass.NotFound
	case e.Verb == "delete":
	case has("exec") && (has("not found in $path") || has("no such file or directory")):
		class, e.command = errclass.NotFound, ErrCommandNotFound
	case has("exec") && (has("permission denied") || has("operation not permitted") || has("is a directory") || has("exec format error")):
		class, e.command = errclass.Usage, ErrCommandNotExecutable
	case has("no space left on device"):
		class = errclass.NoSpace
	case has("already exists"):
		class = errclass.Conflict
	}
	return errclass.New(class, id, e)
}

// oneLine cuts text from a runtime to one readable line.
func oneLine(text string) string {
	text = strings.TrimSpace(text)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	const limit = 2048
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return text
}

func runtimeErr(class errclass.Class, name string, sentinel error, format string, args ...any) error {
	return errclass.New(class, name, fmt.Errorf("runtime %q: "+format+": %w", append(append([]any{name}, args...), sentinel)...))
}

func baseName(path string) string { return filepath.Base(path) }
