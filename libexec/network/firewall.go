// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

// The rules of a store are one table of nftables. The rules themselves never
// change; what belongs to a network or a container are elements of its sets and
// maps, so that one transaction adds a container, and one removes it. No other
// table is touched: what another one drops stays dropped.
//
//	prerouting  to an address of the host: by the ports to a container
//	output      the same, for the host itself; but not by ::1, from where the kernel
//	            routes no answer back
//	postrouting from a network to elsewhere, and from a container by a port of
//	            the host to its own network: masqueraded
//	forward     internal and isolated networks
//	loopback    nothing that a container sends is from or for 127.0.0.0/8
type firewall struct {
	conn  *nftables.Conn
	table *nftables.Table
	sets  [setCount]*nftables.Set
}

// The sets and maps of the table.
const (
	ports4 = iota // protocol . port : address . port
	ports6
	ports4At // address . protocol . port : address . port
	ports6At
	masquerade4 // subnets that have a way out
	masquerade6
	hairpin4 // subnet . the same subnet
	hairpin6
	bridges
	internals
	isolated
	alone
	same // bridge . the same bridge
	setCount
)

// shape is an empty set whose name says which rules the table has.
const shape = "rules-1"

func (b *bridge) firewall() (*firewall, error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	f := &firewall{conn: conn, table: &nftables.Table{Name: "tug-" + b.mark, Family: nftables.TableFamilyINet}}
	port := nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService)
	for i, s := range [setCount]nftables.Set{
		ports4:      {Name: "ports4", IsMap: true, KeyType: port, DataType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)},
		ports6:      {Name: "ports6", IsMap: true, KeyType: port, DataType: nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetService)},
		ports4At:    {Name: "ports4at", IsMap: true, KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService), DataType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)},
		ports6At:    {Name: "ports6at", IsMap: true, KeyType: nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetProto, nftables.TypeInetService), DataType: nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetService)},
		masquerade4: {Name: "masquerade4", KeyType: nftables.TypeIPAddr, Interval: true},
		masquerade6: {Name: "masquerade6", KeyType: nftables.TypeIP6Addr, Interval: true},
		hairpin4:    {Name: "hairpin4", KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeIPAddr), Interval: true},
		hairpin6:    {Name: "hairpin6", KeyType: nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeIP6Addr), Interval: true},
		bridges:     {Name: "bridges", KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian},
		internals:   {Name: "internal", KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian},
		isolated:    {Name: "isolated", KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian},
		alone:       {Name: "alone", KeyType: nftables.TypeIFName, KeyByteOrder: binaryutil.NativeEndian},
		same:        {Name: "same", KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIFName)},
	} {
		s.Table, s.Concatenation = f.table, len(nftables.ConcatSetTypeElements(s.KeyType)) > 1
		f.sets[i] = &s
	}
	return f, nil
}

func (f *firewall) close() { _ = f.conn.CloseLasting() }

