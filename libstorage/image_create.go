// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// NewImage says what CreateImage makes.
type NewImage struct {
	// Base is the ID of the image below the layer; empty for none.
	Base string
	// Squash takes of Base the configuration alone: the layer has all files.
	Squash bool
	// Layer is a tar archive, not compressed.
	Layer io.Reader
	// Config changes the configuration, which is that of Base or empty. What of
	// Base's it does not know stays.
	Config func(config *v1.Image, more map[string]json.RawMessage) error
	// History is the step that made the layer.
	History v1.History
	// Docker asks for a manifest of Docker's form instead of OCI's.
	Docker bool
	// Name is given to the image; empty gives none.
	Name string
}

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

// CreateImage puts an image of one more layer into the store, and gives its ID.
// When it fails, there is neither image nor layer. Layers are unpacked by a
// second process of this program: see package libimage/unpack.
func (s *Store) CreateImage(ctx context.Context, n NewImage) (id string, err error) {
	defer caught(n.Name, &err)
	if err := s.writable(); err != nil {
		return "", err
	}
	if n.Name != "" {
		if _, err := FullName(n.Name); err != nil {
			return "", err
		}
	}
	b := &imageBuilder{store: s, new: n}
	if err := b.base(ctx); err != nil {
		return "", err
	}
	layer, fresh, err := b.put()
	if err != nil {
		return "", errclass.New(classOf(err), n.Name, fmt.Errorf("store layer: %w", err))
	}
	id, err = b.create(layer)
	if err == nil && n.Name != "" {
		if err = s.Tag(ctx, id, n.Name); err != nil && b.made {
			_, derr := s.lib.DeleteImage(id, true)
			return "", errors.Join(err, derr)
		}
	}
	if fresh && (err != nil || !b.made) {
		err = errors.Join(err, ignoreUnknown(s.lib.DeleteLayer(layer.ID)))
	}
	return id, err
}

// put stores the layer under the ID that a pull of it would give it; fresh says
// that it was not there before. The ID comes of the digest, so the layer lies in
// a file without a name first, which no crash leaves.
func (b *imageBuilder) put() (_ *storage.Layer, fresh bool, err error) {
	dir := b.store.tug("tmp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	digester := digest.Canonical.Digester()
	if _, err := io.Copy(io.MultiWriter(f, digester.Hash()), b.new.Layer); err != nil {
		return nil, false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, false, err
	}
	id := digester.Digest().Encoded()
	if b.top != "" {
		id = digest.FromString(b.top + "+" + id).Encoded()
	}
	layer, _, err := b.store.lib.PutLayer(id, b.top, nil, "", false, nil, f)
	if errors.Is(err, storage.ErrDuplicateID) {
		layer, err = b.store.lib.Layer(id)
		return layer, false, err
	}
	return layer, err == nil, err
}

func ignoreUnknown(err error) error {
	if errors.Is(err, storage.ErrLayerUnknown) {
		return nil
	}
	return err
}

type imageBuilder struct {
	store  *Store
	new    NewImage
	top    string
	config v1.Image
	raw    map[string]json.RawMessage
	layers []v1.Descriptor
	made   bool
}

// base reads the image below.
func (b *imageBuilder) base(ctx context.Context) error {
	b.raw = map[string]json.RawMessage{}
	b.config.RootFS.Type = "layers"
	if b.new.Base == "" {
		return nil
	}
	img, err := b.store.record(ctx, b.new.Base)
	if err != nil {
		return err
	}
	raw, err := b.store.rawConfig(img)
	if err == nil {
		err = errors.Join(json.Unmarshal(raw, &b.config), json.Unmarshal(raw, &b.raw))
	}
	if err != nil {
		return damaged(img.ID, "config", err)
	}
	if b.config.RootFS.DiffIDs = nil; b.new.Squash {
		b.config.History = nil
		return nil
	}
	snap, err := b.store.snapshot()
	if err != nil {
		return err
	}
	chain, err := snap.chain(img)
	if err != nil {
		return err
	}
	for i := len(chain) - 1; i >= 0; i-- {
		layer := chain[i]
		if layer.UncompressedDigest == "" {
			return errclass.New(errclass.Unsupported, img.ID, fmt.Errorf("layer %s: its digest is not known: pull the image again", shortID(layer.ID)))
		}
		b.add(layer.UncompressedDigest, layer.UncompressedSize)
	}
	b.top = img.TopLayer
	return nil
}

func (b *imageBuilder) add(diffID digest.Digest, size int64) {
	kind := v1.MediaTypeImageLayer
	if b.new.Docker {
		kind = dockerLayer
	}
	b.layers = append(b.layers, v1.Descriptor{MediaType: kind, Digest: diffID, Size: size})
	b.config.RootFS.DiffIDs = append(b.config.RootFS.DiffIDs, diffID)
}

// create writes config, manifest and record over a stored layer.
func (b *imageBuilder) create(layer *storage.Layer) (string, error) {
	b.add(layer.UncompressedDigest, layer.UncompressedSize)
	now := time.Now().UTC()
	b.config.Created = &now
	if b.new.History.Created == nil {
		b.new.History.Created = &now
	}
	b.config.History = append(b.config.History, b.new.History)
	more := map[string]json.RawMessage{}
	if inner, ok := b.raw["config"]; ok {
		if err := json.Unmarshal(inner, &more); err != nil {
			return "", damaged(b.new.Base, "config", err)
		}
	}
	if b.new.Config != nil {
		if err := b.new.Config(&b.config, more); err != nil {
			return "", err
		}
	}
	config, err := b.encode(more)
	if err != nil {
		return "", err
	}
	configDigest := digest.FromBytes(config)
	m := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Layers: b.layers,
		Config: v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: configDigest, Size: int64(len(config))},
	}
	if b.new.Docker {
		m.MediaType, m.Config.MediaType = dockerManifest, dockerConfig
	}
	manifest, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	manifestDigest := digest.FromBytes(manifest)
	img, err := b.store.lib.CreateImage(configDigest.Encoded(), nil, layer.ID, "", &storage.ImageOptions{
		CreationDate: now, Digest: manifestDigest,
		BigData: []storage.ImageBigDataOption{
			{Key: configDigest.String(), Data: config, Digest: configDigest},
			{Key: manifestItem, Data: manifest, Digest: manifestDigest},
			{Key: manifestItem + "-" + manifestDigest.String(), Data: manifest, Digest: manifestDigest},
		},
	})
	if err != nil {
		return "", errclass.New(classOf(err), b.new.Name, fmt.Errorf("store image: %w", err))
	}
	b.made = true
	return img.ID, b.store.settle()
}

// encode writes the config over what the base's had: its fields that OCI does
// not know, such as a health check, stay.
func (b *imageBuilder) encode(more map[string]json.RawMessage) ([]byte, error) {
	known, err := json.Marshal(b.config)
	if err != nil {
		return nil, err
	}
	inner, err := json.Marshal(b.config.Config)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal", "Labels", "Volumes", "ExposedPorts", "Env"} {
		delete(more, key)
	}
	if err := errors.Join(json.Unmarshal(inner, &more), json.Unmarshal(known, &b.raw)); err != nil {
		return nil, err
	}
	if b.raw["config"], err = json.Marshal(more); err != nil {
		return nil, err
	}
	return json.Marshal(b.raw)
}
