// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/directory"
	darchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	oarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"
)

// SaveFormats are the forms in which Save writes images.
func SaveFormats() []string {
	return []string{"docker-archive", "oci-archive", "oci-dir", "docker-dir"}
}

// SaveOptions are the choices of a save.
type SaveOptions struct {
	// Format is one of SaveFormats; "" is docker-archive.
	Format string
	// Tags are further names that the one image gets in a docker-archive.
	Tags []string
	// Uncompressed leaves the layers of the OCI formats as they are.
	Uncompressed bool
	// Compress compresses the layers of a docker-dir.
	Compress bool
	// Progress gets the events, one at a time.
	Progress func(Event)
}

func (o SaveOptions) archive() bool { return o.Format == "docker-archive" || o.Format == "oci-archive" }

// Save writes images of the store to path: several ones into a docker-archive
// only. An archive appears when it is complete, and replaces none; when Save
// fails, there is nothing at path.
func Save(ctx context.Context, store *libstorage.Store, path string, images []string, opts SaveOptions) (err error) {
	if err := opts.check(images); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir() == opts.archive():
		return fail(errclass.Usage, path, "%s: cannot be written as %s", path, opts.Format)
	case err == nil && info.Mode().IsRegular() && info.Size() > 0:
		return fail(errclass.Conflict, path, "%s: there is something in it already", path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return describe(path, err)
	}
	if !opts.archive() || err == nil && !info.Mode().IsRegular() {
		return save(ctx, store, path, images, opts)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".tug-save-")
	if err != nil {
		return describe(path, err)
	}
	defer temp.Close()
	if err := save(ctx, store, temp.Name(), images, opts); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp.Name())))
	}
	if err := settle(temp.Name(), path); err != nil {
		return describe(path, errors.Join(err, ignoreMissing(os.Remove(temp.Name()))))
	}
	return nil
}

// settle gives an archive its name when it is on the disk. The library has written
// by a descriptor of its own, or a new file.
func settle(temp, path string) error {
	for _, step := range []func() error{
		func() error { return os.Chmod(temp, 0o644) },
		func() error { return syncPath(temp) },
		func() error { return os.Rename(temp, path) },
		func() error { return syncPath(filepath.Dir(path)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// SaveTo writes an archive of images of the store to w as it is made.
func SaveTo(ctx context.Context, store *libstorage.Store, w io.Writer, images []string, opts SaveOptions) error {
	if err := opts.check(images); err != nil {
		return err
	}
	if !opts.archive() {
		return fail(errclass.Usage, opts.Format, "format %s: a directory cannot be written to a stream", opts.Format)
	}
	r, in, err := os.Pipe()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, r)
		if err != nil {
			cancel(err)
			_, _ = io.Copy(io.Discard, r) // the other side must not wait for ever
		}
		copied <- err
	}()
	err = save(ctx, store, fmt.Sprintf("/proc/self/fd/%d", in.Fd()), images, opts)
	err = errors.Join(err, in.Close())
	return errors.Join(err, <-copied, r.Close())
}

func (o *SaveOptions) check(images []string) error {
	if o.Format == "" {
		o.Format = "docker-archive"
	}
	switch {
	case !slices.Contains(SaveFormats(), o.Format):
		return fail(errclass.Usage, o.Format, "format %q: must be docker-archive, oci-archive, oci-dir or docker-dir", o.Format)
	case len(images) == 0:
		return fail(errclass.Usage, "", "no image to save")
	case (len(images) > 1 || len(o.Tags) > 0) && o.Format != "docker-archive":
		return fail(errclass.Usage, o.Format, "format %s: only docker-archive takes several images or names", o.Format)
	case o.Compress && o.Format != "docker-dir":
		return fail(errclass.Usage, "--compress", "--compress is for the format docker-dir")
	}
	return nil
}

func save(ctx context.Context, store *libstorage.Store, path string, images []string, opts SaveOptions) (err error) {
	var writer *darchive.Writer
	if opts.Format == "docker-archive" {
		if writer, err = darchive.NewWriter(nil, path); err != nil {
			return describe(path, err)
		}
		defer func() { err = errors.Join(err, writer.Close()) }()
	}
	for _, name := range images {
		spec, named, err := existing(store, name)
		if err != nil {
			return err
		}
		from, err := parse(storageTransport+":"+spec, func(string) (*libstorage.Store, string, error) { return store, spec, nil })
		if err != nil {
			return err
		}
		to, err := saveReference(writer, path, named, opts.Format)
		if err != nil {
			return invalid(path, err)
		}
		c := &copier{src: name, dst: path, from: from, to: to, events: newReporter(name, opts.Progress), opts: CopyOptions{
			AdditionalTags: opts.Tags, Uncompressed: opts.Uncompressed, Compress: opts.Compress,
		}}
		if opts.Format == "docker-dir" {
			c.opts.Format = "v2s2"
		}
		if _, err := c.run(ctx, &stores{all: []*libstorage.Store{store}}); err != nil {
			return err
		}
		if img, err := store.Image(ctx, name); err == nil {
			store.NoteImage("save", img.ID, name)
		}
	}
	return nil
}

// saveReference is where one image goes. named is nil for one without a name.
func saveReference(writer *darchive.Writer, path string, named reference.NamedTagged, format string) (types.ImageReference, error) {
	name := ""
	if named != nil {
		name = named.String()
	}
	switch format {
	case "oci-archive":
		return oarchive.NewReference(path, name)
	case "oci-dir":
		return layout.NewReference(path, name)
	case "docker-dir":
		return directory.NewReference(path)
	}
	return writer.NewReference(named)
}

// ParseFormat gives the media type of oci, v2s2 or v2s1.
func ParseFormat(name string) (string, error) {
	switch name {
	case "":
		return "", nil
	case "oci":
		return "application/vnd.oci.image.manifest.v1+json", nil
	case "v2s2", "docker":
		return manifest.DockerV2Schema2MediaType, nil
	case "v2s1":
		return manifest.DockerV2Schema1SignedMediaType, nil
	}
	return "", fail(errclass.Usage, name, "format %q: must be oci, v2s1 or v2s2", name)
}
