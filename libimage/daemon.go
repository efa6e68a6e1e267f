// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	darchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"
)

// daemon is the transport docker-daemon:. A Docker daemon takes and gives
// images as docker-archive files, over HTTP on a Unix socket; so this is that
// transport on a temporary file, with a transfer after or before. The
// library's own is left out: Docker's client that it links is a third of the
// start time of a program.
type daemon struct{}

func (daemon) Name() string { return daemonTransport }

func (daemon) ParseReference(s string) (types.ImageReference, error) {
	if id := digest.Digest(s); checkDigest(id) == nil {
		return daemonReference{id: id}, nil
	}
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return nil, err
	}
	if reference.IsNameOnly(named) {
		return nil, errors.New("docker-daemon: a tag or a digest is missing")
	}
	if _, tagged := named.(reference.Tagged); tagged {
		if _, digested := named.(reference.Digested); digested {
			return nil, errors.New("docker-daemon: either a tag or a digest, not both")
		}
	}
	return daemonReference{named: named}, nil
}

func (daemon) ValidatePolicyConfigurationScope(string) error { return nil }

type daemonReference struct {
	id    digest.Digest
	named reference.Named
}

func (daemonReference) Transport() types.ImageTransport { return daemon{} }

func (r daemonReference) StringWithinTransport() string {
	if r.named == nil {
		return r.id.String()
	}
	return reference.FamiliarString(r.named)
}

func (r daemonReference) DockerReference() reference.Named { return r.named }

func (r daemonReference) PolicyConfigurationIdentity() string {
	if r.named == nil {
		return ""
	}
	return r.named.String()
}

func (r daemonReference) PolicyConfigurationNamespaces() []string {
	if r.named == nil {
		return nil
	}
	ref, err := docker.NewReference(r.named)
	if err != nil {
		return nil
	}
	return ref.PolicyConfigurationNamespaces()
}

func (daemonReference) NewImage(context.Context, *types.SystemContext) (types.ImageCloser, error) {
	return nil, errors.New("internal error: docker-daemon images are read as a source")
}

func (daemonReference) DeleteImage(context.Context, *types.SystemContext) error {
	return errors.New("docker-daemon: images are not deleted here")
}

// NewImageSource fetches the image into a temporary archive and opens that.
func (r daemonReference) NewImageSource(ctx context.Context, sys *types.SystemContext) (_ types.ImageSource, err error) {
	file, err := os.CreateTemp(sys.BigFilesTemporaryDir, "docker-daemon-")
	if err != nil {
		return nil, err
	}
	path := file.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	err = saveImage(ctx, sys.DockerDaemonHost, r.StringWithinTransport(), file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	archive, err := darchive.ParseReference(path + ":@0")
	if err != nil {
		return nil, err
	}
	src, err := archive.NewImageSource(ctx, sys)
	if err != nil {
		return nil, fmt.Errorf("read what the Docker daemon sent: %w", err)
	}
	return &daemonSource{ImageSource: src, ref: r, path: path}, nil
}

type daemonSource struct {
	types.ImageSource
	ref  daemonReference
	path string
}

func (s *daemonSource) Reference() types.ImageReference { return s.ref }

func (s *daemonSource) Close() error {
	return errors.Join(s.ImageSource.Close(), os.Remove(s.path))
}

// NewImageDestination writes a temporary archive, which Commit hands over.
func (r daemonReference) NewImageDestination(ctx context.Context, sys *types.SystemContext) (types.ImageDestination, error) {
	if _, tagged := r.named.(reference.Tagged); !tagged {
		return nil, fmt.Errorf("docker-daemon:%s: a destination needs a name with a tag", r.StringWithinTransport())
	}
	dir, err := os.MkdirTemp(sys.BigFilesTemporaryDir, "docker-daemon-")
	if err != nil {
		return nil, err
	}
	path := dir + "/image.tar"
	archive, err := darchive.ParseReference(path + ":" + r.named.String())
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	dst, err := archive.NewImageDestination(ctx, sys)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &daemonDestination{ImageDestination: dst, ref: r, dir: dir, path: path, host: sys.DockerDaemonHost}, nil
}

type daemonDestination struct {
	types.ImageDestination
	ref             daemonReference
	dir, path, host string
}

func (d *daemonDestination) Reference() types.ImageReference { return d.ref }

func (d *daemonDestination) Commit(ctx context.Context, top types.UnparsedImage) error {
	if err := d.ImageDestination.Commit(ctx, top); err != nil {
		return err
	}
	return loadImage(ctx, d.host, d.path)
}

func (d *daemonDestination) Close() error {
	return errors.Join(d.ImageDestination.Close(), os.RemoveAll(d.dir))
}
