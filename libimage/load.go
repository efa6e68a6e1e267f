// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	darchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"
)

// Loaded is an image that came out of an archive.
type Loaded struct {
	ID    string
	Names []string
}

// Load brings all images of an archive or a directory into the store, as Save
// or another tool has written it. What was loaded is returned also with an
// error.
func Load(ctx context.Context, store *libstorage.Store, path string, opts PullOptions) ([]Loaded, error) {
	kind, err := kindOf(path)
	if err != nil {
		return nil, err
	}
	if kind == "docker-archive" {
		return loadArchive(ctx, store, path, path, opts)
	}
	var all []Loaded
	tags := []string{""}
	if kind != "dir" {
		if tags, err = tagsIn(kind, path); err != nil {
			return nil, describe(path, err)
		}
	}
	for _, tag := range tags {
		source := kind + ":" + path
		if tag != "" {
			source += ":" + tag
		}
		ref, err := parse(source, nil)
		if err != nil {
			return all, err
		}
		named, err := loadedName(tag)
		if err != nil {
			return all, err
		}
		got, err := loadOne(ctx, store, path, ref, named, opts)
		if err != nil {
			return all, err
		}
		all = append(all, got)
	}
	return all, nil
}

// LoadFrom is Load for an archive that comes as a stream: it is kept in the
// store until it is loaded.
func LoadFrom(ctx context.Context, store *libstorage.Store, r io.Reader, opts PullOptions) (_ []Loaded, err error) {
	st, err := newStage(stagesOf(store))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.remove()) }()
	path := filepath.Join(st.dir, "archive")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	return Load(ctx, store, path, opts)
}

// PullArchive pulls every image of a docker-archive that was named without one
// of its images; ok is false for any other name.
func PullArchive(ctx context.Context, store *libstorage.Store, name string, opts PullOptions) (_ []Loaded, ok bool, err error) {
	transportName, path, _ := SplitTransport(name)
	if transportName != "docker-archive" || strings.Contains(path, ":") || opts.Policy == PullNever {
		return nil, false, nil
	}
	all, err := loadArchive(ctx, store, name, path, opts)
	return all, true, err
}

// loadArchive loads what a docker-archive has, each image with all its names.
func loadArchive(ctx context.Context, store *libstorage.Store, object, path string, opts PullOptions) (_ []Loaded, err error) {
	sys, err := opts.Access.system()
	if err != nil {
		return nil, err
	}
	st, err := newStage(stagesOf(store))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.remove()) }()
	sys.BigFilesTemporaryDir = st.dir
	reader, err := darchive.NewReader(sys, path)
	if err != nil {
		return nil, describe(object, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	images, err := reader.List()
	if err != nil {
		return nil, describe(object, err)
	}
	var all []Loaded
	for _, refs := range images {
		got, err := loadOne(ctx, store, object, refs[0], refs[0].DockerReference(), opts)
		if err != nil {
			return all, err
		}
		for _, ref := range refs[1:] {
			name := ref.DockerReference().String()
			if err := store.Tag(ctx, got.ID, name); err != nil {
				return append(all, got), err
			}
			got.Names = append(got.Names, name)
		}
		all = append(all, got)
	}
	if len(all) == 0 {
		return nil, fail(errclass.NotFound, object, "%s: there is no image in it", object)
	}
	return all, nil
}

func loadOne(ctx context.Context, store *libstorage.Store, object string, ref types.ImageReference, named reference.Named, opts PullOptions) (Loaded, error) {
	p := &puller{store: store, opts: opts, name: object, events: newReporter(object, opts.Progress)}
	sys, err := opts.Access.system()
	if err != nil {
		return Loaded{}, err
	}
	opts.Platform.apply(sys)
	p.sys = sys
	got, err := p.orNothing(func() (Pulled, error) { return p.attempt(ctx, object, ref, sys, named, nil) })
	if err != nil {
		return Loaded{}, oneLine(describe(object, err))
	}
	p.events.send(Event{Kind: EventFinish, Digest: got.Digest, Message: got.ID})
	loaded := Loaded{ID: got.ID}
	if got.Name != "" {
		loaded.Names = []string{got.Name}
	}
	return loaded, nil
}

// kindOf tells the transport by what is in a file or a directory.
func kindOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fail(errclass.NotFound, path, "%w", err)
	}
	has := func(name string) bool {
		if info.IsDir() {
			_, err := os.Stat(filepath.Join(path, name))
			return err == nil
		}
		_, err := archived(path, name)
		return err == nil
	}
	switch {
	case info.IsDir() && has("oci-layout"):
		return "oci", nil
	case info.IsDir() && has("manifest.json"):
		return "dir", nil
	case info.IsDir():
	case has("manifest.json"):
		return "docker-archive", nil
	case has("index.json"):
		return "oci-archive", nil
	}
	return "", fail(errclass.Unsupported, path, "%s: %w: neither a docker-archive, an oci-archive, an OCI layout nor a dir", path, ErrNotImage)
}

// tagsIn lists the names in an OCI layout or archive.
func tagsIn(kind, path string) ([]string, error) {
	var raw []byte
	var err error
	if kind == "oci" {
		raw, err = readBounded(filepath.Join(path, "index.json"), maxManifest)
	} else {
		raw, err = archived(path, "index.json")
	}
	if err != nil {
		return nil, err
	}
	tags := namesIn(raw)
	if len(tags) == 0 {
		return nil, layout.ImageNotFoundError{}
	}
	return tags, nil
}

// loadedName is the name for an image of an OCI layout or archive: what is no
// full name goes under localhost, as for podman.
func loadedName(tag string) (reference.Named, error) {
	switch {
	case tag == "":
		return nil, nil
	case !strings.Contains(tag, "/"):
		return fullName("localhost/" + tag)
	}
	return fullName(tag)
}
