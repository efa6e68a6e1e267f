// SPDX-License-Identifier: Apache-2.0

package autoupdate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
)

// updater does the work.
type updater struct {
	store            *libstorage.Store
	storage          libstorage.Options
	access           libimage.Access
	event            func(libimage.Event)
	dryRun, rollback bool
}

// candidate is a container that asks to be kept current.
type candidate struct {
	row
	info    libstorage.ContainerInfo
	service *launch.Service
}

// update looks at all containers, then restarts the units of those that are not
// current. One that fails does not keep the others from it.
func (u *updater) update(ctx context.Context) ([]row, error) {
	rows := []row{}
	all, err := u.candidates(ctx)
	if err != nil {
		return rows, err
	}
	var errs []error
	for _, c := range all {
		c.Updated = unchanged
		newer, err := u.look(ctx, c)
		switch {
		case err != nil:
			c.Updated = failed
			errs = append(errs, err)
		case newer:
			c.Updated = pending
		}
	}
	for i, c := range all {
		if c.Updated == pending && !u.dryRun {
			var same []*candidate // what else is in the unit starts anew with it
			for _, other := range all[i:] {
				if other.Updated == pending && other.Unit == c.Unit && other.service.User == c.service.User {
					same = append(same, other)
				}
			}
			state, err := u.restart(ctx, same)
			for _, other := range same {
				other.Updated = state
			}
			errs = append(errs, err)
			if state == rolledBack {
				errs = append(errs, u.followBack(ctx, all, same))
			}
		}
	}
	for _, c := range all {
		rows = append(rows, c.row)
	}
	return rows, errors.Join(errs...)
}

// candidates are the containers that run and have the label.
func (u *updater) candidates(ctx context.Context) ([]*candidate, error) {
	containers, err := u.store.Containers(ctx)
	if err != nil {
		return nil, err
	}
	var all []*candidate
	for _, info := range containers {
		r := info.Record
		policy := r.Labels[policyLabel]
		if info.Err != nil || policy == "" || policy == "disabled" || r.State() != libstorage.Running {
			continue
		}
		config, err := launch.ReadConfig(&info)
		if err != nil {
			logrus.Error(err)
		}
		c := &candidate{info: info, service: config.Service, row: row{
			Container: r.ID[:12] + " (" + r.Name + ")", ContainerName: r.Name, ContainerID: r.ID, Image: r.ImageName, Policy: policy,
		}}
		if c.service == nil {
			c.service = &launch.Service{}
		}
		c.Unit = c.service.Unit
		all = append(all, c)
	}
	return all, nil
}

// look tells whether a container's image is not what its name stands for any more.
// The new image is pulled then, but for a dry run.
func (u *updater) look(ctx context.Context, c *candidate) (newer bool, err error) {
	fail := func(class errclass.Class, format string, args ...any) (bool, error) {
		return false, errclass.New(class, c.ContainerName, fmt.Errorf("container %s: "+format, append([]any{c.ContainerName}, args...)...))
	}
	if !strings.HasSuffix(c.Unit, ".service") {
		return fail(errclass.Conflict, "it has the label %s, and is no unit that could be restarted", policyLabel)
	}
	switch c.Policy {
	case "local":
		img, err := u.store.Image(ctx, c.Image)
		if err != nil {
			return fail(errclass.NotFound, "%w", err)
		}
		return img.ID != c.info.Record.ImageID, nil
	case "registry", "image":
		// A short name might be found elsewhere today.
		host, _, isPath := strings.Cut(c.Image, "/")
		if !isPath || !strings.ContainsAny(host, ".:") && host != "localhost" {
			return fail(errclass.Usage, "image %q: %s=%s needs a name with a registry", c.Image, policyLabel, c.Policy)
		}
		newer, err := u.ask(ctx, c)
		if err != nil {
			class, _ := errclass.Of(err)
			return fail(class, "%w", err)
		}
		return newer, nil
	}
	return fail(errclass.Usage, "label %s=%q: must be registry, local or disabled", policyLabel, c.Policy)
}

// ask compares with the registry.
func (u *updater) ask(ctx context.Context, c *candidate) (newer bool, err error) {
	config, err := u.store.Config(ctx, c.info.Record.ImageID)
	if err != nil {
		return false, err
	}
	access := u.access
	if file := c.info.Record.Labels[authFileLabel]; file != "" && access.AuthFile == "" {
		if _, err := os.Stat(file); err != nil {
			return false, errclass.New(errclass.Usage, file, fmt.Errorf("label %s: %w", authFileLabel, err))
		}
		access.AuthFile, access.DockerConfig = file, ""
	}
	platform := libimage.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	img, err := u.store.Image(ctx, c.info.Record.ImageID)
	if err != nil {
		return false, err
	}
	remote, err := libimage.Inspect(ctx, "docker://"+c.Image, libimage.InspectOptions{
		Access: access, Platform: platform, NoTags: true, Store: u.storage,
	})
	if err != nil {
		return false, err
	}
	if remote.Digest == img.Digest || slices.Contains(img.Digests, remote.Digest) {
		return false, nil
	}
	if u.dryRun {
		return true, nil
	}
	got, err := libimage.Pull(ctx, u.store, c.Image, libimage.PullOptions{Access: access, Platform: platform, Progress: u.event})
	return got.ID != img.ID, err
}

// restart restarts the unit of containers, and goes back to their images when it
// does not become ready.
func (u *updater) restart(ctx context.Context, of []*candidate) (state string, err error) {
	service := of[0].service
	begun, err := service.Restart(ctx)
	if err == nil {
		return updated, nil
	}
	if !begun {
		return failed, errclass.New(errclass.Conflict, service.Unit, fmt.Errorf("unit %s: it cannot be restarted: %w", service.Unit, err))
	}
	err = errclass.New(errclass.Conflict, service.Unit, fmt.Errorf("unit %s: does not become ready: %w", service.Unit, err))
	if !u.rollback {
		return failed, err
	}
	for _, c := range of {
		if terr := u.store.Tag(ctx, c.info.Record.ImageID, c.Image); terr != nil {
			return failed, errors.Join(err, terr)
		}
	}
	if _, rerr := service.Restart(ctx); rerr != nil {
		return failed, errors.Join(err, fmt.Errorf("with the image that it had: %w", rerr))
	}
	return rolledBack, err
}

// followBack takes back the other units of images that were taken back: a name stands
// for one image, and the next start would take it.
func (u *updater) followBack(ctx context.Context, all, back []*candidate) error {
	var errs []error
	for _, c := range all {
		shared := slices.ContainsFunc(back, func(b *candidate) bool { return b.Image == c.Image && b.Unit != c.Unit })
		if !shared {
			continue
		}
		switch c.Updated {
		case pending:
			c.Updated = rolledBack // before it has come to that
		case updated:
			c.Updated = rolledBack
			if _, err := c.service.Restart(ctx); err != nil {
				c.Updated = failed
				errs = append(errs, errclass.New(errclass.Conflict, c.Unit, fmt.Errorf("unit %s: %w", c.Unit, err)))
			}
		}
	}
	return errors.Join(errs...)
}
