// SPDX-License-Identifier: Apache-2.0

package errclass_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
)

func TestOf(t *testing.T) {
	unknown := errclass.New(errclass.NotFound, "busybox", errors.New("busybox: image not known"))
	for _, tc := range []struct {
		name   string
		err    error
		class  errclass.Class
		object string
	}{
		{"classified", unknown, errclass.NotFound, "busybox"},
		{"wrapped", fmt.Errorf("run: %w", unknown), errclass.NotFound, "busybox"},
		{"sentinel alone", fmt.Errorf("x: %w", errclass.Auth), errclass.Auth, ""},
		{"missing file", fs.ErrNotExist, errclass.NotFound, ""},
		{"disk full wins", errclass.New(errclass.Network, "r", syscall.ENOSPC), errclass.NoSpace, "r"},
		{"nobody knows", errors.New("boom"), errclass.Internal, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			class, object := errclass.Of(tc.err)
			if class != tc.class || object != tc.object {
				t.Errorf("Of(%v) = %s, %q; want %s, %q", tc.err, class, object, tc.class, tc.object)
			}
		})
	}
}

func TestIs(t *testing.T) {
	err := fmt.Errorf("pull: %w", errclass.New(errclass.Verification, "x", errors.New("digest")))
	if !errors.Is(err, errclass.Verification) || errors.Is(err, errclass.Network) {
		t.Errorf("errors.Is does not follow the class of %v", err)
	}
}
