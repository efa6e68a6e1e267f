// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// Setup gives a container a network namespace, at NetnsPath, and puts it on
// networks, in their order. On networks that it is on already it stays. When it
// fails, what it has made is taken away again.
func (s *Set) Setup(ctx context.Context, c Container, wants []Attachment) ([]Joined, error) {
	if !validID(c.ID) {
		return nil, errorf(errclass.Usage, c.ID, "container %q: not an ID", shorten(c.ID))
	}
	path := s.NetnsPath(c.ID)
	fresh := !isNamespace(path)
	if err := makeNamespace(path); err != nil {
		return nil, errorf(errclass.Internal, c.ID, "container %s: %w", c.ID, err)
	}
	on, err := s.Of(c.ID)
	before := len(on)
	for _, want := range wants {
		if err != nil {
			break
		}
		if slices.ContainsFunc(on, func(j Joined) bool { return j.Network == want.Network && j.Up }) {
			continue
		}
		var j Joined
		if j, err = s.join(ctx, c, want, on); err == nil {
			on = append(on, j)
			c.Ports = nil // they lead to the first one
		}
	}
	if err == nil {
		return on, nil
	}
	undo := context.WithoutCancel(ctx)
	for _, j := range on[min(before, len(on)):] {
		err = errors.Join(err, s.leave(undo, &j, false))
	}
	if fresh {
		err = errors.Join(err, s.Teardown(undo, c.ID))
	}
	return nil, err
}

// join puts a container on one network more.
func (s *Set) join(ctx context.Context, c Container, want Attachment, on []Joined) (Joined, error) {
	n, err := s.Find(ctx, want.Network)
	if err != nil {
		return Joined{}, err
	}
	d, err := s.driver(n.Driver)
	if err != nil {
		return Joined{}, err
	}
	j := Joined{
		Format: format, Network: n.Name, NetworkID: n.ID, Driver: n.Driver, Container: c, Netns: s.NetnsPath(c.ID),
		Interface: want.Interface, Aliases: want.Aliases, DNS: n.DNS && s.o.Resolver != "" && len(n.Subnets) > 0, Nameservers: n.DNSServers, Order: len(on),
	}
	if j.Interface, err = chooseName(want.Interface, on); err != nil {
		return j, err
	}
	announced := false
	keep := func() error {
		if announced {
			return s.writeJoined(&j)
		}
		announced = true
		return s.announce(ctx, &n, &j)
	}
	add := func() error { return d.Add(ctx, &n, want, &j, keep) }
	err = add()
	for tries := 0; errors.Is(err, errSubnet) && tries < 8; tries++ {
		// Another store, or the host, has taken it since it was chosen.
		moved := false
		if moved, err = s.move(ctx, &n, err); moved {
			err = add()
		}
	}
	if err == nil {
		err = s.enter(ctx, &n, &j)
	}
	if err == nil {
		j.Up = true
		err = s.writeJoined(&j)
	}
	if err != nil {
		return j, errors.Join(err, s.leave(context.WithoutCancel(ctx), &j, false))
	}
	return j, nil
}

// announce writes j down for the first time: who removes the network sees it from
// then on, or has removed it before.
func (s *Set) announce(ctx context.Context, n *Network, j *Joined) (err error) {
	if n.Driver != Bridge && n.Driver != Macvlan {
		return s.writeJoined(j) // its definition is not ours to remove
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if now, err := s.read(n.Name); err != nil || now.ID != n.ID {
		return errors.Join(unknown(n.Name), err)
	}
	return s.writeJoined(j)
}

// Find finds a network that a container asks for, as Lookup does; the default one is
// made.
func (s *Set) Find(ctx context.Context, name string) (Network, error) {
	switch name {
	case s.o.Default:
		return s.Default(ctx)
	case Pasta:
		return pastaNetwork(), nil
	}
	return s.Lookup(name)
}

// chooseName gives the interface in the container a name.
func chooseName(name string, on []Joined) (string, error) {
	taken := func(name string) bool {
		return name == "lo" || slices.ContainsFunc(on, func(j Joined) bool { return j.Interface == name })
	}
	if name != "" {
		if !validInterface(name) || taken(name) {
			return "", errorf(errclass.Usage, name, "interface name %q: it cannot be used in the container", shorten(name))
		}
		return name, nil
	}
	for i := 0; ; i++ {
		if name = fmt.Sprintf("eth%d", i); !taken(name) {
			return name, nil
		}
	}
}

// Leave takes a container off one network.
func (s *Set) Leave(ctx context.Context, id, name string) error {
	j, err := s.readJoined(name, id)
	if err != nil {
		return err
	}
	return s.leave(ctx, &j, false)
}

func (s *Set) leave(ctx context.Context, j *Joined, ending bool) error {
	d, err := s.driver(j.Driver)
	if err == nil && j.DNS {
		err = s.book().Leave(ctx, j.Network, j.Container.ID)
	}
	if err == nil {
		err = d.Remove(ctx, j, ending)
	}
	if err != nil {
		return errorf(errclass.Internal, j.Container.ID, "container %s: leave network %s: %w", j.Container.ID, j.Network, err)
	}
	return ondisk.Remove(s.joinedPath(j.Network, j.Container.ID))
}

// Teardown takes a container off all networks, by its full ID, and gives up its
// namespace. It does as much as there is to do: when it has returned without an
// error, nothing is left but what the kernel takes away by itself, with the last
// process of the namespace. For a container that is on none it costs a look into a
// directory.
func (s *Set) Teardown(ctx context.Context, id string) error {
	if !validID(id) {
		return nil
	}
	names, err := s.joinedBy(id)
	for _, name := range names {
		j, jerr := s.readJoined(name, id)
		if jerr != nil {
			// The drivers find by the names alone what there is.
			j = Joined{Network: name, Container: Container{ID: id}, Netns: s.NetnsPath(id), Driver: s.driverOf(name), DNS: true}
		}
		err = errors.Join(err, s.leave(ctx, &j, true))
	}
	return errors.Join(err, dropNamespace(s.NetnsPath(id)))
}

// driverOf is the driver of a network that may be gone.
func (s *Set) driverOf(name string) string {
	if name == Pasta {
		return Pasta
	}
	if n, err := s.Lookup(name); err == nil {
		return n.Driver
	}
	return Bridge
}
