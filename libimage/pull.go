// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
)

// PullPolicy says when a pull goes to the registry.
type PullPolicy string

const (
	// PullAlways asks the registry each time.
	PullAlways PullPolicy = "always"
	// PullMissing asks it when the store has no such image.
	PullMissing PullPolicy = "missing"
	// PullNewer asks it for the digest, and pulls what the store has not; an
	// image that is there is good enough when the registry cannot be reached.
	PullNewer PullPolicy = "newer"
	// PullNever asks nobody: an image that is not there is an error.
	PullNever PullPolicy = "never"
)

// ParsePullPolicy reads a policy; "ifnotpresent" is missing, as for podman.
func ParsePullPolicy(s string) (PullPolicy, error) {
	switch p := PullPolicy(strings.ToLower(s)); p {
	case PullAlways, PullMissing, PullNewer, PullNever:
		return p, nil
	case "ifnotpresent":
		return PullMissing, nil
	case "ifnewer":
		return PullNewer, nil
	}
	return "", fail(errclass.Usage, s, "pull policy %q: must be always, missing, newer or never", s)
}

// PullOptions are the choices of a pull; the zero value pulls for this machine.
type PullOptions struct {
	Access   Access
	Policy   PullPolicy // "" is PullAlways
	Platform Platform
	Retry    Retry
	// Parallel is how many blobs are fetched at once; 0 is one more than there are
	// cores, 6 at most.
	Parallel uint
	// Progress gets the events, one at a time.
	Progress func(Event)
}

// Pulled is an image that is in the store.
type Pulled struct {
	ID   string // 64 hexadecimal digits
	Name string // the full name it was stored under; may be empty
	// Digest is that of its manifest; of the index, for an image chosen from one.
	Digest digest.Digest
	// Fetched is false when the store had it and nobody was asked for more.
	Fetched bool
}

// Pull brings an image into the store. name is a full or a short name, or one
// with a transport (docker://, oci:, dir:, ...).
//
// When Pull returns without an error, the image is in the store for good: a
// power cut does not lose it. When it returns an error, the store is as it
// was. Several processes may pull at once.
func Pull(ctx context.Context, store *libstorage.Store, name string, opts PullOptions) (Pulled, error) {
	p := &puller{store: store, opts: opts, name: name, events: newReporter(name, opts.Progress)}
	sys, err := opts.Access.system()
	if err != nil {
		return Pulled{}, err
	}
	opts.Platform.apply(sys)
	p.sys = sys
	got, err := p.pullOrNothing(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) && errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		return Pulled{}, oneLine(describe(name, err))
	}
	p.events.send(Event{Kind: EventFinish, Digest: got.Digest, Message: got.ID})
	if got.Fetched {
		store.NoteImage("pull", got.ID, name)
	}
	return got, nil
}

// pullOrNothing leaves the store as it was when a pull fails.
func (p *puller) pullOrNothing(ctx context.Context) (Pulled, error) {
	if p.opts.Policy == PullNever || p.store.ReadOnly() {
		return p.pull(ctx)
	}
	return p.orNothing(func() (Pulled, error) { return p.pull(ctx) })
}

func (p *puller) orNothing(pull func() (Pulled, error)) (Pulled, error) {
	back, err := newRollback(p.store)
	if err != nil {
		return Pulled{}, err
	}
	got, err := pull()
	if err != nil {
		return Pulled{}, errors.Join(err, back.undo())
	}
	return got, back.keep()
}

// PullAll pulls every tag of a repository. What could be pulled is returned
// also with an error.
func PullAll(ctx context.Context, store *libstorage.Store, name string, opts PullOptions) ([]Pulled, error) {
	sys, err := opts.Access.system()
	if err != nil {
		return nil, err
	}
	bare := strings.TrimPrefix(name, "docker://")
	if transportName, _, ok := SplitTransport(name); ok && transportName != dockerTransport {
		return nil, fail(errclass.Usage, name, "%s: only a repository of a registry has tags", name)
	}
	if _, suffix := splitShort(bare); suffix != "" {
		return nil, fail(errclass.Usage, name, "%s: --all-tags takes a name without a tag or a digest", name)
	}
	all, err := candidates(sys, bare)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, named := range all {
		tags, err := tagsOf(ctx, opts.Access, sys, named)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		var pulled []Pulled
		var failed []error
		for _, tag := range tags {
			got, err := Pull(ctx, store, named.Name()+":"+tag, opts)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			pulled = append(pulled, got)
		}
		return pulled, combine(name, failed)
	}
	return nil, combine(name, errs)
}

// tagsOf lists the tags of a repository.
func tagsOf(ctx context.Context, a Access, sys *types.SystemContext, named reference.Named) ([]string, error) {
	sys, err := a.forRegistry(ctx, sys, named)
	if err != nil {
		return nil, err
	}
	ref, err := docker.NewReference(reference.TagNameOnly(named))
	if err != nil {
		return nil, invalid(named.String(), err)
	}
	var tags []string
	err = a.limits().bounded(ctx, func(ctx context.Context) error {
		tags, err = docker.GetRepositoryTags(ctx, sys, ref)
		return err
	})
	return tags, describe(named.Name(), err)
}

// combine makes one error of several, in one line. Its class is that of the
// last one, which was the last hope.
func combine(object string, errs []error) error {
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	class := classOf(errs[len(errs)-1])
	return errclass.New(class, object, &several{text: strings.Join(texts, "; "), errs: errs})
}

// oneLine makes one line of a message: the library's can have several, and
// may quote what a registry or a layer said.
func oneLine(err error) error {
	text := err.Error()
	if !strings.ContainsAny(text, "\r\n") {
		return err
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	class, object := errclass.Of(err)
	return errclass.New(class, object, &several{text: strings.Join(lines, "; "), errs: []error{err}})
}

type several struct {
	text string
	errs []error
}

func (s *several) Error() string   { return s.text }
func (s *several) Unwrap() []error { return s.errs }

// stagesOf is where a store keeps what is on its way.
func stagesOf(store *libstorage.Store) string {
	return filepath.Join(store.Root(), "tug", "tmp")
}

func stored(store *libstorage.Store, named reference.Named, id string) (types.ImageReference, error) {
	return istorage.Transport.NewStoreReference(store.Library(), named, id)
}
