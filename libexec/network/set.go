// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// Options say where a Set is.
type Options struct {
	// Dir has the definitions, RunDir what lasts until the next boot.
	Dir, RunDir string
	// Default is the name of the default network; empty for DefaultName.
	Default string
	// Subnet is what the default network is to have; the zero value is one that is
	// free. Pools are where the subnets of others come from; nil for ours.
	Subnet *Subnet
	Pools  []Pool
	// Resolver is the file of tug-dns; without one no names are resolved.
	Resolver string
	// Drivers are those beside the one for bridges.
	Drivers []Driver
	// Path is searched for pasta after the usual directories, like PATH.
	Path string
	// Debug, when not nil, hears of what is no error.
	Debug func(message string)
}

// Set is the networks of a store. It holds nothing open; several processes may
// have it at once.
type Set struct {
	o       Options
	drivers []Driver
}

// Open gives a Set. The directories are made when something is kept there.
func Open(o Options) *Set {
	if o.Default == "" {
		o.Default = DefaultName
	}
	s := &Set{o: o}
	b := newBridge(o.RunDir)
	s.drivers = append(slices.Clone(o.Drivers), b, &macvlan{b}, &pasta{o.RunDir, o.Path})
	return s
}

func (s *Set) note(message string) {
	if s.o.Debug != nil {
		s.o.Debug(message)
	}
}

func (s *Set) path(name string) string { return filepath.Join(s.o.Dir, name+".json") }

// DefaultName is the network that Default gives.
func (s *Set) DefaultName() string { return s.o.Default }

