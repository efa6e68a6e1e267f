// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/types"
)

// InspectOptions are the choices of Inspect.
type InspectOptions struct {
	Access   Access
	Platform Platform
	Retry    Retry
	// NoTags leaves out the list of tags, which is a request of its own.
	NoTags  bool
	Store   libstorage.Options
	TempDir string
}

// Inspected is what a place says of an image. Manifest and Config are as they
// are there. For an index, Manifest is the index, and everything else is of
// the image that was chosen from it.
type Inspected struct {
	Name     string
	Digest   digest.Digest
	Manifest []byte
	// Config is empty for an artifact that is no image.
	Config []byte
	Tags   []string
	Info   ImageInfo
	// MediaType and ArtifactType say what it is.
	MediaType, ArtifactType string
	Image                   bool
}

// ImageInfo is what is read from the config and the manifest.
type ImageInfo struct {
	Tag           string
	Created       *time.Time
	DockerVersion string
	Labels        map[string]string
	Architecture  string
	Os            string
	Layers        []string
	LayersData    []types.ImageInspectLayer
	Env           []string
}

// Inspect reads an image where it is, without its layers. ref has a
// transport.
func Inspect(ctx context.Context, ref string, opts InspectOptions) (_ *Inspected, err error) {
	stores := &stores{opts: opts.Store}
	defer func() { err = errors.Join(err, stores.close()) }()
	from, err := parse(ref, stores.openExisting)
	if err != nil {
		return nil, err
	}
	sys, err := endpoint(ctx, opts.Access, from)
	if err != nil {
		return nil, err
	}
	opts.Platform.apply(sys)
	c := &copier{from: from, to: from, opts: CopyOptions{TempDir: opts.TempDir}}
	st, err := c.stageFor(stores)
	if err != nil {
		return nil, describe(ref, err)
	}
	if st != nil {
		defer func() { err = errors.Join(err, st.remove()) }()
		sys.BigFilesTemporaryDir = st.dir
	}
	var found *Inspected
	err = opts.Retry.do(ctx, func(error, time.Duration) {}, func() error {
		found, err = inspect(ctx, ref, from, sys, opts)
		return err
	})
	if err != nil {
		return nil, oneLine(describe(ref, err))
	}
	return found, nil
}

func inspect(ctx context.Context, name string, from types.ImageReference, sys *types.SystemContext, opts InspectOptions) (_ *Inspected, err error) {
	src, err := open(ctx, name, from, sys, opts.Access.limits())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	found := &Inspected{Manifest: src.raw, MediaType: src.top.mediaType, Digest: digest.FromBytes(src.raw)}
	if named := from.DockerReference(); named != nil {
		found.Name = named.Name()
	}
	if err := found.read(ctx, src, sys, opts.Platform); err != nil {
		return nil, err
	}
	if from.Transport().Name() != dockerTransport || opts.NoTags {
		return found, nil
	}
	err = opts.Access.limits().bounded(ctx, func(ctx context.Context) error {
		found.Tags, err = docker.GetRepositoryTags(ctx, sys, from)
		return err
	})
	// A registry may allow an image to be read and its tags not to be listed.
	if err != nil && !errors.Is(describe(name, err), errclass.Auth) && !errors.Is(describe(name, err), errclass.NotFound) {
		return nil, describe(name, err)
	}
	return found, nil
}

// read reads the config, of the chosen image for an index.
func (found *Inspected) read(ctx context.Context, src *source, sys *types.SystemContext, want Platform) error {
	sum, instance := src.top, (*digest.Digest)(nil)
	if sum.list {
		chosen, err := chooseInstance(src, sys)
		if err != nil {
			return fail(errclass.NotFound, src.object, "%s: %w: no image for %s: it is there for %s", src.object, ErrPlatform,
				want.complete(), strings.Join(platformsOf(src.raw), ", "))
		}
		instance = &chosen
		if _, sum, err = src.manifest(ctx, instance); err != nil {
			return err
		}
	}
	var extra struct {
		ArtifactType string `json:"artifactType"`
		Config       struct {
			MediaType string `json:"mediaType"`
		} `json:"config"`
	}
	_ = json.Unmarshal(src.raw, &extra) // looked at before; the fields are optional
	found.ArtifactType, found.Image = extra.ArtifactType, sum.image
	if !sum.image {
		if found.ArtifactType == "" {
			found.ArtifactType = extra.Config.MediaType
		}
		for d := range sum.blobs {
			if d != sum.config.Digest {
				found.Info.Layers = append(found.Info.Layers, d.String())
			}
		}
		return nil
	}
	var err error
	if found.Config, err = src.config(ctx, sum); err != nil {
		return err
	}
	img, err := image.FromUnparsedImage(ctx, sys, image.UnparsedInstance(handed{src}, instance))
	if err != nil {
		return describe(src.object, err)
	}
	info, err := img.Inspect(ctx)
	if err != nil {
		return describe(src.object, err)
	}
	found.Info = ImageInfo{
		Tag: info.Tag, Created: info.Created, DockerVersion: info.DockerVersion, Labels: info.Labels,
		Architecture: info.Architecture, Os: info.Os, Layers: info.Layers, LayersData: info.LayersData, Env: info.Env,
	}
	return nil
}

// Tags lists the tags of a repository of a registry, with or without
// docker:// in front.
func Tags(ctx context.Context, name string, access Access) ([]string, error) {
	sys, err := access.system()
	if err != nil {
		return nil, err
	}
	named, err := parseNamed(strings.TrimPrefix(name, "docker://"))
	if err != nil {
		return nil, err
	}
	return tagsOf(ctx, access, sys, reference.TrimNamed(named))
}
