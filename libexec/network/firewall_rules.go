// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of 32 bits, from which a key of several parts is put together.
const (
	word0 = unix.NFT_REG32_00
	word4 = word0 + 4
)

// build makes the table with all its rules. What there is of it is emptied first:
// two that do it at once leave it once.
func (f *firewall) build() error {
	f.conn.AddTable(f.table)
	for _, s := range f.sets {
		if err := f.conn.AddSet(s, nil); err != nil {
			return err
		}
	}
	accept := nftables.ChainPolicyAccept
	base := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
		c := f.conn.AddChain(&nftables.Chain{Name: name, Table: f.table, Type: kind, Hooknum: hook, Priority: priority, Policy: &accept})
		f.conn.FlushChain(c)
		return c
	}
	ports := f.conn.AddChain(&nftables.Chain{Name: "ports", Table: f.table})
	f.conn.FlushChain(ports)
	f.rule(ports, append(isFamily(unix.NFPROTO_IPV6),
		&expr.Payload{DestRegister: word0, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 16},
		&expr.Cmp{Register: word0, Op: expr.CmpOpEq, Data: netip.IPv6Loopback().AsSlice()},
		&expr.Verdict{Kind: expr.VerdictReturn},
	))
	for _, rule := range f.portRules() {
		f.rule(ports, rule)
	}
	toHost := []expr.Any{
		&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
		&expr.Verdict{Kind: expr.VerdictJump, Chain: "ports"},
	}
	f.rule(base("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest), toHost)
	f.rule(base("output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest), toHost)
	post := base("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	for _, rule := range f.sourceRules() {
		f.rule(post, rule)
	}
	forward := base("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter)
	for _, rule := range f.forwardRules() {
		f.rule(forward, rule)
	}
	loopback := base("loopback", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
	for _, offset := range []uint32{12, 16} { // from, and to
		f.rule(loopback, append(f.isIn(expr.MetaKeyIIFNAME, bridges), append(loopback4(offset), drop()...)...))
	}
	return f.conn.AddSet(&nftables.Set{Table: f.table, Name: shape, KeyType: nftables.TypeIFName}, nil)
}

func (f *firewall) rule(c *nftables.Chain, e []expr.Any) {
	f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: c, Exprs: e})
}

// portRules lead what is for a port of the host to a container. A port of one
// address comes before that of all.
func (f *firewall) portRules() [][]expr.Any {
	rule := func(family byte, at bool, set int) []expr.Any {
		var e []expr.Any
		next := uint32(word0)
		address := uint32(4)
		if family == unix.NFPROTO_IPV6 {
			address = 16
		}
		e = append(e, isFamily(family)...)
		if at {
			offset := uint32(16)
			if family == unix.NFPROTO_IPV6 {
				offset = 24
			}
			e = append(e, &expr.Payload{DestRegister: next, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: address})
			next += address / 4
		}
		return append(e,
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: next},
			&expr.Payload{DestRegister: next + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Lookup{SourceRegister: word0, DestRegister: word0, IsDestRegSet: true, SetName: f.sets[set].Name, SetID: f.sets[set].ID},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(family), RegAddrMin: word0, RegProtoMin: word0 + address/4, Specified: true},
		)
	}
	return [][]expr.Any{
		rule(unix.NFPROTO_IPV4, true, ports4At), rule(unix.NFPROTO_IPV4, false, ports4),
		rule(unix.NFPROTO_IPV6, true, ports6At), rule(unix.NFPROTO_IPV6, false, ports6),
	}
}

// sourceRules give packets an address that the answer finds back to.
func (f *firewall) sourceRules() [][]expr.Any {
	masquerade := func(parts ...[]expr.Any) (e []expr.Any) {
		for _, p := range parts {
			e = append(e, p...)
		}
		return append(e, &expr.Masq{})
	}
	hairpin := func(family byte, set int, offset, length uint32) []expr.Any {
		return masquerade(isFamily(family), translated(), []expr.Any{
			&expr.Payload{DestRegister: word0, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
			&expr.Payload{DestRegister: word0 + length/4, Base: expr.PayloadBaseNetworkHeader, Offset: offset + length, Len: length},
			f.lookup(set),
		})
	}
	out := func(family byte, set int, offset, length uint32) []expr.Any {
		return masquerade(isFamily(family), f.isNotIn(expr.MetaKeyOIFNAME, bridges), []expr.Any{
			&expr.Payload{DestRegister: word0, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
			f.lookup(set),
		})
	}
	return [][]expr.Any{
		out(unix.NFPROTO_IPV4, masquerade4, 12, 4), out(unix.NFPROTO_IPV6, masquerade6, 8, 16),
		// The host to a port of itself, by way of its loopback device.
		masquerade(isFamily(unix.NFPROTO_IPV4), f.isIn(expr.MetaKeyOIFNAME, bridges), loopback4(12)),
		hairpin(unix.NFPROTO_IPV4, hairpin4, 12, 4), hairpin(unix.NFPROTO_IPV6, hairpin6, 8, 16),
	}
}

// forwardRules keep networks apart.
func (f *firewall) forwardRules() [][]expr.Any {
	within := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: word0},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: word4},
		f.lookup(same),
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
	drops := func(parts ...[]expr.Any) (e []expr.Any) {
		for _, p := range parts {
			e = append(e, p...)
		}
		return append(e, drop()...)
	}
	return [][]expr.Any{
		within,
		drops(f.isIn(expr.MetaKeyIIFNAME, internals)),
		drops(f.isIn(expr.MetaKeyOIFNAME, internals)),
		drops(f.isIn(expr.MetaKeyIIFNAME, isolated), f.isIn(expr.MetaKeyOIFNAME, isolated)),
		drops(f.isIn(expr.MetaKeyIIFNAME, alone), f.isIn(expr.MetaKeyOIFNAME, bridges)),
		drops(f.isIn(expr.MetaKeyIIFNAME, bridges), f.isIn(expr.MetaKeyOIFNAME, alone)),
	}
}

func (f *firewall) lookup(set int) expr.Any {
	return &expr.Lookup{SourceRegister: word0, SetName: f.sets[set].Name, SetID: f.sets[set].ID}
}

// isIn is for packets of an interface that is in a set.
func (f *firewall) isIn(key expr.MetaKey, set int) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: word0}, f.lookup(set)}
}

func (f *firewall) isNotIn(key expr.MetaKey, set int) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: word0},
		&expr.Lookup{SourceRegister: word0, SetName: f.sets[set].Name, SetID: f.sets[set].ID, Invert: true},
	}
}

func isFamily(family byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: word0},
		&expr.Cmp{Register: word0, Op: expr.CmpOpEq, Data: []byte{family}},
	}
}

// loopback4 is for packets with an address of 127.0.0.0/8 at an offset.
func loopback4(offset uint32) []expr.Any {
	return append(isFamily(unix.NFPROTO_IPV4),
		&expr.Payload{DestRegister: word0, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 1},
		&expr.Cmp{Register: word0, Op: expr.CmpOpEq, Data: []byte{127}},
	)
}

// translated is for packets that were led to another address.
func translated() []expr.Any {
	const dnat = 1 << 5 // IPS_DST_NAT
	mask := binary.NativeEndian.AppendUint32(nil, dnat)
	return []expr.Any{
		&expr.Ct{Register: word0, Key: expr.CtKeySTATUS},
		&expr.Bitwise{SourceRegister: word0, DestRegister: word0, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Register: word0, Op: expr.CmpOpNeq, Data: make([]byte, 4)},
	}
}

func drop() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}} }
