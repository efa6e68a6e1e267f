// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage/unpack"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// stage unpacks a layer into a directory beside the store's layers.
func (e *engine) stage(ctx context.Context, l *layer) error {
	there, err := e.take(ctx, l)
	if there || err != nil {
		return err
	}
	in, err := e.open(ctx, l)
	if err != nil {
		return err
	}
	d := &differ{ctx: ctx, in: in, most: max(bombSize, bombRatio*l.size)}
	l.staged, err = e.lib.PrepareStagedLayer(nil, d)
	err = errors.Join(err, in.Close())
	if err != nil {
		return e.blameLayer(l, err)
	}
	if got := l.staged.UncompressedDigest; got != l.diffID {
		return fail(errclass.Verification, e.src.object, "%s: layer %s: wrong content: its digest is %s, and by the config %s",
			e.src.object, l.blob, got, l.diffID)
	}
	l.staged.CompressedDigest = l.blob
	e.events.send(Event{Kind: EventDone, Digest: l.blob, Offset: l.size, Size: l.size})
	return nil
}

// blameLayer names the layer in what the unpacking said.
func (e *engine) blameLayer(l *layer, err error) error {
	fault := (*unpack.Fault)(nil)
	switch {
	case !errors.As(err, &fault):
		return err
	case errors.Is(err, unpack.ErrContent):
		return fail(errclass.Verification, e.src.object, "%s: layer %s: %w", e.src.object, l.blob, err)
	}
	return fmt.Errorf("%s: layer %s: %w", e.src.object, l.blob, err)
}

// open gives the layer's stream: from the store, where it is on top of other
// layers, else from the source.
func (e *engine) open(ctx context.Context, l *layer) (io.ReadCloser, error) {
	if l.twin != nil {
		select {
		case <-l.twin.committed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	known, err := e.lib.LayersByCompressedDigest(l.blob)
	if errors.Is(err, storage.ErrLayerUnknown) {
		known, err = e.lib.LayersByUncompressedDigest(l.blob)
	}
	if err == nil && len(known) > 0 {
		e.events.begin(Event{Kind: EventSkipped, Digest: l.blob, Size: l.size})
		uncompressed := archive.Uncompressed
		return e.lib.Diff("", known[0].ID, &storage.DiffOptions{Compression: &uncompressed})
	}
	if err != nil && !errors.Is(err, storage.ErrLayerUnknown) {
		return nil, err
	}
	e.events.begin(Event{Kind: EventBlob, Digest: l.blob, Size: l.size})
	if !e.src.src.HasThreadSafeGetBlob() {
		e.opening.Lock()
		defer e.opening.Unlock()
	}
	in, _, err := handed{e.src}.GetBlob(ctx, types.BlobInfo{Digest: l.blob, Size: l.size}, none.NoCache)
	if err != nil {
		return nil, err
	}
	return &told{ReadCloser: in, layer: l, events: e.events}, nil
}

// told is a stream that tells how far it is.
type told struct {
	io.ReadCloser
	layer  *layer
	events *reporter
	offset int64
	last   time.Time
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.offset += int64(n)
	if now := time.Now(); now.Sub(t.last) >= progressInterval {
		t.last = now
		t.events.send(Event{Kind: EventProgress, Digest: t.layer.blob, Offset: t.offset, Size: t.layer.size})
	}
	return n, err
}

// differ is how the store lets others unpack.
type differ struct {
	ctx  context.Context
	in   io.Reader
	most int64
}

// Close does nothing: the stream is its owner's.
func (d *differ) Close() error { return nil }

// ApplyDiff unpacks the stream into dest.
func (d *differ) ApplyDiff(dest string, options *archive.TarOptions, how *graphdriver.DifferOptions) (out graphdriver.DriverWithDifferOutput, err error) {
	if how.Format != graphdriver.DifferOutputFormatDir || options.ForceMask != nil ||
		options.WhiteoutFormat != archive.OverlayWhiteoutFormat || len(options.UIDMaps) > 0 || len(options.GIDMaps) > 0 {
		return out, unpack.ErrElsewhere
	}
	root, err := os.OpenFile(dest, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return out, err
	}
	defer root.Close()
	if err := root.Chmod(rootMode); err != nil {
		return out, err
	}
	record, err := newRecord(how.StagingDirectory)
	if err != nil {
		return out, err
	}
	result, err := unpack.Layer(d.ctx, d.in, root, record, unpack.Options{
		Opaque: archive.GetOverlayXattrName("opaque"), InUserNS: options.InUserNS, IgnoreChown: options.IgnoreChownErrors,
		MaxSize: d.most,
	})
	if err != nil {
		return out, errors.Join(err, record.Close())
	}
	out = graphdriver.DriverWithDifferOutput{
		Differ: d, Size: result.Size, UIDs: result.UIDs, GIDs: result.GIDs,
		UncompressedDigest: result.DiffID, TarSplit: record,
	}
	if result.RootMode != nil {
		mode := os.FileMode(*result.RootMode)
		out.RootDirMode = &mode
	}
	return out, nil
}

// rootMode is that of a layer's root, until the layer or those below say more.
const rootMode = 0o555

// newRecord makes a file without a name, where file systems can.
func newRecord(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil || (!errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR)) {
		return f, err
	}
	return os.OpenFile(filepath.Join(dir, "record"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
