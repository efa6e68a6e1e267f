// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/storage"
)

const (
	// manifestItem is the key under which the store keeps a manifest.
	manifestItem = "manifest"
	// maxItem bounds a manifest and a config. Nothing larger is pulled.
	maxItem = 4 << 20
)

// Manifest gives an image's manifest as it was stored.
func (s *Store) Manifest(ctx context.Context, id string) ([]byte, error) {
	img, err := s.record(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.item(img, manifestItem)
}

// RawConfig gives an image's config as it was stored, verified against its
// digest: a file that a power cut emptied is ErrDamaged.
func (s *Store) RawConfig(ctx context.Context, id string) ([]byte, error) {
	img, err := s.record(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.rawConfig(img)
}

// Config gives an image's config. What docker adds to the OCI one (health
// checks, ONBUILD) is in RawConfig.
func (s *Store) Config(ctx context.Context, id string) (*v1.Image, error) {
	config, _, err := s.BothConfigs(ctx, id)
	return config, err
}

// BothConfigs gives what Config and RawConfig give, and reads it once.
func (s *Store) BothConfigs(ctx context.Context, id string) (*v1.Image, []byte, error) {
	raw, err := s.RawConfig(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	config, err := decodeConfig(id, raw)
	return config, raw, err
}

func decodeConfig(object string, raw []byte) (*v1.Image, error) {
	var cfg v1.Image
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, damaged(object, "decode the image's config", err)
	}
	return &cfg, nil
}

// rawConfig finds the config by its usual key, the image's ID, and where an
// image has another ID, by the digest in its manifest.
func (s *Store) rawConfig(img *storage.Image) ([]byte, error) {
	key := digest.NewDigestFromEncoded(digest.SHA256, img.ID)
	if !hasItem(img, key.String()) {
		var err error
		if key, err = s.configDigest(img); err != nil {
			return nil, err
		}
	}
	raw, err := s.item(img, key.String())
	if err != nil {
		return nil, err
	}
	if err := key.Validate(); err != nil {
		return nil, damaged(img.ID, "digest of the config", err)
	}
	if got := key.Algorithm().FromBytes(raw); got != key {
		return nil, damaged(img.ID, "verify the image's config", fmt.Errorf("digest is %s, not %s", got, key))
	}
	return raw, nil
}

func (s *Store) configDigest(img *storage.Image) (digest.Digest, error) {
	raw, err := s.item(img, manifestItem)
	if err != nil {
		return "", err
	}
	var manifest struct {
		SchemaVersion int             `json:"schemaVersion"`
		Config        v1.Descriptor   `json:"config"`
		Manifests     json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return "", damaged(img.ID, "decode the image's manifest", err)
	}
	switch {
	case manifest.Config.Digest != "":
		return manifest.Config.Digest, nil
	case manifest.Manifests != nil:
		return "", unsupported(img.ID, errors.New("is an index of images, not an image"))
	case manifest.SchemaVersion == 1:
		return "", unsupported(img.ID, errors.New("is an image of docker schema 1, which has no config"))
	default:
		return "", damaged(img.ID, "read the image's manifest", errors.New("it names no config"))
	}
}

// item reads one of the files that the store keeps with an image.
func (s *Store) item(img *storage.Image, key string) (_ []byte, err error) {
	defer caught(img.ID, &err)
	if size, ok := img.BigDataSizes[key]; ok && size > maxItem {
		return nil, damaged(img.ID, "read "+key, fmt.Errorf("%d bytes are more than the limit of %d", size, maxItem))
	}
	data, err := s.lib.ImageBigData(img.ID, key)
	if err != nil {
		return nil, damaged(img.ID, "read "+key, err)
	}
	if size, ok := img.BigDataSizes[key]; ok && size != int64(len(data)) {
		return nil, damaged(img.ID, "read "+key, fmt.Errorf("it has %d bytes, not %d", len(data), size))
	}
	return data, nil
}

// record finds an image by its full ID or by a full name.
func (s *Store) record(ctx context.Context, id string) (_ *storage.Image, err error) {
	defer caught(id, &err)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	img, err := s.lib.Image(id)
	if errors.Is(err, storage.ErrImageUnknown) {
		return nil, unknownImage(id)
	}
	if err != nil {
		return nil, errclass.New(classOf(err), id, fmt.Errorf("look up image %s: %w", id, err))
	}
	return img, nil
}

func hasItem(img *storage.Image, key string) bool {
	for _, name := range img.BigDataNames {
		if name == key {
			return true
		}
	}
	return false
}

func unsupported(object string, err error) error {
	return errclass.New(errclass.Unsupported, object, fmt.Errorf("%s: %w", object, err))
}
