// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/types"
)

// source is the border: an open image of a transport, of which nothing is
// handed on before it was looked at. It is also the reference to itself, so
// that the library opens each image once. Close it, also when it was handed to
// the library.
type source struct {
	types.ImageReference
	src    types.ImageSource
	object string
	limits limits
	// unpacks says that the layers will be unpacked here.
	unpacks bool
	sizes   map[digest.Digest]int64
	// configs are those that were read and verified already.
	configs map[digest.Digest][]byte
	// instances are the manifests of an index that were read and verified already.
	instances map[digest.Digest]fetched
	top       *summary
	raw       []byte
	wrong     error
}

type fetched struct {
	raw []byte
	sum *summary
}

// open opens ref behind the border.
func open(ctx context.Context, object string, ref types.ImageReference, sys *types.SystemContext, l limits) (*source, error) {
	s := &source{ImageReference: ref, object: object, limits: l, sizes: map[digest.Digest]int64{}, configs: map[digest.Digest][]byte{},
		instances: map[digest.Digest]fetched{}}
	err := l.bounded(ctx, func(ctx context.Context) (err error) {
		s.src, err = ref.NewImageSource(ctx, sys)
		return err
	})
	if err != nil {
		return nil, describe(object, err)
	}
	if s.raw, s.top, err = s.manifest(ctx, nil); err != nil {
		return nil, errors.Join(err, s.src.Close())
	}
	return s, nil
}

// NewImageSource gives the source itself.
func (s *source) NewImageSource(context.Context, *types.SystemContext) (types.ImageSource, error) {
	return handed{s}, nil
}

// fault keeps the first blob that was wrong.
func (s *source) fault(err error) {
	s.limits.lock.Lock()
	defer s.limits.lock.Unlock()
	if s.wrong == nil {
		s.wrong = err
	}
}

// blame puts a wrong blob in the place of what followed from it.
func (s *source) blame(err error) error {
	s.limits.lock.Lock()
	defer s.limits.lock.Unlock()
	if err == nil || s.wrong == nil || errors.Is(err, errclass.Verification) {
		return err
	}
	return s.wrong
}

// Close closes the source.
func (s *source) Close() error { return s.src.Close() }

// manifest reads a manifest and looks at it. A digest that asks for it is
// verified.
func (s *source) manifest(ctx context.Context, instance *digest.Digest) (raw []byte, sum *summary, err error) {
	var served string
	if instance != nil {
		if err := checkDigest(*instance); err != nil {
			return nil, nil, fail(errclass.Verification, s.object, "%s: %w: %w", s.object, ErrManifest, err)
		}
		s.limits.lock.Lock()
		known, ok := s.instances[*instance]
		s.limits.lock.Unlock()
		if ok {
			return known.raw, known.sum, nil
		}
	}
	err = s.limits.bounded(ctx, func(ctx context.Context) (err error) {
		raw, served, err = s.src.GetManifest(ctx, instance)
		return err
	})
	if err != nil {
		return nil, nil, describe(s.object, err)
	}
	if sum, err = checkManifest(s.object, raw, served); err != nil {
		return nil, nil, err
	}
	if instance != nil && digestOf(*instance, raw) != *instance {
		return nil, nil, fail(errclass.Verification, s.object, "%s: manifest %s: wrong digest: it is %s",
			s.object, *instance, digestOf(*instance, raw))
	}
	if named := s.DockerReference(); instance == nil && named != nil {
		if want, ok := named.(interface{ Digest() digest.Digest }); ok && digestOf(want.Digest(), raw) != want.Digest() {
			return nil, nil, fail(errclass.Verification, s.object, "%s: manifest: wrong digest: it is %s",
				s.object, digestOf(want.Digest(), raw))
		}
	}
	if !sum.list {
		s.limits.lock.Lock()
		for d, size := range sum.blobs {
			s.sizes[d] = size
		}
		s.limits.lock.Unlock()
	}
	if instance != nil {
		s.limits.lock.Lock()
		s.instances[*instance] = fetched{raw, sum}
		s.limits.lock.Unlock()
	}
	return raw, sum, nil
}

// handed is what the library sees of a source: Close is the owner's.
type handed struct{ s *source }

func (h handed) Reference() types.ImageReference { return h.s.ImageReference }
func (h handed) Close() error                    { return nil }
func (h handed) HasThreadSafeGetBlob() bool      { return h.s.src.HasThreadSafeGetBlob() }

func (h handed) GetManifest(ctx context.Context, instance *digest.Digest) ([]byte, string, error) {
	if instance == nil {
		return h.s.raw, h.s.top.mediaType, nil
	}
	raw, sum, err := h.s.manifest(ctx, instance)
	if err != nil {
		return nil, "", err
	}
	return raw, sum.mediaType, nil
}

func (h handed) GetSignatures(ctx context.Context, instance *digest.Digest) (sigs [][]byte, err error) {
	err = h.s.limits.bounded(ctx, func(ctx context.Context) (err error) {
		sigs, err = h.s.src.GetSignatures(ctx, instance)
		return err
	})
	return sigs, err
}

func (h handed) LayerInfosForCopy(ctx context.Context, instance *digest.Digest) ([]types.BlobInfo, error) {
	return h.s.src.LayerInfosForCopy(ctx, instance)
}

// GetBlob gives a stream that ends with an error as soon as it is longer than
// declared, or when it ends early or with another digest.
func (h handed) GetBlob(ctx context.Context, info types.BlobInfo, cache types.BlobInfoCache) (io.ReadCloser, int64, error) {
	s := h.s
	if err := checkDigest(info.Digest); err != nil {
		return nil, 0, fail(errclass.Verification, s.object, "%s: %w", s.object, err)
	}
	if len(info.URLs) > 0 {
		info.URLs = nil // a layer elsewhere is fetched from the registry or not at all
	}
	declared := info.Size
	s.limits.lock.Lock()
	if size, ok := s.sizes[info.Digest]; ok {
		declared = size
	}
	config, known := s.configs[info.Digest]
	s.limits.lock.Unlock()
	if known {
		return io.NopCloser(bytes.NewReader(config)), int64(len(config)), nil
	}
	watch, ctx := s.limits.watch(ctx)
	stream, size, err := s.src.GetBlob(ctx, info, cache)
	if err = watch.cause(err); err != nil {
		watch.stop()
		return nil, 0, describe(s.object, fmt.Errorf("blob %s: %w", info.Digest, err))
	}
	if size >= 0 && declared >= 0 && size != declared {
		err := fail(errclass.Verification, s.object, "%s: blob %s: wrong length: %d bytes instead of %d",
			s.object, info.Digest, size, declared)
		watch.stop()
		return nil, 0, errors.Join(err, stream.Close())
	}
	if size < 0 {
		size = declared
	}
	if s.unpacks {
		stream = &ahead{ReadCloser: stream, object: s.object, alive: watch.start}
	}
	return &blob{object: s.object, want: info.Digest, size: size, in: stream, watch: watch,
		digester: info.Digest.Algorithm().Digester(), fault: s.fault}, size, nil
}
