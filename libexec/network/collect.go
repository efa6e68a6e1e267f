// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Sweeper is a Driver that finds what killed processes left of containers, beside
// the files of the Set.
type Sweeper interface {
	// Holders are the containers, by ID, that have something.
	Holders() ([]string, error)
	// Purge takes all of that away from one.
	Purge(id string) error
}

// Holders are the IDs of all containers that have a namespace, an address, an
// interface or a port, whether they exist or not.
func (s *Set) Holders() ([]string, error) {
	ids := map[string]bool{}
	spaces, err := ondisk.Names(filepath.Join(s.o.RunDir, "netns"))
	for _, id := range spaces {
		ids[id] = true
	}
	names, nerr := used(s.o.RunDir)
	err = errors.Join(err, nerr)
	for _, name := range names {
		joined, jerr := jsonNames(s.runPath(name))
		err = errors.Join(err, jerr)
		for _, id := range joined {
			ids[id] = true
		}
	}
	for _, d := range s.drivers {
		if w, ok := d.(Sweeper); ok {
			more, werr := w.Holders()
			err = errors.Join(err, werr)
			for _, id := range more {
				ids[id] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(ids)), func(id string) bool { return !validID(id) }), err
}

// Purge is Teardown that looks for everything, for a container that nobody knows
// any more.
func (s *Set) Purge(ctx context.Context, id string) error {
	err := s.Teardown(ctx, id)
	for _, d := range s.drivers {
		if w, ok := d.(Sweeper); ok && validID(id) {
			err = errors.Join(err, w.Purge(id))
		}
	}
	return err
}

// Holders finds the owners of addresses, interfaces and ports.
func (b *bridge) Holders() ([]string, error) {
	var ids []string
	names, err := used(b.runDir)
	for _, name := range names {
		owners, oerr := b.addresses(name).owners()
		err = errors.Join(err, oerr)
		ids = slices.AppendSeq(ids, maps.Values(owners))
	}
	if !Allowed() {
		return ids, err
	}
	links, lerr := b.links()
	err = errors.Join(err, lerr)
	ids = slices.AppendSeq(ids, maps.Keys(links))
	f, ferr := b.firewall()
	if ferr != nil {
		return ids, errors.Join(err, ferr)
	}
	defer f.close()
	// Nothing is removed: those that are seen are kept in mind.
	ferr = f.purge(func(id string) bool { ids = append(ids, id); return false })
	return ids, errors.Join(err, ferr)
}

// uninterrupted asks the kernel for a list again when that has changed meanwhile
// (NLM_F_DUMP_INTR). Where it changes all the time, the last answer has to do: it may
// lack what came or went just now.
func uninterrupted(ask func() error) error {
	for range 10 {
		if err := ask(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return nil
}

func dump[T any](list func() ([]T, error)) (all []T, err error) {
	err = uninterrupted(func() (err error) { all, err = list(); return err })
	return all, err
}

// links are the interfaces of containers, by their ID.
func (b *bridge) links() (map[string]string, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	all, err := dump(h.LinkList)
	if err != nil {
		return nil, err
	}
	links := map[string]string{}
	for _, link := range all {
		if id, ours := strings.CutPrefix(link.Attrs().Alias, b.alias("")); ours && link.Type() == "veth" {
			links[id] = link.Attrs().Name
		}
	}
	return links, nil
}

// Purge takes addresses, interfaces and ports of a container away.
func (b *bridge) Purge(id string) error {
	names, err := used(b.runDir)
	for _, name := range names {
		pool := b.addresses(name)
		of, oerr := pool.of(id)
		err = errors.Join(err, oerr, pool.give(id, of))
	}
	h, herr := netlink.NewHandle(unix.NETLINK_ROUTE)
	if herr != nil {
		return errors.Join(err, herr)
	}
	defer h.Close()
	for {
		links, lerr := b.links()
		name, there := links[id]
		if err = errors.Join(err, lerr); !there {
			break
		}
		if lerr := removeLink(h, name); lerr != nil {
			err = errors.Join(err, lerr)
			break
		}
	}
	f, ferr := b.firewall()
	if ferr != nil {
		return errors.Join(err, ferr)
	}
	defer f.close()
	return errors.Join(err, firewallError(f.purge(func(of string) bool { return of == id })))
}
