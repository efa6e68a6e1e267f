// SPDX-License-Identifier: Apache-2.0

package prune

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// pruner removes one kind after the other. What cannot be removed keeps nothing
// else from it.
type pruner struct {
	cmd     *cobra.Command
	ctx     context.Context
	store   *libstorage.Store
	wanted  conditions
	heading bool
	titled  string
	freed   int64
}

// say prints what was removed.
func (p *pruner) say(title, name string) error {
	if p.heading && p.titled != title {
		p.titled = title
		if _, err := fmt.Fprintln(p.cmd.OutOrStdout(), "Deleted", title); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(p.cmd.OutOrStdout(), name)
	return err
}

// containers removes those that do not run. One whose record cannot be read may.
func (p *pruner) containers() error {
	list, err := p.store.Containers(p.ctx)
	for i := range list {
		info := &list[i]
		r := &info.Record
		if info.Err != nil || r.State() == libstorage.Running || info.Monitored() || info.Locked() || !p.wanted.match(r.Labels, r.Created) {
			continue
		}
		if err := context.Cause(p.ctx); err != nil {
			return err
		}
		size, serr := p.store.ContainerChanges(p.ctx, info)
		rerr := launch.Remove(p.ctx, p.store, info, launch.RemoveOptions{})
		if errors.Is(rerr, libstorage.ErrContainerRunning) || errors.Is(rerr, libstorage.ErrContainerLocked) {
			continue // it was started just now
		}
		if rerr == nil {
			p.freed += size
			rerr = p.say("Containers", r.ID)
		}
		err = errors.Join(err, serr, rerr)
	}
	return err
}

// volumes removes those that no container has.
func (p *pruner) volumes() error {
	sizes := map[string]int64{}
	removed, err := p.store.PruneVolumes(p.ctx, func(v libstorage.Volume) bool {
		if !p.wanted.match(v.Labels, v.Created) {
			return false
		}
		sizes[v.Name], _ = p.store.VolumeSize(p.ctx, v) // it goes in any case
		return true
	})
	for _, name := range removed {
		p.freed += sizes[name]
		err = errors.Join(err, p.say("Volumes", name))
	}
	return err
}

// images removes those that no container uses; without all, only those that have
// no name and that no other image was made from.
func (p *pruner) images(all bool) error {
	before, err := p.store.ImagesUsage(p.ctx)
	if err != nil {
		return err
	}
	lineage, err := p.store.Lineage(p.ctx)
	if err != nil {
		return err
	}
	var errs []error
	gone := map[string]bool{}
	for _, one := range before.Images {
		img := &one.Image
		if one.Containers > 0 || gone[img.ID] || !all && (len(img.Names) > 0 || lineage.Intermediate(img.ID)) {
			continue
		}
		wanted, err := p.wantedImage(img)
		if err != nil || !wanted {
			errs = append(errs, err)
			continue
		}
		if err := context.Cause(p.ctx); err != nil {
			return errors.Join(append(errs, err)...)
		}
		removed, err := p.store.Remove(p.ctx, img.ID, libstorage.RemoveOptions{Force: true, NoPrune: len(p.wanted) > 0})
		for _, id := range removed.Deleted {
			gone[id] = true
			errs = append(errs, p.say("Images", id))
		}
		if !errors.Is(err, libstorage.ErrImageInUse) && !errors.Is(err, libstorage.ErrImageUnknown) {
			errs = append(errs, err)
		}
	}
	after, err := p.store.ImagesUsage(p.ctx)
	if err == nil {
		p.freed += max(0, before.Total-after.Total)
	}
	return errors.Join(append(errs, err)...)
}

func (p *pruner) wantedImage(img *libstorage.Image) (bool, error) {
	if len(p.wanted) == 0 {
		return true, nil
	}
	config, err := p.store.Config(p.ctx, img.ID)
	if err != nil {
		return false, err
	}
	return p.wanted.match(config.Config.Labels, img.Created), nil
}
