// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"errors"
	"hash/crc64"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/vbatts/tar-split/archive/tar"
	"github.com/vbatts/tar-split/tar/storage"
)

// paddingChunk is how much of what follows the archive is recorded at a time.
const paddingChunk = 1 << 20

// recorder reads an archive once, and does with each of its bytes what is to be
// done: headers and padding go to the record that gives the same archive again
// (tar-split), contents into the files.
type recorder struct {
	in   *tar.Reader
	out  storage.Packer
	tree *tree
	buf  []byte
	most int64 // of all contents together, which holes are a part of
	uids map[uint32]bool
	gids map[uint32]bool
}

func newRecorder(in io.Reader, record io.Writer, t *tree, most int64) *recorder {
	if most <= 0 {
		most = math.MaxInt64
	}
	r := &recorder{
		most: most,
		in:   tar.NewReader(in), out: storage.NewJSONPacker(record), tree: t,
		buf: make([]byte, 256<<10), uids: map[uint32]bool{}, gids: map[uint32]bool{},
	}
	r.in.RawAccounting = true
	return r
}

// all unpacks everything, and reads in to its end.
func (r *recorder) all(in io.Reader) error {
	for {
		header, err := r.in.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := r.entry(header); err != nil {
			return err
		}
	}
	if err := r.segment(); err != nil {
		return err
	}
	if err := r.padding(in); err != nil {
		return err
	}
	return r.tree.finish()
}

func (r *recorder) entry(h *tar.Header) error {
	if err := r.segment(); err != nil {
		return err
	}
	if !strings.HasPrefix(path.Base(h.Name), whiteoutPrefix) {
		r.uids[uint32(h.Uid)], r.gids[uint32(h.Gid)] = true, true
	}
	// The name and the size are recorded as the archive has them.
	entry := storage.Entry{Type: storage.FileType, Size: h.Size}
	entry.SetName(h.Name)
	file, err := r.tree.begin(h)
	if err != nil {
		return err
	}
	if h.Size > 0 {
		entry.Payload, err = r.content(file)
	}
	if file != nil {
		err = errors.Join(err, r.tree.dressFile(file, h), file.Close())
	}
	if err != nil {
		return err
	}
	if _, err := r.out.AddEntry(entry); err != nil {
		return err
	}
	return r.segment()
}

// content writes an entry's content to its file, if it has one, and gives its
// checksum.
func (r *recorder) content(file *os.File) ([]byte, error) {
	sum := crc64.New(storage.CRCTable)
	for {
		n, err := r.in.Read(r.buf)
		_, _ = sum.Write(r.buf[:n])
		if r.most -= int64(n); r.most < 0 {
			return nil, ErrTooLarge
		}
		if n > 0 && file != nil {
			if _, err := file.Write(r.buf[:n]); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			return sum.Sum(nil), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// segment records what was read since, but for contents.
func (r *recorder) segment() error {
	raw := r.in.RawBytes()
	if len(raw) == 0 {
		return nil
	}
	_, err := r.out.AddEntry(storage.Entry{Type: storage.SegmentType, Payload: raw})
	return err
}

// padding records what follows the archive.
func (r *recorder) padding(in io.Reader) error {
	chunk := make([]byte, paddingChunk)
	for {
		n, err := in.Read(chunk)
		if n > 0 {
			if _, err := r.out.AddEntry(storage.Entry{Type: storage.SegmentType, Payload: chunk[:n]}); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func sorted(ids map[uint32]bool) []uint32 {
	all := make([]uint32, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}
