// SPDX-License-Identifier: Apache-2.0

package images

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Epoch is the creation time of every image made here.
var Epoch = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// Docker's media types, for images of its format.
const (
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerConfig   = "application/vnd.docker.container.image.v1+json"
	DockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// Image is what an image is made of. The zero value is an image for this
// platform without layers.
type Image struct {
	// Config is the image's configuration; Created, the platform and RootFS
	// are filled in where they are empty.
	Config v1.Image
	// RawConfig, when set, is the config blob.
	RawConfig []byte
	// EditConfig, when set, changes the config as JSON before it is hashed.
	EditConfig func(map[string]any)
	Layers     []Layer
	// Docker makes an image of Docker's schema 2 in place of an OCI one.
	Docker bool
	// EditManifest, when set, changes the manifest before it is encoded.
	EditManifest func(*v1.Manifest)
	// RawManifest, when set, is the manifest.
	RawManifest []byte
	// ManifestType is the media type that the manifest is announced with.
	ManifestType string
}

// Built is an image, or an index of images, as bytes.
type Built struct {
	Manifest     []byte
	ManifestType string
	Platform     *v1.Platform
	Config       []byte
	// Blobs are all blobs but the manifest.
	Blobs map[digest.Digest]Blob
	// Children are the images of an index.
	Children []*Built
}

// Digest is that of the manifest.
func (b *Built) Digest() digest.Digest { return digest.FromBytes(b.Manifest) }

// ID is the image ID in a store: the hex digest of the config.
func (b *Built) ID() string { return digest.FromBytes(b.Config).Encoded() }

// Descriptor describes the manifest.
func (b *Built) Descriptor() v1.Descriptor {
	return v1.Descriptor{
		MediaType: b.ManifestType, Digest: b.Digest(), Size: int64(len(b.Manifest)), Platform: b.Platform,
	}
}

// Build makes the blobs and the manifest.
func (i *Image) Build() (*Built, error) {
	b := &Built{Blobs: map[digest.Digest]Blob{}, ManifestType: i.ManifestType}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	config, configType := i.Config, v1.MediaTypeImageConfig
	if i.Docker {
		manifest.MediaType, configType = DockerManifest, DockerConfig
	}
	config.RootFS = v1.RootFS{Type: "layers"}
	config.History = nil
	for n := range i.Layers {
		layer, err := i.Layers[n].build(i.Docker)
		if err != nil {
			return nil, fmt.Errorf("build layer %d: %w", n, err)
		}
		b.Blobs[layer.descriptor.Digest] = layer.blob
		manifest.Layers = append(manifest.Layers, layer.descriptor)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.diffID)
		config.History = append(config.History, v1.History{
			Created: &Epoch, CreatedBy: cmp.Or(i.Layers[n].Comment, fmt.Sprintf("layer %d", n)),
		})
	}
	if manifest.Layers == nil {
		manifest.Layers, config.RootFS.DiffIDs = []v1.Descriptor{}, []digest.Digest{}
	}
	if err := i.encodeConfig(b, config); err != nil {
		return nil, err
	}
	b.Blobs[digest.FromBytes(b.Config)] = Blob{Data: b.Config}
	manifest.Config = v1.Descriptor{
		MediaType: configType, Digest: digest.FromBytes(b.Config), Size: int64(len(b.Config)),
	}
	if i.EditManifest != nil {
		i.EditManifest(&manifest)
	}
	if b.ManifestType == "" {
		b.ManifestType = manifest.MediaType
	}
	b.Manifest = i.RawManifest
	if b.Manifest == nil {
		var err error
		if b.Manifest, err = json.Marshal(manifest); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (i *Image) encodeConfig(b *Built, config v1.Image) error {
	if config.Created == nil {
		config.Created = &Epoch
	}
	if config.Architecture == "" {
		config.Architecture = runtime.GOARCH
	}
	if config.OS == "" {
		config.OS = "linux"
	}
	b.Platform = &v1.Platform{Architecture: config.Architecture, OS: config.OS, Variant: config.Variant}
	b.Config = i.RawConfig
	if b.Config != nil {
		return nil
	}
	var err error
	if b.Config, err = json.Marshal(config); err != nil || i.EditConfig == nil {
		return err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(b.Config, &fields); err != nil {
		return err
	}
	i.EditConfig(fields)
	b.Config, err = json.Marshal(fields)
	return err
}

// Index joins images into one of several platforms.
func Index(images ...*Built) (*Built, error) {
	b := &Built{ManifestType: v1.MediaTypeImageIndex, Blobs: map[digest.Digest]Blob{}, Children: images}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, image := range images {
		index.Manifests = append(index.Manifests, image.Descriptor())
	}
	var err error
	b.Manifest, err = json.Marshal(index)
	return b, err
}
