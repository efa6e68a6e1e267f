// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/docker/reference"
)

// stores opens the stores that references of one copy name.
type stores struct {
	opts libstorage.Options
	all  []*libstorage.Store
}

// open opens the store of a reference: that of the options, or the one in
// [driver@root+runroot:option,...]NAME, of which each part may be missing.
func (s *stores) open(rest string) (*libstorage.Store, string, error) {
	opts := s.opts
	if spec, name, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok && strings.HasPrefix(rest, "[") {
		rest = name
		place, options, hasOptions := strings.Cut(spec, ":")
		driver, roots, hasDriver := strings.Cut(place, "@")
		if !hasDriver {
			driver, roots = "", place
		}
		root, runRoot, _ := strings.Cut(roots, "+")
		if !strings.HasPrefix(root, "/") || (runRoot != "" && !strings.HasPrefix(runRoot, "/")) {
			return nil, "", invalid(storageTransport+":["+spec+"]", errors.New("must be [driver@/root+/runroot:options]"))
		}
		opts = libstorage.Options{Root: root, RunRoot: runRoot, Driver: driver}
		if hasOptions {
			opts.DriverOptions = strings.Split(options, ",")
		}
	}
	store, err := libstorage.Open(context.Background(), opts)
	if err != nil {
		return nil, "", err
	}
	s.all = append(s.all, store)
	return store, rest, nil
}

// openExisting is open for an image that must be there, by any of the names
// that libstorage understands.
func (s *stores) openExisting(rest string) (*libstorage.Store, string, error) {
	store, name, err := s.open(rest)
	if err != nil {
		return nil, "", err
	}
	spec, _, err := existing(store, strings.TrimPrefix(name, "@"))
	return store, spec, err
}

// existing gives the form in which the library finds an image of the store, and
// the name that it was asked for by; that is nil for an ID.
func existing(store *libstorage.Store, name string) (spec string, named reference.NamedTagged, err error) {
	img, full, err := store.ImageAndName(context.Background(), name)
	if err != nil {
		return "", nil, err
	}
	if !slices.Contains(img.Names, full) {
		full = ""
	}
	if full == "" && len(img.Names) > 0 && !strings.HasPrefix(img.ID, name) {
		full = img.Names[0]
	}
	if full == "" {
		return "@" + img.ID, nil, nil
	}
	if parsed, err := parseNamed(full); err == nil {
		named, _ = parsed.(reference.NamedTagged)
	}
	return full + "@" + img.ID, named, nil
}

func (s *stores) close() error {
	var errs []error
	for _, store := range s.all {
		errs = append(errs, store.Close())
	}
	return errors.Join(errs...)
}

// readBounded reads a small regular file.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fail(errclass.Unsupported, path, "%s: not a regular file of at most %d bytes", path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return raw, err
}

// NameOf gives the full name that an image of the store was asked for by; it is
// empty for an ID.
func NameOf(store *libstorage.Store, name string) (string, error) {
	_, named, err := existing(store, name)
	if err != nil || named == nil {
		return "", err
	}
	return named.String(), nil
}
