// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"testing"

	"github.com/tug-containers/tug/test/images"
)

// New starts a registry for a test and stops it at the test's end.
func New(t testing.TB, opts Options) *Registry {
	t.Helper()
	r, err := Start(t.Context(), opts)
	if errors.Is(err, ErrMissing) {
		t.Skip("needs docker-registry: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// Push uploads an image as NAME:TAG and gives its full name.
func (r *Registry) Push(t testing.TB, image *images.Built, name string) string {
	t.Helper()
	if err := r.Upload(image, name); err != nil {
		t.Fatal(err)
	}
	return r.Ref(name)
}
