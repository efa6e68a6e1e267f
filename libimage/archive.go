// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/pkg/compression"
)

// archivedName gives the name that the one image of a docker-archive or an
// oci-archive has there; it is "" when there are more images, or no name.
func archivedName(transportName, file string) string {
	switch transportName {
	case "docker-archive":
		raw, err := archived(file, "manifest.json")
		var images []struct{ RepoTags []string }
		if err == nil && json.Unmarshal(raw, &images) == nil && len(images) == 1 && len(images[0].RepoTags) > 0 {
			return images[0].RepoTags[0]
		}
	case "oci-archive":
		if raw, err := archived(file, "index.json"); err == nil {
			return onlyName(raw)
		}
	}
	return ""
}

// archived reads a file of a tar archive, compressed or not.
func archived(file, name string) (_ []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, compressed, err := compression.AutoDecompress(f)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	var r io.Reader = plain
	if !compressed {
		// The file itself can be sought over what is not wanted.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		r = f
	}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) != name {
			continue
		}
		if header.Typeflag != tar.TypeReg || header.Size > maxManifest {
			return nil, fmt.Errorf("%s in %s: not a file of up to %d bytes", name, file, maxManifest)
		}
		return io.ReadAll(archive)
	}
}

// onlyName gives the reference name of an OCI index with one image.
func onlyName(raw []byte) string {
	var index imgspec.Index
	if json.Unmarshal(raw, &index) != nil || len(index.Manifests) != 1 {
		return ""
	}
	return index.Manifests[0].Annotations[imgspec.AnnotationRefName]
}

// namesIn gives the reference names of an OCI index, "" for an image that has
// none.
func namesIn(raw []byte) []string {
	var index imgspec.Index
	if json.Unmarshal(raw, &index) != nil {
		return nil
	}
	var names []string
	for _, m := range index.Manifests {
		names = append(names, m.Annotations[imgspec.AnnotationRefName])
	}
	return names
}