// ready tells whether the table is there, with the rules of this version.
func (f *firewall) ready() (bool, error) {
	_, err := f.conn.GetSetByName(f.table, shape)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// elements are what one container, or one network, has in the sets.
type elements [setCount][]nftables.SetElement

// chunk is how many elements one message has: its length is 16 bits.
const chunk = 256

func (f *firewall) add(e *elements) error {
	for i, list := range e {
		for part := range slices.Chunk(list, chunk) {
			if err := f.conn.SetAddElements(f.sets[i], part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *firewall) delete(e *elements) error {
	for i, list := range e {
		for part := range slices.Chunk(list, chunk) {
			if err := f.conn.SetDeleteElements(f.sets[i], part); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill adds a container, and the table where it is not there.
func (b *bridge) fill(n *Network, j *Joined) error {
	f, err := b.firewall()
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.load(n, []Joined{*j}); err != nil {
		return firewallError(err)
	}
	if slices.ContainsFunc(j.Container.Ports, func(p Port) bool { return p.Protocol == "udp" }) {
		return forgetFlows(j)
	}
	return nil
}

// load brings a network and containers that are on it in, in one transaction.
func (f *firewall) load(n *Network, on []Joined) error {
	ready, err := f.ready()
	if err != nil {
		return err
	}
	if !ready {
		if err := f.build(); err != nil {
			return err
		}
	}
	e := ofNetwork(n)
	for i := range on {
		ofContainer(&on[i], &e)
	}
	if err := f.add(&e); err != nil {
		return err
	}
	return f.conn.Flush()
}

// empty removes a container.
func (b *bridge) empty(j *Joined) error {
	f, err := b.firewall()
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.remove(j); err != nil {
		return firewallError(err)
	}
	if slices.ContainsFunc(j.Container.Ports, func(p Port) bool { return p.Protocol == "udp" }) {
		return forgetFlows(j)
	}
	return nil
}

// remove removes the elements of a container. An element is deleted by its key, so
// of one that has not got all that it wanted they are looked for by their owner:
// another one may have the key.
func (f *firewall) remove(j *Joined) error {
	var e elements
	ofContainer(j, &e)
	if j.Up {
		if err := f.delete(&e); err != nil {
			return err
		}
		if f.conn.Flush() == nil {
			return nil
		}
		// Somebody was at it.
	}
	return f.purge(func(id string) bool { return id == j.Container.ID })
}

// purge removes what containers have that are gone.
func (f *firewall) purge(gone func(id string) bool) error {
	ready, err := f.ready()
	if err != nil || !ready {
		return err
	}
	var e elements
	for _, i := range []int{ports4, ports6, ports4At, ports6At} {
		list, err := f.conn.GetSetElements(f.sets[i])
		if err != nil {
			return err
		}
		for _, element := range list {
			if element.Comment != "" && gone(element.Comment) {
				e[i] = append(e[i], nftables.SetElement{Key: element.Key})
			}
		}
	}
	if err := f.delete(&e); err != nil {
		return err
	}
	return f.conn.Flush()
}

// forget removes a network, and the table when that was the last.
func (b *bridge) forget(n *Network) error {
	f, err := b.firewall()
	if err != nil {
		return err
	}
	defer f.close()
	if ready, err := f.ready(); err != nil || !ready {
		return err
	}
	names, err := f.conn.GetSetElements(f.sets[bridges])
	if err != nil {
		return firewallError(err)
	}
	if len(names) == 1 && string(names[0].Key) == string(interfaceKey(n.Interface)) {
		f.conn.DelTable(f.table)
		return firewallError(f.conn.Flush())
	}
	e := ofNetwork(n)
	if err := f.delete(&e); err != nil {
		return err
	}
	if err := f.conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return firewallError(err)
	}
	return nil
}

// ofNetwork are the elements of a network.
func ofNetwork(n *Network) (e elements) {
	name := interfaceKey(n.Interface)
	add := func(set int, element ...nftables.SetElement) { e[set] = append(e[set], element...) }
	add(bridges, nftables.SetElement{Key: name})
	add(same, nftables.SetElement{Key: slices.Concat(name, name)})
	for _, s := range n.Subnets {
		masquerade, hairpin := masquerade4, hairpin4
		if s.Subnet.Addr().Is6() {
			masquerade, hairpin = masquerade6, hairpin6
		}
		first, end := s.Subnet.Addr().AsSlice(), last(s.Subnet).AsSlice()
		add(hairpin, nftables.SetElement{Key: slices.Concat(first, first), KeyEnd: slices.Concat(end, end)})
		if !n.Internal {
			add(masquerade, nftables.SetElement{Key: first}, nftables.SetElement{Key: last(s.Subnet).Next().AsSlice(), IntervalEnd: true})
		}
	}
	if n.Internal {
		add(internals, nftables.SetElement{Key: name})
	}
	if n.Isolate || n.IsolateAll {
		add(isolated, nftables.SetElement{Key: name})
	}
	if n.IsolateAll {
		add(alone, nftables.SetElement{Key: name})
	}
	return e
}

// ofContainer adds the elements of a container.
func ofContainer(j *Joined, e *elements) {
	for _, p := range j.Container.Ports {
		for _, to := range j.Addresses {
			at := to.Addr()
			if p.HostIP.IsValid() && p.HostIP.Is4() != at.Is4() {
				continue
			}
			set := ports4
			if at.Is6() {
				set = ports6
			}
			for i := range p.count() {
				key := slices.Concat([]byte{p.number(), 0, 0, 0}, portKey(p.Host+i))
				if p.HostIP.IsValid() && !p.HostIP.IsUnspecified() {
					key = slices.Concat(p.HostIP.AsSlice(), key)
				}
				element := nftables.SetElement{Key: key, Val: slices.Concat(at.AsSlice(), portKey(p.Container+i)), Comment: j.Container.ID}
				if len(key) > 8 {
					e[set+ports4At-ports4] = append(e[set+ports4At-ports4], element)
				} else {
					e[set] = append(e[set], element)
				}
			}
		}
	}
}

// Keys are padded to 32 bits.

func portKey(port uint16) []byte { return append(binary.BigEndian.AppendUint16(nil, port), 0, 0) }

func interfaceKey(name string) []byte {
	return append([]byte(name), make([]byte, unix.IFNAMSIZ-len(name))...)
}

func firewallError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		return &portTaken{err: err}
	case errors.Is(err, unix.EPERM):
		return errorf(errclass.Unsupported, "nftables", "nftables: %w: it needs the rights of root over the network", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.ENOENT):
		return errorf(errclass.Unsupported, "nftables", "nftables: %w: the kernel lacks it, or a part of it: nf_tables with nat, masq, fib", err)
	}
	return errorf(errclass.Internal, "nftables", "nftables: %w", err)
}
