// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"sync"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/libimage/unpack"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/chunked/toc"
)

// engine brings the layers of an image into a store: each is one stream, from
// the source by way of a confined process into its files, several at once,
// and no lock of the store is held but to put a finished one in its place. The
// library then finds all layers there, and stores the image as ever.
//
// What it cannot do it leaves to the library, which can do all of it: so the
// zero thing to do, or a layer of an unusual kind, is no error here.
type engine struct {
	store    *libstorage.Store
	lib      storage.Store
	src      *source
	events   *reporter
	parallel int
	layers   []*layer
	opening  sync.Mutex // where the source cannot open two blobs at once
}

// layer is one layer on its way.
type layer struct {
	blob   digest.Digest
	size   int64
	diffID digest.Digest // by the config's word, until it is unpacked
	id     string
	parent string // "" for the first
	twin   *layer // an earlier one with the same blob
	there  bool   // the store has it

	claim     *os.File // held until it is committed
	staged    *graphdriver.DriverWithDifferOutput
	err       error
	done      chan struct{} // staged or err is there
	committed chan struct{}
}

// ready brings the layers of an image into a store, as far as that is for the engine.
// instances are the images of an index that are going to be stored; one, or none
// for a source that is an image.
func ready(ctx context.Context, store *libstorage.Store, src *source, pc *signature.PolicyContext, instances []digest.Digest,
	events *reporter, parallel uint) error {
	var instance *digest.Digest
	if len(instances) > 0 {
		instance = &instances[0]
	}
	_, err := newEngine(store, src, events, parallel).run(ctx, pc, instance)
	return err
}

func newEngine(store *libstorage.Store, src *source, events *reporter, parallel uint) *engine {
	// A layer keeps a core busy, or waits for the network.
	most := min(runtime.GOMAXPROCS(0)+1, 6)
	if parallel > 0 {
		most = int(min(parallel, 64))
	}
	return &engine{store: store, lib: store.Library(), src: src, events: events, parallel: most}
}

// run brings the layers of the image with this digest within the source, or of
// the only one. All of them are there when it returns true.
func (e *engine) run(ctx context.Context, pc *signature.PolicyContext, instance *digest.Digest) (bool, error) {
	if e.store.Driver() != "overlay" || len(e.lib.UIDMap()) > 0 || len(e.lib.GIDMap()) > 0 {
		return false, nil
	}
	// The library asks the policy once more, and says what is wrong.
	if allowed, err := pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(handed{e.src}, instance)); !allowed || err != nil {
		return false, nil
	}
	plain, err := e.plan(ctx, instance)
	if !plain || err != nil {
		return false, err
	}
	err = e.stageAll(ctx)
	if errors.Is(err, unpack.ErrElsewhere) {
		return false, nil
	}
	return err == nil, e.src.blame(err)
}

// plan lists the layers; false when one of them is not for us.
func (e *engine) plan(ctx context.Context, instance *digest.Digest) (bool, error) {
	raw, sum, err := e.src.raw, e.src.top, error(nil)
	if instance != nil {
		if raw, sum, err = e.src.manifest(ctx, instance); err != nil {
			return false, err
		}
	}
	var config imgspec.Image
	rawConfig, err := e.src.config(ctx, sum)
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(rawConfig, &config); err != nil {
		return false, nil
	}
	kind := sum.mediaType
	if kind == "" {
		kind = manifest.GuessMIMEType(raw)
	}
	parsed, err := manifest.FromBlob(raw, kind)
	if err != nil {
		return false, nil
	}
	infos := parsed.LayerInfos()
	if len(infos) != len(config.RootFS.DiffIDs) {
		return false, nil
	}
	parent, twins := "", map[digest.Digest]*layer{}
	for i, info := range infos {
		l := &layer{
			blob: info.Digest, size: info.Size, diffID: config.RootFS.DiffIDs[i], parent: parent,
			done: make(chan struct{}), committed: make(chan struct{}),
		}
		plain, err := e.plain(info, l)
		if !plain || err != nil {
			return false, err
		}
		l.id = chainID(parent, l.diffID)
		l.twin = twins[l.blob]
		if l.twin == nil {
			twins[l.blob] = l
		}
		_, err = e.lib.Layer(l.id)
		if l.there = err == nil; err != nil && !errors.Is(err, storage.ErrLayerUnknown) {
			return false, err
		}
		e.layers, parent = append(e.layers, l), l.id
	}
	return true, nil
}

// plain tells a layer that the engine unpacks.
func (e *engine) plain(info manifest.LayerInfo, l *layer) (bool, error) {
	for _, d := range []digest.Digest{l.blob, l.diffID} {
		if d.Validate() != nil || d.Algorithm() != digest.Canonical {
			return false, nil
		}
	}
	switch info.MediaType {
	case manifest.DockerV2Schema2LayerMediaType, manifest.DockerV2SchemaLayerMediaTypeUncompressed, manifest.DockerV2SchemaLayerMediaTypeZstd,
		imgspec.MediaTypeImageLayer, imgspec.MediaTypeImageLayerGzip, imgspec.MediaTypeImageLayerZstd:
	default:
		return false, nil
	}
	if info.EmptyLayer {
		return false, nil
	}
	// A layer that was unpacked by its table of contents is found by that.
	contents, err := toc.GetTOCDigest(info.Annotations)
	if err != nil || contents == nil {
		return err == nil, nil
	}
	known, err := e.lib.LayersByTOCDigest(*contents)
	if err != nil && !errors.Is(err, storage.ErrLayerUnknown) {
		return false, err
	}
	return len(known) == 0, nil
}

// chainID is the name of a layer in the store, as the library makes it of
// those below and of its content.
func chainID(parent string, diffID digest.Digest) string {
	if parent == "" {
		return diffID.Encoded()
	}
	return digest.Canonical.FromString(parent + "+" + diffID.Encoded()).Encoded()
}

// stageAll stages the layers that lack, and commits each when those below are
// there. On an error the ones that were committed stay, for the next attempt.
func (e *engine) stageAll(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer func() {
		cancel(err)
		running.Wait()
		err = errors.Join(err, e.cleanUp())
	}()
	running.Go(func() { e.startAll(ctx, &running) })
	for _, l := range e.layers {
		if !l.there {
			<-l.done
			if l.err != nil {
				return l.err
			}
			if l.staged != nil { // else another process was quicker
				if err := e.commit(l); err != nil {
					return err
				}
			}
			if err := e.release(l); err != nil {
				return err
			}
		}
		close(l.committed)
	}
	return nil
}

// startAll starts the stages, in order.
func (e *engine) startAll(ctx context.Context, running *sync.WaitGroup) {
	free := make(chan struct{}, e.parallel)
	for _, l := range e.layers {
		if l.there {
			continue
		}
		free <- struct{}{}
		running.Go(func() {
			l.err = e.stage(ctx, l)
			close(l.done)
			<-free
		})
	}
}

// cleanUp removes the stages that were not committed.
func (e *engine) cleanUp() error {
	var errs []error
	for _, l := range e.layers {
		errs = append(errs, e.remove(l), e.release(l))
	}
	return errors.Join(errs...)
}
