// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"
)

// pullElsewhere pulls from a directory, an archive or a daemon. The name in
// the store is the first that the image has there; for one without a name it is
// made of the file's: localhost/PATH:latest.
func (p *puller) pullElsewhere(ctx context.Context, transportName string) (Pulled, error) {
	if transportName == storageTransport {
		return Pulled{}, fail(errclass.Usage, p.name, "%s: the image is in a store already: use tug copy", p.name)
	}
	if p.opts.Policy == PullNever {
		return Pulled{}, fail(errclass.Usage, p.name, "%s: the pull policy never is for images of a registry", p.name)
	}
	ref, err := parse(p.name, nil)
	if err != nil {
		return Pulled{}, err
	}
	named, err := p.nameFor(ref, transportName)
	if err != nil {
		return Pulled{}, err
	}
	return p.attempt(ctx, p.name, ref, p.sys, named, nil)
}

func (p *puller) nameFor(ref types.ImageReference, transportName string) (reference.Named, error) {
	if named := ref.DockerReference(); named != nil {
		return reference.TagNameOnly(named), nil
	}
	path, tag, _ := strings.Cut(ref.StringWithinTransport(), ":")
	switch transportName {
	case "oci", "oci-archive":
		if tag != "" {
			if strings.ContainsAny(tag, "/:") {
				return fullName(tag)
			}
			return fullName("localhost/" + cleanPath(path) + ":" + tag)
		}
		if name := nameInside(transportName, path); strings.ContainsAny(name, "/:") {
			return fullName(name)
		}
	case "docker-archive":
		if name := nameInside(transportName, path); name != "" {
			return fullName(name)
		}
		return nil, nil // stored by its ID
	}
	return fullName("localhost/" + cleanPath(path) + ":latest")
}

// nameInside gives the name that an image has in its layout or archive.
func nameInside(transportName, path string) string {
	if transportName != "oci" {
		return archivedName(transportName, path)
	}
	raw, err := readBounded(filepath.Join(path, "index.json"), maxManifest)
	if err != nil {
		return ""
	}
	return onlyName(raw)
}

func fullName(name string) (reference.Named, error) {
	named, err := parseNamed(name)
	if err != nil {
		return nil, err
	}
	return reference.TagNameOnly(named), nil
}

// cleanPath makes a repository name of a path: lower case, what cannot be in a
// name left out.
func cleanPath(path string) string {
	base := strings.ToLower(strings.TrimSuffix(filepath.Base(filepath.Clean(path)), ".tar"))
	var b strings.Builder
	for _, r := range base {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') || (b.Len() > 0 && (r == '-' || r == '_' || r == '.')) {
			b.WriteRune(r)
		}
	}
	if name := strings.TrimRight(b.String(), "-_."); name != "" {
		return name
	}
	return "image"
}
