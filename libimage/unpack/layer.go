// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/capture"
	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"
)

const (
	layerName = "tug-unpack-layer"
	recordFD  = 3
	// rootFD is 4, as for untarName.

	pipeSize  = 1 << 20
	chunkSize = 256 << 10
	// maxResult bounds what the worker says: most are the owners.
	maxResult = 64 << 20
	maxFault  = 4 << 10
	maxStderr = 4 << 10
)

// Options say what a layer is made for.
type Options struct {
	// Opaque is the extended attribute that marks a directory which hides that of
	// the layers below.
	Opaque string
	// InUserNS: devices and some attributes cannot be made, and are left out.
	InUserNS bool
	// MaxSize is what the layer may become, 0 for all that there is room for.
	MaxSize int64
	// IgnoreChown leaves an owner that cannot be given.
	IgnoreChown bool
}

// Result is what unpacking found out.
type Result struct {
	DiffID digest.Digest
	Size   int64 // of the archive, uncompressed
	UIDs   []uint32
	GIDs   []uint32
	// RootMode is that of the layer's own entry for its root, nil without one.
	RootMode *uint32
}

// answer is what the worker says at its end.
type answer struct {
	Result
	Fault string        `json:",omitempty"`
	Errno syscall.Errno `json:",omitempty"`
	// Elsewhere: it is no fault, only nothing for this worker.
	Elsewhere bool `json:",omitempty"`
}

// ErrElsewhere: the layer is to be unpacked by the storage library.
var ErrElsewhere = errors.New("not unpacked here")

// ErrContent: the layer is no archive that can be unpacked.
var ErrContent = errors.New("damaged layer")

// Layer unpacks a layer into the directory root, in a confined process, and writes
// the record from which the storage library makes the same archive again (tar-split)
// to record. Both stay open, and in is read by the caller's goroutine until
// its end, or until something is wrong. When Layer returns, the process is gone.
//
// An error of in is returned as it is. What else is wrong is ErrContent, ErrElsewhere,
// or an error of the system with its number.
func Layer(ctx context.Context, in io.Reader, root, record *os.File, opts Options) (Result, error) {
	w, err := start(root, record, opts)
	if err != nil {
		return Result{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.cmd.Process.Kill() })
	defer stop()
	whole, readErr := w.feed(in)
	said, err := w.end(readErr != nil)
	switch {
	case readErr != nil:
		return Result{}, readErr
	case ctx.Err() != nil:
		return Result{}, context.Cause(ctx)
	case err != nil:
		return Result{}, err
	case said.Elsewhere:
		return Result{}, fmt.Errorf("%w: %s", ErrElsewhere, said.Fault)
	case said.Errno != 0:
		return Result{}, &Fault{Text: said.Fault, Err: said.Errno}
	case said.Fault != "":
		return Result{}, &Fault{Text: said.Fault, Err: ErrContent}
	case !whole:
		return Result{}, errors.New("internal error: the unpacking process was done before the layer's end")
	}
	return said.Result, said.check()
}

// check does not believe everything: what the worker read was a stranger's.
func (r Result) check() error {
	if err := r.DiffID.Validate(); err != nil || r.DiffID.Algorithm() != digest.Canonical || r.Size < 0 {
		return fmt.Errorf("internal error: the unpacking process says digest %q, size %d", r.DiffID, r.Size)
	}
	return nil
}

// Fault is what was wrong, in the words of the worker.
type Fault struct {
	Text string
	Err  error // the number of the system's error, or ErrContent
}

func (f *Fault) Error() string { return f.Text }
func (f *Fault) Unwrap() error { return f.Err }

// worker is the process.
type worker struct {
	cmd    *exec.Cmd
	in     *os.File // what it reads
	out    *os.File // what it says
	stderr *capture.Output
}

func start(root, record *os.File, opts Options) (*worker, error) {
	encoded, err := json.Marshal(opts)
	if err != nil {
		return nil, err
	}
	stderr, err := capture.New(maxStderr)
	if err != nil {
		return nil, err
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), in.Close())
	}
	// Larger is only faster.
	_, _ = unix.FcntlInt(in.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	cmd := reexec.Command(layerName, string(encoded))
	cmd.Env = []string{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, stderr.File()
	cmd.ExtraFiles = []*os.File{record, root}
	w := &worker{cmd: cmd, in: in, out: out, stderr: stderr}
	// The signal comes when the thread ends that started it; feed and end
	// are called on the same one.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		runtime.UnlockOSThread()
		return nil, errors.Join(fmt.Errorf("start the unpacking process: %w", err), in.Close(), out.Close())
	}
	return w, nil
}

// feed gives the worker everything; whole is that it has taken it. Why it took no more,
// its answer tells.
func (w *worker) feed(in io.Reader) (whole bool, err error) {
	buf := make([]byte, chunkSize)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, err := w.in.Write(buf[:n]); err != nil {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// end waits for the worker, or ends it.
func (w *worker) end(now bool) (said answer, err error) {
	defer runtime.UnlockOSThread()
	if now {
		_ = w.cmd.Process.Kill() // it may have ended already
	}
	_ = w.in.Close() // it was written, and nothing is kept in it
	raw, readErr := io.ReadAll(io.LimitReader(w.out, maxResult))
	_ = w.out.Close()
	err = w.cmd.Wait()
	printed := strings.TrimSpace(string(w.stderr.Text()))
	if err == nil && readErr == nil {
		if err = json.Unmarshal(raw, &said); err == nil {
			return said, nil
		}
	}
	if line, _, _ := strings.Cut(printed, "\n"); line != "" {
		return said, fmt.Errorf("the unpacking process: %w: %s", errors.Join(err, readErr), line)
	}
	return said, fmt.Errorf("the unpacking process: %w", errors.Join(err, readErr))
}
