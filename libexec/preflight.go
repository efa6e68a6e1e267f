// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
)

// preflight finds out before a runtime is started that a command cannot be:
// runtimes word it each in their own way, and after the container exists. What
// a mount of the user's hides is not judged.
func (b *builder) preflight(command string) error {
	pathEnv := pathOf(b.g.Config.Process.Env)
	file := ""
	for _, candidate := range rootdir.Candidates(command, pathEnv, b.cwd()) {
		if within(candidate, "/proc") {
			return notExecutable(command, errors.New("inside /proc"))
		}
		if len(b.binds) == 0 {
			continue
		}
		resolved, found, hidden, err := b.root.Resolve(candidate, b.covered)
		if hidden {
			return nil
		}
		if info, statErr := b.root.Stat(resolved); err == nil && found && statErr == nil && info.IsRegular() && info.Executable() {
			break // LookPath below finds the same
		}
	}
	file, err := b.root.LookPath(command, pathEnv, b.cwd())
	if errors.Is(err, fs.ErrPermission) {
		return notExecutable(command, b.whyNot(file))
	}
	if err != nil {
		return specError(errclass.NotFound, ErrCommandNotFound, command, "command %q: %w", shorten(command), ErrCommandNotFound)
	}
	return b.checkFormat(command, file, maxScripts+1)
}

// maxScripts is how many scripts the kernel lets interpret each other.
const maxScripts = 5

func notExecutable(command string, why error) error {
	return specError(errclass.Usage, ErrCommandNotExecutable, command, "command %q: %w: %w", shorten(command), ErrCommandNotExecutable, why)
}

func (b *builder) whyNot(file string) error {
	info, err := b.root.Stat(file)
	switch {
	case err != nil:
		return reason(err)
	case !info.IsRegular():
		return errors.New("it is " + kindOf(info.Mode))
	default:
		return errors.New("permission denied")
	}
}

// checkFormat looks at the first bytes of a command, and at the interpreter
// that they name, which may be a script with one of its own; more is how many
// files there may be in all.
func (b *builder) checkFormat(command, file string, more int) error {
	f, err := b.root.Open(file)
	if err != nil {
		return notExecutable(command, reason(err))
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return notExecutable(command, reason(err))
	}
	head = head[:n]
	interpreter, err := "", error(nil)
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		interpreter, err = elfInterpreter(head)
		more = 0
	case bytes.HasPrefix(head, []byte("#!")):
		interpreter, err = scriptInterpreter(head)
	default:
		err = errors.New("neither a program nor a script that begins with #! and its interpreter")
	}
	if err != nil {
		if foreignFormats() {
			return nil
		}
		return notExecutable(command, err)
	}
	return b.checkInterpreter(command, interpreter, more)
}

// checkInterpreter looks at an interpreter. more is 0 for a dynamic linker,
// which has none.
func (b *builder) checkInterpreter(command, interpreter string, more int) error {
	if interpreter == "" {
		return nil
	}
	name := path.Join("/", interpreter)
	if !path.IsAbs(interpreter) {
		name = path.Join(b.cwd(), interpreter)
	}
	resolved, found, hidden, err := b.root.Resolve(name, b.covered)
	switch {
	case hidden:
		return nil
	case within(resolved, "/proc"):
		return notExecutable(command, errors.New("its interpreter is inside /proc"))
	case err != nil || !found:
		return notExecutable(command, errors.New("its interpreter "+shorten(interpreter)+" does not exist"))
	}
	if info, err := b.root.Stat(resolved); err != nil || !info.IsRegular() || !info.Executable() {
		return notExecutable(command, errors.New("its interpreter "+shorten(interpreter)+" cannot be executed"))
	}
	switch more {
	case 0:
		return nil
	case 1:
		return notExecutable(command, errors.New("too many scripts interpret each other"))
	}
	return b.checkFormat(command, resolved, more-1)
}

// scriptInterpreter reads the path after #!.
func scriptInterpreter(head []byte) (string, error) {
	line, _, _ := bytes.Cut(head[2:min(len(head), 256)], []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) == 0 || strings.IndexByte(fields[0], 0) >= 0 {
		return "", errors.New("a script without an interpreter after its #! sign")
	}
	return fields[0], nil
}

var (
	errTruncated = constError("a program cut short")
	errMachine   = constError("a program for another kind of processor")
)

// elfInterpreter checks that an ELF program is for this processor, and gives
// its dynamic linker, "" for a static one. Where the program headers are not
// in head, nothing is said about it.
func elfInterpreter(head []byte) (string, error) {
	if len(head) < 64 {
		return "", errTruncated
	}
	wide, order := head[4] == 2, binary.ByteOrder(binary.LittleEndian)
	if head[5] == 2 {
		order = binary.BigEndian
	}
	if !machineRuns(order.Uint16(head[18:]), wide, head[5] == 2) {
		return "", errMachine
	}
	offset, size, count := uint64(order.Uint32(head[28:])), uint64(order.Uint16(head[42:])), uint64(order.Uint16(head[44:]))
	if wide {
		offset, size, count = order.Uint64(head[32:]), uint64(order.Uint16(head[54:])), uint64(order.Uint16(head[56:]))
	}
	minimum := uint64(32)
	if wide {
		minimum = 56
	}
	for i := range count {
		start := offset + i*size
		if size < minimum || start < offset || start > uint64(len(head)) || start+size > uint64(len(head)) {
			return "", nil
		}
		header := head[start : start+size]
		if order.Uint32(header) != 3 { // PT_INTERP
			continue
		}
		at, length := uint64(order.Uint32(header[4:])), uint64(order.Uint32(header[16:]))
		if wide {
			at, length = order.Uint64(header[8:]), order.Uint64(header[32:])
		}
		if at > uint64(len(head)) || length == 0 || length > uint64(len(head))-at {
			return "", nil
		}
		return strings.TrimRight(string(head[at:at+length]), "\x00"), nil
	}
	return "", nil
}

// machineRuns reports whether this host's processor runs a program for an
// e_machine of ELF: its own kind, and the 32-bit kind beside it.
func machineRuns(machine uint16, wide, bigEndian bool) bool {
	const x86, x8664, arm, arm64, s390, ppc64, riscv, loong = 3, 62, 40, 183, 22, 21, 243, 258
	switch runtime.GOARCH {
	case "amd64":
		return machine == x8664 || machine == x86
	case "386":
		return machine == x86
	case "arm64":
		return machine == arm64 || machine == arm
	case "arm":
		return machine == arm
	case "s390x":
		return machine == s390
	case "ppc64le":
		return machine == ppc64 && !bigEndian
	case "riscv64":
		return machine == riscv && wide
	case "loong64":
		return machine == loong
	}
	return true
}

// foreignFormats reports whether the kernel was told to run other formats
// (binfmt_misc): then what we do not know may run all the same.
func foreignFormats() bool {
	entries, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() != "register" && e.Name() != "status" {
			return true
		}
	}
	return false
}
