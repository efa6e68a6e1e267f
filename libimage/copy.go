// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/compression"
	"go.podman.io/image/v5/types"
)

// Selection says what of an index is copied.
type Selection string

const (
	// SelectSystem copies the image for Platform; an index becomes an image.
	SelectSystem Selection = "system"
	// SelectAll copies the index and all its images.
	SelectAll Selection = "all"
	// SelectIndex copies the index alone; its images must be there already.
	SelectIndex Selection = "index-only"
)

// CopyOptions are the choices of a copy.
type CopyOptions struct {
	Source, Destination Access
	Platform            Platform
	Selection           Selection // "" is SelectSystem
	Retry               Retry
	Parallel            uint
	// PreserveDigests fails rather than change a manifest.
	PreserveDigests bool
	// Format is oci, v2s2 or v2s1; "" is what the source has.
	Format string
	// CompressFormat (gzip, zstd, ...) and CompressLevel are for layers that
	// are compressed anew.
	CompressFormat string
	CompressLevel  *int
	// AdditionalTags are names that a docker-archive gets besides its own.
	AdditionalTags []string
	// Uncompressed leaves layers that are not compressed so, in the OCI formats;
	// Compress compresses them also in a directory.
	Uncompressed, Compress bool
	// RemoveSignatures leaves the signatures behind.
	RemoveSignatures bool
	// SignBy is the fingerprint of a GPG key, SignPassphrase its passphrase. It needs a
	// program that is built with GPGME. SignKeys are sigstore keys. SignIdentity is the
	// name that a signature is for, in the place of the destination's.
	SignBy         string
	SignPassphrase []byte
	SignKeys       []SignKey
	SignIdentity   string
	// Store is for containers-storage: references.
	Store libstorage.Options
	// TempDir is for temporary files instead of a place chosen by the ends.
	TempDir string
	// Progress gets the events, one at a time.
	Progress func(Event)
}

// Copied is what a copy made.
type Copied struct {
	Manifest []byte
	Digest   digest.Digest
}

// Copy copies an image between two places, each named with its transport:
// docker://docker.io/library/busybox, oci:/tmp/layout:tag, dir:/tmp/image.
// A failed copy may leave blobs in a registry or in a layout that was there
// before, but no tag; elsewhere it leaves nothing.
func Copy(ctx context.Context, dst, src string, opts CopyOptions) (_ Copied, err error) {
	stores := &stores{opts: opts.Store}
	defer func() { err = errors.Join(err, stores.close()) }()
	from, err := parse(src, stores.openExisting)
	if err != nil {
		return Copied{}, err
	}
	to, err := parse(dst, stores.open)
	if err != nil {
		return Copied{}, err
	}
	c := &copier{opts: opts, src: src, dst: dst, from: from, to: to, events: newReporter(src, opts.Progress)}
	return c.run(ctx, stores)
}

