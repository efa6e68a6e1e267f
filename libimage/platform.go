// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/blobinfocache/none"
	"go.podman.io/image/v5/types"
)

// chooseInstance finds the entry of an index for the platform in sys.
func chooseInstance(src *source, sys *types.SystemContext) (digest.Digest, error) {
	kind := src.top.mediaType
	if !manifest.MIMETypeIsMultiImage(kind) {
		kind = manifest.GuessMIMEType(src.raw)
	}
	list, err := manifest.ListFromBlob(src.raw, kind)
	if err != nil {
		return "", err
	}
	return list.ChooseInstance(sys)
}

// platformsOf lists what an index has, for a message.
func platformsOf(raw []byte) []string {
	var index imgspec.Index
	_ = json.Unmarshal(raw, &index) // it was parsed before
	var all []string
	for _, d := range index.Manifests {
		if len(all) == 16 {
			return append(all, "...")
		}
		if p := d.Platform; p != nil {
			all = append(all, Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}.String())
		}
	}
	if len(all) == 0 {
		return []string{"no platform at all"}
	}
	return all
}

// config reads and verifies the config of an image.
func (s *source) config(ctx context.Context, sum *summary) ([]byte, error) {
	size, err := sum.config.Size.Int64()
	if err != nil {
		return nil, fail(errclass.Verification, s.object, "%s: config: %w", s.object, err)
	}
	info := types.BlobInfo{Digest: sum.config.Digest, Size: size, MediaType: sum.config.MediaType}
	stream, _, err := handed{s}.GetBlob(ctx, info, none.NoCache)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(stream, maxConfig+1))
	if closeErr := stream.Close(); err == nil {
		err = closeErr
	}
	if err == nil && len(raw) > maxConfig {
		err = fmt.Errorf("%w: a config of more than %d bytes", ErrTooLarge, maxConfig)
	}
	if err == nil {
		err = checkConfig(raw)
	}
	if err != nil {
		return nil, describe(s.object, err)
	}
	s.limits.lock.Lock()
	s.configs[sum.config.Digest] = raw
	s.limits.lock.Unlock()
	return raw, nil
}

// checkImage reads the config of an image, which must fit its manifest.
func (s *source) checkImage(ctx context.Context, sum *summary) (*imgspec.Image, error) {
	if !sum.image {
		return nil, fail(errclass.Unsupported, s.object, "%s: %w: its config is %q", s.object, ErrNotImage, sum.config.MediaType)
	}
	raw, err := s.config(ctx, sum)
	if err != nil {
		return nil, err
	}
	var config imgspec.Image
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fail(errclass.Verification, s.object, "%s: config %s: %w: %w", s.object, sum.config.Digest, ErrManifest, err)
	}
	if n := len(config.RootFS.DiffIDs); n != sum.layers {
		return nil, fail(errclass.Verification, s.object, "%s: %w: %d layers, and a config for %d", s.object, ErrManifest, sum.layers, n)
	}
	return &config, nil
}

// checkConfig refuses a config that is no JSON object.
func checkConfig(raw []byte) error {
	if err := checkJSON(raw); err != nil {
		return errclass.New(errclass.Verification, "", fmt.Errorf("config: %w: %w", ErrManifest, err))
	}
	return nil
}
