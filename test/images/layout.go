// SPDX-License-Identifier: Apache-2.0

package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// WriteLayout adds the image to the OCI layout at dir, made where there is
// none, under tag.
func (b *Built) WriteLayout(dir, tag string) error {
	blobs := filepath.Join(dir, v1.ImageBlobsDir, "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	if err := b.writeBlobs(blobs); err != nil {
		return err
	}
	marker, _ := json.Marshal(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	if err := os.WriteFile(filepath.Join(dir, v1.ImageLayoutFile), marker, 0o644); err != nil {
		return err
	}
	index, err := readIndex(dir)
	if errors.Is(err, fs.ErrNotExist) {
		index = v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	} else if err != nil {
		return err
	}
	kept := []v1.Descriptor{}
	for _, d := range index.Manifests {
		if d.Annotations[v1.AnnotationRefName] != tag {
			kept = append(kept, d)
		}
	}
	descriptor := b.Descriptor()
	descriptor.Annotations = map[string]string{v1.AnnotationRefName: tag}
	index.Manifests = append(kept, descriptor)
	raw, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, v1.ImageIndexFile), raw, 0o644)
}

func (b *Built) writeBlobs(dir string) error {
	for _, child := range b.Children {
		if err := child.writeBlobs(dir); err != nil {
			return err
		}
	}
	for sum, blob := range b.Blobs {
		if err := writeBlob(filepath.Join(dir, sum.Encoded()), blob); err != nil {
			return fmt.Errorf("write blob %s: %w", sum, err)
		}
	}
	return os.WriteFile(filepath.Join(dir, b.Digest().Encoded()), b.Manifest, 0o644)
}

func writeBlob(path string, blob Blob) error {
	if blob.Path == path {
		return nil
	}
	r, _, err := blob.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

func readIndex(dir string) (v1.Index, error) {
	var index v1.Index
	raw, err := os.ReadFile(filepath.Join(dir, v1.ImageIndexFile))
	if err != nil {
		return index, err
	}
	return index, json.Unmarshal(raw, &index)
}

// ReadLayout reads the image with a tag from an OCI layout; its blobs stay on
// disk.
func ReadLayout(dir, tag string) (*Built, error) {
	index, err := readIndex(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range index.Manifests {
		if d.Annotations[v1.AnnotationRefName] == tag {
			return readManifest(dir, d)
		}
	}
	return nil, fmt.Errorf("layout %s: no image %q: %w", dir, tag, fs.ErrNotExist)
}

func readManifest(dir string, d v1.Descriptor) (*Built, error) {
	path := func(sum digest.Digest) string {
		return filepath.Join(dir, v1.ImageBlobsDir, "sha256", sum.Encoded())
	}
	b := &Built{ManifestType: d.MediaType, Platform: d.Platform, Blobs: map[digest.Digest]Blob{}}
	var err error
	if b.Manifest, err = os.ReadFile(path(d.Digest)); err != nil {
		return nil, err
	}
	var content struct {
		Config    v1.Descriptor
		Layers    []v1.Descriptor
		Manifests []v1.Descriptor
	}
	if err := json.Unmarshal(b.Manifest, &content); err != nil {
		return nil, err
	}
	for _, child := range content.Manifests {
		c, err := readManifest(dir, child)
		if err != nil {
			return nil, err
		}
		b.Children = append(b.Children, c)
	}
	for _, layer := range content.Layers {
		b.Blobs[layer.Digest] = Blob{Path: path(layer.Digest)}
	}
	if content.Config.Digest != "" {
		b.Blobs[content.Config.Digest] = Blob{Path: path(content.Config.Digest)}
		b.Config, err = os.ReadFile(path(content.Config.Digest))
	}
	return b, err
}

// firstLayer gives the lowest layer, to put it into another image.
func (b *Built) firstLayer() (Layer, error) {
	var (
		manifest v1.Manifest
		config   v1.Image
	)
	if err := errors.Join(json.Unmarshal(b.Manifest, &manifest), json.Unmarshal(b.Config, &config)); err != nil {
		return Layer{}, err
	}
	if len(manifest.Layers) == 0 || len(config.RootFS.DiffIDs) == 0 {
		return Layer{}, fmt.Errorf("image %s: no layer", b.Digest())
	}
	blob := b.Blobs[manifest.Layers[0].Digest]
	return Layer{File: blob.Path, DiffID: config.RootFS.DiffIDs[0]}, nil
}
