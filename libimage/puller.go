// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"
)

// puller is one pull.
type puller struct {
	store  *libstorage.Store
	opts   PullOptions
	sys    *types.SystemContext
	name   string // as it was asked for
	events *reporter
}

func (p *puller) pull(ctx context.Context) (Pulled, error) {
	transportName, rest, ok := SplitTransport(p.name)
	if ok && transportName != dockerTransport {
		return p.pullElsewhere(ctx, transportName)
	}
	name := p.name
	if ok {
		name = strings.TrimPrefix(rest, "//")
		if name == rest {
			return Pulled{}, invalid(p.name, errors.New("docker: must be followed by //"))
		}
	}
	local, err := p.local(ctx, name)
	if err != nil {
		return Pulled{}, err
	}
	switch {
	case p.opts.Policy == PullNever && local == nil:
		return Pulled{}, fail(errclass.NotFound, p.name, "%s: %w, and the pull policy is never", p.name, libstorage.ErrImageUnknown)
	case local != nil && (p.opts.Policy == PullNever || p.opts.Policy == PullMissing):
		return *local, nil
	}
	all, err := p.candidates(name, ok)
	if err != nil {
		if local != nil && p.opts.Policy == PullNewer {
			return *local, nil
		}
		return Pulled{}, err
	}
	var errs []error
	for _, named := range all {
		got, err := p.pullNamed(ctx, named, local)
		if err == nil {
			return got, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	err = combine(p.name, errs)
	if local != nil && p.opts.Policy == PullNewer && (errors.Is(err, ErrNetwork) || errors.Is(err, ErrRateLimit)) {
		p.opts.Access.warn(err.Error() + ": the image that is there is used")
		return *local, nil
	}
	return Pulled{}, err
}

func (p *puller) candidates(name string, full bool) ([]reference.Named, error) {
	if !full {
		return candidates(p.sys, name)
	}
	named, err := parseNamed(name)
	if err != nil {
		return nil, err
	}
	return finish(named)
}

// local looks for the image in the store. One that is damaged, or is for
// another platform than the one that was asked for, is not there.
func (p *puller) local(ctx context.Context, name string) (*Pulled, error) {
	if p.opts.Policy == PullAlways || p.opts.Policy == "" {
		return nil, nil
	}
	if err := checkText(name); err != nil {
		return nil, err
	}
	img, err := p.store.Image(ctx, name)
	if errors.Is(err, libstorage.ErrImageUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	config, err := p.store.Config(ctx, img.ID)
	if err != nil {
		if p.opts.Policy == PullNever {
			return nil, err
		}
		return nil, nil
	}
	have := Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	if err := p.checkPlatform(have); err != nil {
		if p.opts.Policy == PullNever {
			return nil, err
		}
		return nil, nil
	}
	got := &Pulled{ID: img.ID, Digest: img.Digest}
	if len(img.Names) > 0 {
		got.Name = img.Names[0]
	}
	return got, nil
}

// pullNamed pulls one candidate, with retries.
func (p *puller) pullNamed(ctx context.Context, named reference.Named, local *Pulled) (Pulled, error) {
	object := named.String()
	sys, err := p.opts.Access.forRegistry(ctx, p.sys, named)
	if err != nil {
		return Pulled{}, err
	}
	ref, err := docker.NewReference(named)
	if err != nil {
		return Pulled{}, invalid(object, err)
	}
	var got Pulled
	err = p.opts.Retry.do(ctx, p.retrying, func() error {
		got, err = p.attempt(ctx, object, ref, sys, named, local)
		return err
	})
	return got, err
}

func (p *puller) retrying(err error, delay time.Duration) {
	p.events.send(Event{Kind: EventRetry, Message: err.Error() + ": again in " + delay.String()})
}

// attempt opens the image, looks at its platform and stores it.
func (p *puller) attempt(ctx context.Context, object string, ref types.ImageReference, sys *types.SystemContext,
	named reference.Named, local *Pulled) (got Pulled, err error) {
	if p.store.ReadOnly() {
		return Pulled{}, fail(errclass.Conflict, object, "%s: store %s: %w", object, p.store.Root(), libstorage.ErrReadOnly)
	}
	p.events.send(Event{Kind: EventStart, Message: object})
	st, err := newStage(stagesOf(p.store))
	if err != nil {
		return Pulled{}, err
	}
	defer func() { err = errors.Join(err, st.remove()) }()
	own := *sys
	own.BigFilesTemporaryDir = st.dir
	src, err := open(ctx, object, ref, &own, p.opts.Access.limits())
	if err != nil {
		return Pulled{}, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	src.unpacks = true
	top := digest.FromBytes(src.raw)
	if local != nil && p.has(ctx, local, top) {
		return *local, nil
	}
	sum, err := p.choose(ctx, src, &own)
	if err != nil {
		return Pulled{}, err
	}
	id := ""
	if named == nil {
		id = sum.config.Digest.Encoded()
	}
	dst, err := stored(p.store, named, id)
	if err != nil {
		return Pulled{}, invalid(object, err)
	}
	id, err = copyIntoStore(ctx, p.store, src, dst, &own, p.opts, p.events)
	if err != nil {
		return Pulled{}, err
	}
	got = Pulled{ID: id, Digest: top, Fetched: true}
	if named != nil {
		got.Name = named.String()
	}
	return got, nil
}

// has tells whether the local image is what the registry has.
func (p *puller) has(ctx context.Context, local *Pulled, top digest.Digest) bool {
	img, err := p.store.Image(ctx, local.ID)
	return err == nil && (img.Digest == top || slices.Contains(img.Digests, top))
}

// choose finds the manifest for the platform, and refuses an image of another
// one before any layer is fetched.
func (p *puller) choose(ctx context.Context, src *source, sys *types.SystemContext) (*summary, error) {
	want := p.opts.Platform.complete()
	sum := src.top
	if sum.list {
		instance, err := chooseInstance(src, sys)
		if err != nil {
			return nil, fail(errclass.NotFound, src.object, "%s: %w: no image for %s: it is there for %s",
				src.object, ErrPlatform, want, strings.Join(platformsOf(src.raw), ", "))
		}
		if _, sum, err = src.manifest(ctx, &instance); err != nil {
			return nil, err
		}
		if sum.list {
			return nil, fail(errclass.Unsupported, src.object, "%s: %w: an index within an index", src.object, ErrNotImage)
		}
	}
	config, err := src.checkImage(ctx, sum)
	if err != nil {
		return nil, err
	}
	have := Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	if err := p.checkPlatform(have); err != nil {
		return nil, fail(errclass.NotFound, src.object, "%s: %w", src.object, err)
	}
	return sum, nil
}

// checkPlatform compares an image's platform with the wanted one. What the
// image does not say is not compared.
func (p *puller) checkPlatform(have Platform) error {
	want := p.opts.Platform.complete()
	norm := have.Normal()
	if (have.OS != "" && norm.OS != want.OS) ||
		(have.Architecture != "" && norm.Architecture != want.Architecture) ||
		(p.opts.Platform.Variant != "" && have.Variant != "" && norm.Variant != want.Variant) {
		return fail(errclass.NotFound, p.name, "%s: %w: the image is for %s, not for %s", p.name, ErrPlatform, have, want)
	}
	return nil
}