// run copies between two ends, of which the stores are open.
func (c *copier) run(ctx context.Context, stores *stores) (_ Copied, err error) {
	src, dst, to, opts := c.src, c.dst, c.to, c.opts
	if err := c.prepare(ctx); err != nil {
		return Copied{}, err
	}
	end, err := c.signers()
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return Copied{}, err
	}
	if to.Transport().Name() == storageTransport {
		c.store = stores.all[len(stores.all)-1] // the destination is opened last
	}
	st, err := c.stageFor(stores)
	if err != nil {
		return Copied{}, describe(dst, err)
	}
	if st != nil {
		defer func() { err = errors.Join(err, st.remove()) }()
		c.sourceSys.BigFilesTemporaryDir, c.destSys.BigFilesTemporaryDir = st.dir, st.dir
	}
	made := newDirectory(to)
	unlock, err := lockLayout(ctx, to)
	if err != nil {
		return Copied{}, describe(dst, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	var done Copied
	undo, err := rollbackOf(to, stores)
	if err != nil {
		return Copied{}, describe(dst, err)
	}
	err = opts.Retry.do(ctx, func(err error, delay time.Duration) {
		c.events.send(Event{Kind: EventRetry, Message: err.Error() + ": again in " + delay.String()})
	}, func() error {
		done, err = c.attempt(ctx)
		return err
	})
	if err := undo(err); err != nil {
		if made != "" {
			err = errors.Join(err, removeUnfinished(made, to))
		}
		return Copied{}, oneLine(describe(src, err))
	}
	c.events.send(Event{Kind: EventFinish, Digest: done.Digest})
	return done, nil
}

// rollbackOf takes back what a failed copy has put into a store. The function
// is called once, with the copy's error.
func rollbackOf(to types.ImageReference, s *stores) (func(error) error, error) {
	if to.Transport().Name() != storageTransport {
		return func(err error) error { return err }, nil
	}
	back, err := newRollback(s.all[len(s.all)-1]) // the destination is opened last
	if err != nil {
		return nil, err
	}
	return func(err error) error {
		if err == nil {
			return back.keep()
		}
		return errors.Join(err, back.undo())
	}, nil
}

// copier is one copy.
type copier struct {
	opts               CopyOptions
	src, dst           string
	from, to           types.ImageReference
	sourceSys, destSys *types.SystemContext
	options            copy.Options
	events             *reporter
	store              *libstorage.Store // of to, when it is in one
}

func (c *copier) attempt(ctx context.Context) (_ Copied, err error) {
	c.events.send(Event{Kind: EventStart, Message: c.src})
	pc, err := policy(c.sourceSys)
	if err != nil {
		return Copied{}, err
	}
	defer func() { err = errors.Join(err, pc.Destroy()) }()
	from, blame := c.from, func(err error) error { return err }
	if from.Transport().Name() != storageTransport {
		border, err := open(ctx, c.src, from, c.sourceSys, c.opts.Source.limits())
		if err != nil {
			return Copied{}, err
		}
		defer func() { err = errors.Join(err, border.Close()) }()
		border.unpacks = c.to.Transport().Name() == storageTransport
		if err := c.check(ctx, border); err != nil {
			return Copied{}, err
		}
		instances, err := c.instances(border)
		if err == nil {
			pc, err = verified(ctx, pc, border, instances)
		}
		if err != nil {
			return Copied{}, err
		}
		if c.stored() {
			if err := ready(ctx, c.store, border, pc, instances, c.events, c.opts.Parallel); err != nil {
				return Copied{}, fmt.Errorf("copy %s to %s: %w", c.src, c.dst, err)
			}
		}
		from, blame = border, border.blame
	}
	options := c.options
	raw, err := runCopy(ctx, pc, c.to, from, &options, c.events)
	if err != nil {
		return Copied{}, fmt.Errorf("copy %s to %s: %w", c.src, c.dst, blame(err))
	}
	d, err := manifest.Digest(raw)
	if err != nil {
		return Copied{}, err
	}
	return Copied{Manifest: raw, Digest: d}, nil
}

// instances lists the images of an index that are going to be copied.
func (c *copier) instances(border *source) ([]digest.Digest, error) {
	if c.options.ImageListSelection == copy.CopySystemImage {
		return chosen(border, c.sourceSys)
	}
	return border.instancesOf()
}

// check says what an index has when it has not what is wanted, and looks at
// an image that goes into a store as a pull does.
func (c *copier) check(ctx context.Context, border *source) error {
	if c.options.ImageListSelection != copy.CopySystemImage {
		return nil
	}
	sum := border.top
	if sum.list {
		instance, err := chooseInstance(border, c.sourceSys)
		if err != nil {
			return fail(errclass.NotFound, c.src, "%s: %w: no image for %s: it is there for %s", c.src, ErrPlatform,
				c.opts.Platform.complete(), strings.Join(platformsOf(border.raw), ", "))
		}
		if _, sum, err = border.manifest(ctx, &instance); err != nil {
			return err
		}
	}
	if c.to.Transport().Name() != storageTransport {
		return nil
	}
	_, err := border.checkImage(ctx, sum)
	return err
}

// prepare turns the options into those of the library.
func (c *copier) prepare(ctx context.Context) (err error) {
	if c.sourceSys, err = endpoint(ctx, c.opts.Source, c.from); err != nil {
		return err
	}
	if c.destSys, err = endpoint(ctx, c.opts.Destination, c.to); err != nil {
		return err
	}
	c.opts.Platform.apply(c.sourceSys)
	c.options = copy.Options{
		SourceCtx: c.sourceSys, DestinationCtx: c.destSys,
		PreserveDigests:      c.opts.PreserveDigests,
		RemoveSignatures:     c.opts.RemoveSignatures,
		MaxParallelDownloads: c.opts.Parallel,
	}
	if c.opts.SignIdentity != "" {
		if c.options.SignIdentity, err = parseNamed(c.opts.SignIdentity); err != nil {
			return err
		}
	}
	switch c.opts.Selection {
	case "", SelectSystem:
		c.options.ImageListSelection = copy.CopySystemImage
	case SelectAll:
		c.options.ImageListSelection = copy.CopyAllImages
	case SelectIndex:
		c.options.ImageListSelection = copy.CopySpecificImages
	default:
		return fail(errclass.Usage, string(c.opts.Selection), "multi-arch %q: must be system, all or index-only", c.opts.Selection)
	}
	if c.options.ForceManifestMIMEType, err = ParseFormat(c.opts.Format); err != nil {
		return err
	}
	return c.prepareDestination()
}

func (c *copier) prepareDestination() error {
	if c.opts.CompressFormat != "" {
		algorithm, err := compression.AlgorithmByName(c.opts.CompressFormat)
		if err != nil {
			return errclass.New(errclass.Usage, c.opts.CompressFormat, fmt.Errorf("compression %q: %w", c.opts.CompressFormat, err))
		}
		c.destSys.CompressionFormat = &algorithm
	}
	c.destSys.CompressionLevel = c.opts.CompressLevel
	c.destSys.OCIAcceptUncompressedLayers, c.destSys.DirForceCompress = c.opts.Uncompressed, c.opts.Compress
	for _, tag := range c.opts.AdditionalTags {
		named, err := parseNamed(tag)
		if err != nil {
			return err
		}
		tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
		if !ok {
			return invalid(tag, errors.New("an additional tag has no digest"))
		}
		c.destSys.DockerArchiveAdditionalTags = append(c.destSys.DockerArchiveAdditionalTags, tagged)
	}
	return nil
}

// endpoint gives the configuration for one end.
func endpoint(ctx context.Context, a Access, ref types.ImageReference) (*types.SystemContext, error) {
	sys, err := a.system()
	if err != nil || ref.Transport().Name() != dockerTransport {
		return sys, err
	}
	return a.forRegistry(ctx, sys, ref.DockerReference())
}

// stageFor makes the directory for temporary files where one can be needed:
// in the store when one takes part, beside an archive that is written, else
// where the user said or in the system's place for large files.
func (c *copier) stageFor(s *stores) (*stage, error) {
	if len(s.all) > 0 && c.opts.TempDir == "" {
		return newStage(stagesOf(s.all[0]))
	}
	needed := false
	for _, ref := range []types.ImageReference{c.from, c.to} {
		name := ref.Transport().Name()
		needed = needed || strings.HasSuffix(name, "-archive") || name == daemonTransport || name == "tarball"
	}
	if !needed {
		return nil, nil
	}
	dir := c.opts.TempDir
	if dir == "" && strings.HasSuffix(c.to.Transport().Name(), "-archive") {
		path, _, _ := strings.Cut(c.to.StringWithinTransport(), ":")
		dir = filepath.Dir(path)
	}
	if dir == "" {
		dir = "/var/tmp"
	}
	return sharedStage(dir)
}
