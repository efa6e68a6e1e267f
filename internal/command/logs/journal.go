// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/logfile"
)

const (
	// journalEntry is the longest entry that is read: in JSON, a byte may take
	// four.
	journalEntry = 1 << 20
	// journalQuiet is how long nothing must come after the container's end: the
	// journal writes a little later than it is written to.
	journalQuiet = 300 * time.Millisecond
)

// journal shows what the journal has of the container, by journalctl: its files
// are systemd's own. matches say which entries are the container's.
func (s *source) journal(ctx context.Context, follow bool, o logfile.Options, matches ...string) error {
	program, err := exec.LookPath("journalctl")
	if err != nil {
		return errclass.New(errclass.Unsupported, "journalctl", errors.New("journalctl is not installed: it reads the journal"))
	}
	args := []string{"--quiet", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE,PRIORITY,CONTAINER_PARTIAL_MESSAGE"}
	lines := "all"
	if o.Tail != nil {
		lines = strconv.Itoa(*o.Tail)
	}
	args = append(args, "--lines="+lines)
	if !o.Since.IsZero() {
		args = append(args, fmt.Sprintf("--since=@%d", o.Since.Unix()))
	}
	if follow {
		args = append(args, "--follow")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(args, matches...)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	o.Tail = nil
	var last atomic.Int64 // when something came
	last.Store(time.Now().UnixNano())
	if follow {
		go s.watch(ctx, cancel, &last)
	}
	records := &journalReader{in: bufio.NewReaderSize(out, 64<<10), last: &last}
	err = logfile.Copy(context.WithoutCancel(ctx), records, o)
	if !records.ended {
		cancel() // we do not go on, so it must not
	}
	// Its end by itself is awaited: to cancel it then would make that a failure.
	werr := cmd.Wait()
	cancelled := ctx.Err() != nil
	if err == nil && werr != nil && !cancelled {
		err = fmt.Errorf("%s: %w: %s", program, werr, strings.TrimSpace(complaint.String()))
	}
	return err
}

// watch ends a journalctl that follows, when the container has ended.
func (s *source) watch(ctx context.Context, cancel context.CancelFunc, last *atomic.Int64) {
	defer cancel()
	for pause := 50 * time.Millisecond; ; {
		living := s.alive(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if !living && time.Since(time.Unix(0, last.Load())) > journalQuiet {
			return
		}
	}
}

// journalReader gives entries of the journal as records of a log file.
type journalReader struct {
	in   *bufio.Reader
	out  []byte // not read yet
	last *atomic.Int64
	// ended: there is no more.
	ended bool
}

func (j *journalReader) Read(p []byte) (int, error) {
	for len(j.out) == 0 {
		line, err := j.line()
		if err != nil {
			j.ended = errors.Is(err, io.EOF)
			return 0, err
		}
		j.last.Store(time.Now().UnixNano())
		j.out = record(line)
	}
	n := copy(p, j.out)
	j.out = j.out[n:]
	return n, nil
}

func (j *journalReader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := j.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > journalEntry:
			return nil, errors.New("an entry of the journal is too long")
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}

// record makes a record of an entry; nothing of what is none.
func record(entry []byte) []byte {
	var e struct {
		Message  json.RawMessage `json:"MESSAGE"`
		Priority string          `json:"PRIORITY"`
		Partial  string          `json:"CONTAINER_PARTIAL_MESSAGE"`
		At       string          `json:"__REALTIME_TIMESTAMP"`
	}
	if json.Unmarshal(entry, &e) != nil {
		return nil
	}
	at, err := strconv.ParseInt(e.At, 10, 64)
	if err != nil {
		return nil
	}
	stream, tag := " stdout ", "F "
	if e.Priority == "3" {
		stream = " stderr "
	}
	if e.Partial == "true" {
		tag = "P "
	}
	b := time.UnixMicro(at).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000000000Z")
	b = append(append(b, stream...), tag...)
	b = append(b, message(e.Message)...)
	return append(b, '\n')
}

// message is a text, or the numbers of its bytes.
func message(raw json.RawMessage) []byte {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text)
	}
	var numbers []uint8Number
	if json.Unmarshal(raw, &numbers) != nil {
		return nil
	}
	data := make([]byte, len(numbers))
	for i, n := range numbers {
		data[i] = byte(n)
	}
	return data
}

// uint8Number keeps encoding/json from taking a list of them for base64.
type uint8Number uint16
