// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// work is the worker: it unpacks its standard input, and says on its standard
// output what it found. It is confined already.
func work(args []string) error {
	var said answer
	result, err := unpackAll(args)
	var errno syscall.Errno
	switch {
	case err == nil:
		said.Result = result
	case errors.Is(err, ErrCompression), errors.Is(err, ErrOpenat2):
		said.Elsewhere, said.Fault = true, err.Error()
	case errors.As(err, &errno):
		said.Errno, said.Fault = errno, err.Error()
	default:
		said.Fault = err.Error()
	}
	// Names can be long, and who feeds us may not read yet.
	said.Fault = said.Fault[:min(len(said.Fault), maxFault)]
	out := bufio.NewWriter(os.Stdout)
	return errors.Join(json.NewEncoder(out).Encode(said), out.Flush())
}

func unpackAll(args []string) (Result, error) {
	var opts Options
	if len(args) != 1 {
		return Result{}, fmt.Errorf("internal error: %d arguments", len(args))
	}
	if err := json.Unmarshal([]byte(args[0]), &opts); err != nil {
		return Result{}, fmt.Errorf("internal error: options: %w", err)
	}
	unix.CloseOnExec(rootFD)
	return unpackInto(rootFD, os.Stdin, os.NewFile(recordFD, "record"), opts)
}

// unpackInto unpacks a layer beneath an open directory.
func unpackInto(root int, in io.Reader, record io.Writer, opts Options) (_ Result, err error) {
	// The reader of archives does not bear all lengths of PAX records.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("damaged archive: %v", r)
		}
	}()
	layer, out := newStream(in, opts.MaxSize), bufio.NewWriterSize(record, 256<<10)
	defer layer.close()
	t := &tree{root: root, opts: opts}
	defer t.forget()
	r := newRecorder(layer, out, t, opts.MaxSize)
	if err := r.all(layer); err != nil {
		return Result{}, err
	}
	if err := out.Flush(); err != nil {
		return Result{}, fmt.Errorf("write the record of the layer: %w", err)
	}
	return Result{
		DiffID: layer.digest.Digest(), Size: layer.size,
		UIDs: sorted(r.uids), GIDs: sorted(r.gids), RootMode: t.rootMode,
	}, nil
}
