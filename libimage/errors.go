// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"reflect"
	"strings"

	"github.com/docker/distribution/registry/api/errcode"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/pgzip"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/storage"
)

// What callers tell apart with errors.Is. The classes below match any error of
// that class; the others say more.
var (
	// ErrNotFound: no such image, tag, file or registry name.
	ErrNotFound error = errclass.NotFound
	// ErrAuth: the registry wants other credentials, or allows us nothing.
	ErrAuth error = errclass.Auth
	// ErrNetwork: no connection, a broken one, a TLS error, a 5xx answer.
	ErrNetwork error = errclass.Network
	// ErrRateLimit: the registry said 429 until we gave up.
	ErrRateLimit error = errclass.RateLimit
	// ErrVerification: wrong digest, wrong length, or against the policy.
	ErrVerification error = errclass.Verification

	// ErrReference: not the name of an image.
	ErrReference = errors.New("invalid image reference")
	// ErrShortName: a short name that the configuration does not resolve.
	ErrShortName = errors.New("short name is not resolved")
	// ErrPlatform: the image is not there for the platform asked for.
	ErrPlatform = errors.New("wrong platform")
	// ErrManifest: a manifest that is damaged, ambiguous or out of bounds.
	ErrManifest = errors.New("invalid manifest")
	// ErrNotImage: something else than a container image, such as a web page
	// or an artifact.
	ErrNotImage = errors.New("not an image")
	// ErrBlocked: registries.conf forbids this registry.
	ErrBlocked = errors.New("registry is blocked by registries.conf")
	// ErrForbiddenHost: a registry tried to send us somewhere we do not go.
	ErrForbiddenHost = errors.New("refused to follow the registry")
	// ErrSilent: the other side sent nothing for too long.
	ErrSilent = errors.New("no data for too long")
	// ErrTooLarge: more data than was declared or is allowed.
	ErrTooLarge = errors.New("more data than declared")
	// ErrNotLoggedIn: there are no credentials to remove.
	ErrNotLoggedIn = errors.New("not logged in")
	// ErrAuthFile: a credentials file that is not safe to use.
	ErrAuthFile = errors.New("unusable credentials file")
)

func fail(class errclass.Class, object, format string, args ...any) error {
	return errclass.New(class, object, fmt.Errorf(format, args...))
}

// describe gives err its class, and puts object in front of a message that
// does not name it.
func describe(object string, err error) error {
	if err == nil {
		return nil
	}
	class := classOf(err)
	if old, name := errclass.Of(err); old == class && name == object {
		return err
	}
	// house: allow error-text: it decides only whether the name is put in front of the message
	if !strings.Contains(err.Error(), object) {
		err = fmt.Errorf("%s: %w", object, err)
	}
	return errclass.New(class, object, err)
}

// classOf classifies what the libraries below return, by type.
func classOf(err error) errclass.Class {
	if class, _ := errclass.Of(err); class != errclass.Internal {
		return class
	}
	if class, ok := classOfHTTP(err); ok {
		return class
	}
	for _, c := range []struct {
		err   error
		class errclass.Class
	}{
		{istorage.ErrBlobDigestMismatch, errclass.Verification},
		{istorage.ErrBlobSizeMismatch, errclass.Verification},
		{istorage.ErrNoSuchImage, errclass.NotFound},
		{istorage.ErrInvalidReference, errclass.Usage},
		{libstorage.ErrImageUnknown, errclass.NotFound},
		{storage.ErrStoreIsReadOnly, errclass.Conflict},
		{storage.ErrNotSupported, errclass.Unsupported},
		{ErrReference, errclass.Usage},
		{gzip.ErrChecksum, errclass.Verification},
		{gzip.ErrHeader, errclass.Verification},
		{pgzip.ErrChecksum, errclass.Verification},
		{pgzip.ErrHeader, errclass.Verification},
		{io.ErrUnexpectedEOF, errclass.Network},
		{context.DeadlineExceeded, errclass.Network},
	} {
		if errors.Is(err, c.err) {
			return c.class
		}
	}
	switch {
	case as[layout.ImageNotFoundError](err):
		return errclass.NotFound
	case as[signature.PolicyRequirementError](err):
		return errclass.Verification
	case as[signature.InvalidPolicyFormatError](err):
		return errclass.Usage
	case as[*fs.PathError](err): // before net.Error: a file system time-out is no network
		return errclass.Internal
	case as[*url.Error](err), as[net.Error](err), as[*tls.CertificateVerificationError](err),
		as[x509.UnknownAuthorityError](err), as[tls.RecordHeaderError](err), as[tls.AlertError](err):
		return errclass.Network
	}
	return errclass.Internal
}

// classOfHTTP classifies an answer of a registry.
func classOfHTTP(err error) (errclass.Class, bool) {
	if errors.Is(err, docker.ErrTooManyRequests) {
		return errclass.RateLimit, true
	}
	if as[docker.ErrUnauthorizedForCredentials](err) {
		return errclass.Auth, true
	}
	var coder errcode.ErrorCoder
	if errors.As(err, &coder) {
		switch coder.ErrorCode().Descriptor().Value {
		case "UNAUTHORIZED", "DENIED":
			return errclass.Auth, true
		case "TOOMANYREQUESTS":
			return errclass.RateLimit, true
		case "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND":
			return errclass.NotFound, true
		case "DIGEST_INVALID", "SIZE_INVALID":
			return errclass.Verification, true
		case "UNSUPPORTED", "MANIFEST_INVALID", "TAG_INVALID", "NAME_INVALID":
			return errclass.Unsupported, true
		case "UNAVAILABLE":
			return errclass.Network, true
		}
	}
	switch status := statusOf(err); {
	case status == 401, status == 403, status == 407:
		return errclass.Auth, true
	case status == 404, status == 410:
		return errclass.NotFound, true
	case status == 429:
		return errclass.RateLimit, true
	case status >= 500:
		return errclass.Network, true
	case status != 0:
		return errclass.Unsupported, true
	}
	return "", false
}

// statusOf finds the status of the HTTP answer that err is about, or 0. The
// library has two types for it, of which one has no exported name.
func statusOf(err error) int {
	for err != nil {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() == reflect.Struct {
			if f := v.FieldByName("StatusCode"); f.IsValid() && f.CanInt() {
				return int(f.Int())
			}
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				if status := statusOf(e); status != 0 {
					return status
				}
			}
			return 0
		}
		err = errors.Unwrap(err)
	}
	return 0
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}
