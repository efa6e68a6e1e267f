// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/signature"
)

// verified gives the policy context for the copy of an image, in the place of pc, and
// pc with an error. The library
// shows sigstore signatures only to itself, and not through the border; so
// where the policy asks for them, the image is held against it here, on the
// same bytes, and the copy is then allowed.
func verified(ctx context.Context, pc *signature.PolicyContext, src *source, instances []digest.Digest) (*signature.PolicyContext, error) {
	raw, err := json.Marshal(pc.Policy)
	if err != nil {
		return pc, err
	}
	if !bytes.Contains(raw, []byte(`"sigstoreSigned"`)) {
		return pc, nil
	}
	targets := []*digest.Digest{nil}
	for i := range instances {
		targets = append(targets, &instances[i])
	}
	if src.top.list && len(instances) == 1 {
		targets = targets[1:] // the index itself is left behind
	}
	for _, instance := range targets {
		err := src.limits.bounded(ctx, func(ctx context.Context) error {
			allowed, err := pc.IsRunningImageAllowed(ctx, image.UnparsedInstance(src.src, instance))
			if err == nil && !allowed {
				err = signature.PolicyRequirementError("the policy does not allow it")
			}
			return err
		})
		if err != nil {
			return pc, describe(src.object, err)
		}
	}
	accept, err := signature.NewPolicyContext(acceptAll())
	if err != nil {
		return pc, err
	}
	return accept, pc.Destroy()
}

func acceptAll() *signature.Policy {
	return &signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}}
}

// instancesOf lists the images of an index.
func (s *source) instancesOf() ([]digest.Digest, error) {
	if !s.top.list {
		return nil, nil
	}
	var index imgspec.Index
	if err := json.Unmarshal(s.raw, &index); err != nil {
		return nil, errors.Join(ErrManifest, err)
	}
	all := make([]digest.Digest, 0, len(index.Manifests))
	for _, d := range index.Manifests {
		all = append(all, d.Digest)
	}
	return all, nil
}
