// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
)

// copyIntoStore copies one image and gives its ID.
func copyIntoStore(ctx context.Context, store *libstorage.Store, src *source, dst types.ImageReference, sys *types.SystemContext,
	opts PullOptions, events *reporter) (id string, err error) {
	pc, err := policy(sys)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, pc.Destroy()) }()
	instances, err := chosen(src, sys)
	if err == nil {
		pc, err = verified(ctx, pc, src, instances)
	}
	if err != nil {
		return "", err
	}
	if err := ready(ctx, store, src, pc, instances, events, opts.Parallel); err != nil {
		return "", err
	}
	var resolved types.ImageReference
	options := &copy.Options{
		SourceCtx: sys, DestinationCtx: sys,
		MaxParallelDownloads:    opts.Parallel,
		ReportResolvedReference: &resolved,
		// Without this an image of an index is stored without the index, and
		// its digest is not the one that the registry gives.
		ImageListSelection: copy.CopySystemImage,
	}
	if _, err := runCopy(ctx, pc, dst, src, options, events); err != nil {
		return "", src.blame(err)
	}
	_, image, err := istorage.ResolveReference(resolved)
	if err != nil {
		return "", fmt.Errorf("internal error: find the stored image: %w", err)
	}
	return image.ID, nil
}

// chosen gives the image of an index that the library is going to choose.
func chosen(src *source, sys *types.SystemContext) ([]digest.Digest, error) {
	if !src.top.list {
		return nil, nil
	}
	instance, err := chooseInstance(src, sys)
	return []digest.Digest{instance}, err
}

// runCopy is copy.Image with events.
func runCopy(ctx context.Context, pc *signature.PolicyContext, dst, src types.ImageReference,
	options *copy.Options, events *reporter) ([]byte, error) {
	channel, wait := events.channel()
	options.Progress, options.ProgressInterval = channel, progressInterval
	raw, err := copy.Image(ctx, pc, dst, src, options)
	wait()
	return raw, err
}

// stored tells a copy of one image into a store, as it is.
func (c *copier) stored() bool {
	return c.store != nil && c.options.ImageListSelection == copy.CopySystemImage &&
		c.options.ForceManifestMIMEType == "" && c.destSys.CompressionFormat == nil
}
