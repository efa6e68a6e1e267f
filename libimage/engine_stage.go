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
	d := &differ{
		ctx: ctx, most: max(bombSize, bombRatio*l.size),
		open: func(scratch string) (io.ReadCloser, error) { return e.open(ctx, l, scratch) },
	}
	l.staged, err = e.lib.PrepareStagedLayer(nil, d)
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
// layers and whole, else from the source. scratch is a directory for a file that has
// no name.
func (e *engine) open(ctx context.Context, l *layer, scratch string) (io.ReadCloser, error) {
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
		// One that is gone meanwhile, or damaged, is fetched.
		if in, kerr := e.known(known[0].ID, scratch); kerr == nil {
			e.events.begin(Event{Kind: EventSkipped, Digest: l.blob, Size: l.size})
			return in, nil
		}
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

// known gives a layer that the store has as the archive that it was. The library
// holds a lock of the store as long as that is read, so it is read to its end first.
func (e *engine) known(id, scratch string) (io.ReadCloser, error) {
	uncompressed := archive.Uncompressed
	diff, err := e.lib.Diff("", id, &storage.DiffOptions{Compression: &uncompressed})
	if err != nil {
		return nil, err
	}
	f, err := newRecord(scratch, "known")
	if err != nil {
		return nil, errors.Join(err, diff.Close())
	}
	_, err = io.Copy(f, diff)
	if err = errors.Join(err, diff.Close()); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
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
	open func(scratch string) (io.ReadCloser, error)
	most int64
}

// Close does nothing: there is nothing to close when ApplyDiff has returned.
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
	record, err := newRecord(how.StagingDirectory, "record")
	if err != nil {
		return out, err
	}
	in, err := d.open(how.StagingDirectory)
	if err != nil {
		return out, errors.Join(err, record.Close())
	}
	result, err := unpack.Layer(d.ctx, in, root, record, unpack.Options{
		Opaque: archive.GetOverlayXattrName("opaque"), InUserNS: options.InUserNS, IgnoreChown: options.IgnoreChownErrors,
		MaxSize: d.most,
	})
	if err = errors.Join(err, in.Close()); err != nil {
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
func newRecord(dir, name string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil || (!errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR)) {
		return f, err
	}
	return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}