// List gives all networks by name. One that cannot be read has an Err.
func (s *Set) List() ([]Network, error) {
	names, err := jsonNames(s.o.Dir)
	if err != nil {
		return nil, err
	}
	var all []Network
	for _, name := range names {
		n, err := s.read(name)
		if errors.Is(err, ErrUnknown) {
			continue // removed meanwhile
		}
		n.Err = err
		all = append(all, n)
	}
	for _, d := range s.drivers {
		if l, ok := d.(Lister); ok {
			own, err := l.Networks()
			if err != nil {
				return nil, err
			}
			for _, n := range own {
				if !slices.ContainsFunc(all, func(o Network) bool { return o.Name == n.Name }) {
					all = append(all, n)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Lookup finds a network by its name, its ID or the beginning of that.
func (s *Set) Lookup(name string) (Network, error) {
	if validName(name) {
		if n, err := s.read(name); !errors.Is(err, ErrUnknown) {
			return n, err
		}
	}
	all, err := s.List()
	if err != nil {
		return Network{}, err
	}
	var found []Network
	for _, n := range all {
		if n.Name == name {
			return n, n.Err
		}
		if n.Err == nil && name != "" && strings.HasPrefix(n.ID, name) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return Network{}, unknown(name)
	case 1:
		return found[0], nil
	}
	return Network{}, errorf(errclass.Usage, name, "network %s: the beginning of more than one ID", name)
}

func unknown(name string) error {
	return errorf(errclass.NotFound, name, "network %s: %w", shorten(name), ErrUnknown)
}

func (s *Set) read(name string) (Network, error) {
	data, err := ondisk.Read(s.path(name), fileLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return Network{Name: name}, unknown(name)
	}
	var n Network
	if err == nil {
		n, err = parse(name, data)
	}
	if err != nil && !errors.Is(err, ErrNewer) {
		err = errorf(errclass.Internal, name, "network %s: definition %w: %w", name, ErrDamaged, err)
	}
	if err != nil {
		return Network{Name: name}, err
	}
	return n, nil
}

// parse reads a definition.
func parse(name string, data []byte) (n Network, err error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return n, err
	}
	if head.Format > format {
		return n, errorf(errclass.Unsupported, name, "network %s: format %d: %w: this one knows format %d", name, head.Format, ErrNewer, format)
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return n, err
	}
	switch {
	case n.Format < 1:
		return n, errors.New("no format number")
	case n.Name != name:
		return n, fmt.Errorf("it is that of network %q", shorten(n.Name))
	case len(n.ID) != 64 || strings.Trim(n.ID, "0123456789abcdef") != "":
		return n, errors.New("no ID")
	}
	return n, n.check()
}

// Create keeps a definition, and completes it: ID, time, driver, interface,
// subnets and gateways. When it has returned, the network survives a power cut.
func (s *Set) Create(ctx context.Context, n Network) (Network, error) {
	if err := CheckName(n.Name); err != nil {
		return n, err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return n, err
	}
	n, err = s.create(n)
	return n, errors.Join(err, unlock())
}

func (s *Set) create(n Network) (Network, error) {
	all, err := s.List()
	if err != nil {
		return n, err
	}
	for _, other := range all {
		if other.Name == n.Name {
			return n, errorf(errclass.Conflict, n.Name, "network %s: %w", n.Name, ErrExists)
		}
	}
	n.Format, n.Created = format, time.Now().UTC()
	id := make([]byte, 32)
	_, _ = rand.Read(id) // it does not fail
	n.ID = hex.EncodeToString(id)
	if n.Driver == "" {
		n.Driver = Bridge
	}
	if err := s.complete(&n, all); err != nil {
		return n, err
	}
	return n, s.write(&n)
}

func (s *Set) write(n *Network) error {
	data, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	if err := ondisk.Replace(s.path(n.Name), append(data, '\n'), 0o600, true); err != nil {
		return fmt.Errorf("network %s: %w", n.Name, err)
	}
	return nil
}

// move gives a network another subnet, and its bridge another name, when they
// were chosen and not asked for. why is what is wrong with those it has.
func (s *Set) move(ctx context.Context, n *Network, why error) (bool, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	now, err := s.read(n.Name)
	if err != nil {
		return false, err
	}
	if now.ID == n.ID && now.Interface != n.Interface { // by another process
		*n = now
		return true, nil
	}
	all, err := s.List()
	if err != nil || !now.Chosen {
		return false, errors.Join(why, err)
	}
	now.Interface, now.Subnets, now.IPv6 = "", nil, n.IPv6
	if err := s.complete(&now, all); err != nil {
		return false, errors.Join(why, err)
	}
	s.note(fmt.Sprintf("network %s: %v: it gets subnet %s", n.Name, why, now.Subnets[0].Subnet))
	*n = now
	return true, s.write(n)
}

// Default gives the default network, which is made when there is none.
func (s *Set) Default(ctx context.Context) (Network, error) {
	n, err := s.Lookup(s.o.Default)
	if !errors.Is(err, ErrUnknown) {
		return n, err
	}
	n = Network{Name: s.o.Default}
	if s.o.Subnet != nil {
		n.Subnets = []Subnet{*s.o.Subnet}
	}
	n, err = s.Create(ctx, n)
	if errors.Is(err, ErrExists) { // another one was quicker
		return s.Lookup(s.o.Default)
	}
	return n, err
}

// lock is for who changes definitions.
func (s *Set) lock(ctx context.Context) (unlock func() error, err error) {
	if err := os.MkdirAll(s.o.Dir, 0o700); err != nil {
		return nil, err
	}
	return lock(ctx, filepath.Join(s.o.Dir, "lock"))
}

// Remove removes a network that nobody is on; a damaged definition too.
func (s *Set) Remove(ctx context.Context, name string) error {
	n, err := s.Lookup(name)
	if err != nil && n.Name == "" || errors.Is(err, ErrUnknown) || errors.Is(err, ErrNewer) {
		return err
	}
	unlock, lerr := s.lock(ctx)
	if lerr != nil {
		return lerr
	}
	return errors.Join(s.remove(ctx, &n, err == nil), unlock())
}

func (s *Set) remove(ctx context.Context, n *Network, sound bool) error {
	on, err := s.On(n.Name)
	if err != nil {
		return err
	}
	if len(on) > 0 {
		who := on[0].Container.Name
		if who == "" {
			who = on[0].Container.ID
		}
		return errorf(errclass.Conflict, n.Name, "network %s: %w: container %s is on it", n.Name, ErrInUse, who)
	}
	if sound {
		d, err := s.driver(n.Driver)
		if err != nil {
			return err
		}
		if err := d.Drop(ctx, n); err != nil {
			return err
		}
	}
	if err := os.Remove(s.path(n.Name)); errors.Is(err, fs.ErrNotExist) {
		return errorf(errclass.Unsupported, n.Name, "network %s: it is not of this store: it cannot be removed here", n.Name)
	} else if err != nil {
		return err
	}
	return errors.Join(ondisk.SyncDir(s.o.Dir), os.RemoveAll(s.runPath(n.Name)), s.book().Remove(n.Name))
}

// driver finds the driver of a name.
func (s *Set) driver(name string) (Driver, error) {
	for _, d := range s.drivers {
		if d.Name() == name {
			return d, nil
		}
	}
	return nil, errorf(errclass.Unsupported, name, "network driver %s: not one of this version", shorten(name))
}
