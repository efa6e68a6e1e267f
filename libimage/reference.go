// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/docker"
	darchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	oarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/tarball"
	"go.podman.io/image/v5/types"
)

const (
	storageTransport = "containers-storage"
	dockerTransport  = "docker"
	daemonTransport  = "docker-daemon"
	maxReference     = 4096
)

// Transports names the places where an image can be.
func Transports() []string {
	return []string{
		storageTransport, "dir", dockerTransport, "docker-archive", daemonTransport,
		"oci", "oci-archive", "tarball",
	}
}

// transport finds one by name. A table instead of the library's registry of
// transports keeps out those whose dependencies cost at every start.
func transport(name string) types.ImageTransport {
	switch name {
	case "dir":
		return directory.Transport
	case dockerTransport:
		return docker.Transport
	case "docker-archive":
		return darchive.Transport
	case daemonTransport:
		return daemon{}
	case "oci":
		return layout.Transport
	case "oci-archive":
		return oarchive.Transport
	case "tarball":
		return tarball.Transport
	}
	return nil
}

// SplitTransport splits TRANSPORT:REST; ok is false for a name without a
// transport, such as "busybox:latest".
func SplitTransport(name string) (transportName, rest string, ok bool) {
	transportName, rest, found := strings.Cut(name, ":")
	if !found || (transportName != storageTransport && transport(transportName) == nil) {
		return "", name, false
	}
	return transportName, rest, true
}

// parse reads a reference with a transport. store opens the store for
// containers-storage:, and may be nil where that is not allowed.
func parse(name string, store func(spec string) (*libstorage.Store, string, error)) (types.ImageReference, error) {
	if err := checkText(name); err != nil {
		return nil, err
	}
	transportName, rest, ok := SplitTransport(name)
	if !ok {
		return nil, invalid(name, errors.New("must begin with one of the transports "+strings.Join(Transports(), " ")))
	}
	if transportName == storageTransport {
		if store == nil {
			return nil, invalid(name, errors.New("the store is not allowed here"))
		}
		return parseStored(name, rest, store)
	}
	ref, err := transport(transportName).ParseReference(rest)
	if err != nil {
		return nil, invalid(name, err)
	}
	return ref, nil
}

func parseStored(name, rest string, store func(string) (*libstorage.Store, string, error)) (types.ImageReference, error) {
	s, rest, err := store(rest)
	if err != nil {
		return nil, err
	}
	if len(rest) == 64 && strings.Trim(rest, "0123456789abcdef") == "" {
		rest = "@" + rest
	}
	ref, err := istorage.Transport.ParseStoreReference(s.Library(), rest)
	if err != nil {
		return nil, invalid(name, err)
	}
	return ref, nil
}

// parseNamed reads a full or short name of an image in a registry.
func parseNamed(name string) (reference.Named, error) {
	if err := checkText(name); err != nil {
		return nil, err
	}
	if _, value, ok := strings.Cut(name, "@"); ok {
		if err := checkDigest(digest.Digest(value)); err != nil {
			return nil, invalid(name, err)
		}
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, invalid(name, err)
	}
	return named, nil
}

// withoutTag drops the tag of NAME:TAG@DIGEST: the digest says it all.
func withoutTag(named reference.Named) (reference.Named, error) {
	digested, ok := named.(reference.Digested)
	if _, tagged := named.(reference.Tagged); !ok || !tagged {
		return named, nil
	}
	return reference.WithDigest(reference.TrimNamed(named), digested.Digest())
}

// checkText refuses what no name can be, before a parser or a path sees it.
func checkText(name string) error {
	if name == "" {
		return invalid(`""`, errors.New("empty name"))
	}
	if len(name) > maxReference {
		return invalid(name[:32]+"...", fmt.Errorf("longer than %d bytes", maxReference))
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }); i >= 0 {
		return invalid(fmt.Sprintf("%q", name), errors.New("a control character in the name"))
	}
	return nil
}

// checkDigest accepts sha256 and sha512 in lower case and of full length.
func checkDigest(d digest.Digest) error {
	algorithm, hex, _ := strings.Cut(string(d), ":")
	size := map[string]int{"sha256": 64, "sha512": 128}[algorithm]
	if size == 0 || len(hex) != size || strings.Trim(hex, "0123456789abcdef") != "" {
		text := string(d)
		if len(text) > 80 {
			text = text[:80] + "..."
		}
		return fmt.Errorf("invalid digest %q", text)
	}
	return nil
}

func invalid(name string, err error) error {
	return fail(errclass.Usage, name, "%s: %w: %w", name, ErrReference, err)
}
