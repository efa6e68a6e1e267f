// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"github.com/tug-containers/tug/libexec/network/names"
)

// Places in the header of a message, which is read before anything is unpacked.
const (
	headerSize = 12
	flagsAt    = 2
	response   = 0x80
	opcodeMask = 0x78
)

// answer answers a message from a client. It gives the question instead when other
// hosts have to be asked, and neither for what deserves no answer.
func (r *resolver) answer(message []byte, client netip.Addr) (q, a *dns.Msg) {
	here := r.shelf.page(r.shelf.network)
	// An answer to an answer would go on for ever.
	if here == nil || !here.allowed(client) || len(message) < headerSize || message[flagsAt]&response != 0 {
		return nil, nil
	}
	q = new(dns.Msg)
	if message[flagsAt]&opcodeMask != 0 {
		return nil, refuse(message, dns.RcodeNotImplemented)
	}
	if err := q.Unpack(message); err != nil || len(q.Question) != 1 {
		return nil, refuse(message, dns.RcodeFormatError)
	}
	if opt := q.IsEdns0(); opt != nil && opt.Version() != 0 {
		return nil, reply(q, dns.RcodeBadVers)
	}
	question := q.Question[0]
	if question.Qclass != dns.ClassINET {
		return nil, reply(q, dns.RcodeRefused)
	}
	switch question.Qtype {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB:
		return nil, reply(q, dns.RcodeRefused)
	}
	pages := r.pages(here, client)
	if a := local(q, pages); a != nil {
		return nil, a
	}
	// With one network that leads outside a container may know what is there.
	if !slices.ContainsFunc(pages, func(p *page) bool { return !p.file.Network.Internal }) {
		return nil, reply(q, dns.RcodeNameError)
	}
	return q, nil
}

// pages are those that a client sees: that of this network, and those of others that
// the same container is on.
func (r *resolver) pages(here *page, client netip.Addr) []*page {
	pages := []*page{here}
	if c := here.holders[client]; c != nil {
		pages = append(pages, r.shelf.others(c.ID)...)
	}
	return pages
}

// local answers from names; nil when they say nothing.
func local(q *dns.Msg, pages []*page) *dns.Msg {
	question := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(question.Name, "."))
	if address, ok := reverse(name); ok {
		return reversed(q, address, pages)
	}
	name, ours := strings.CutSuffix(name, "."+names.Domain)
	for _, p := range pages {
		addresses, found := p.names[name]
		if !found {
			continue
		}
		a := reply(q, dns.RcodeSuccess)
		a.Authoritative = true
		a.Answer = records(question, addresses)
		return a
	}
	if ours || name == names.Domain {
		return reply(q, dns.RcodeNameError)
	}
	return nil
}

// records are those of the kind that was asked for, in another order each time: a
// name that several containers have leads to all of them. They hold for now only.
func records(question dns.Question, addresses []netip.Addr) []dns.RR {
	header := dns.RR_Header{Name: question.Name, Class: dns.ClassINET}
	var list []dns.RR
	for _, address := range addresses {
		switch {
		case address.Is4() && (question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY):
			header.Rrtype = dns.TypeA
			list = append(list, &dns.A{Hdr: header, A: address.AsSlice()})
		case address.Is6() && (question.Qtype == dns.TypeAAAA || question.Qtype == dns.TypeANY):
			header.Rrtype = dns.TypeAAAA
			list = append(list, &dns.AAAA{Hdr: header, AAAA: address.AsSlice()})
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// reversed answers for addresses of containers, and says that others of the
// network have no name: nobody else can know.
func reversed(q *dns.Msg, address netip.Addr, pages []*page) *dns.Msg {
	for _, p := range pages {
		c := p.holders[address]
		if c == nil || len(c.Names) == 0 {
			if p.allowed(address) {
				return reply(q, dns.RcodeNameError)
			}
			continue
		}
		a := reply(q, dns.RcodeSuccess)
		a.Authoritative = true
		if t := q.Question[0].Qtype; t == dns.TypePTR || t == dns.TypeANY {
			header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypePTR, Class: dns.ClassINET}
			a.Answer = []dns.RR{&dns.PTR{Hdr: header, Ptr: dns.Fqdn(c.Names[0] + "." + names.Domain)}}
		}
		return a
	}
	return nil
}

// reverse reads the name of an address.
func reverse(name string) (netip.Addr, bool) {
	if digits, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		parts := strings.Split(digits, ".")
		slices.Reverse(parts)
		address, err := netip.ParseAddr(strings.Join(parts, "."))
		return address, err == nil && address.Is4()
	}
	digits, ok := strings.CutSuffix(name, ".ip6.arpa")
	if !ok || len(digits) != 63 {
		return netip.Addr{}, false
	}
	var b strings.Builder
	for i := len(digits) - 1; i >= 0; i -= 2 {
		if i > 0 && digits[i-1] != '.' {
			return netip.Addr{}, false
		}
		b.WriteByte(digits[i])
		if b.Len()%5 == 4 && i > 0 {
			b.WriteByte(':')
		}
	}
	address, err := netip.ParseAddr(b.String())
	return address, err == nil
}

// reply begins the answer to a question.
func reply(q *dns.Msg, code int) *dns.Msg {
	a := new(dns.Msg).SetRcode(q, code)
	a.RecursionAvailable = true
	if opt := q.IsEdns0(); opt != nil {
		a.SetEdns0(longestPacket, opt.Do())
		// What the client takes decides how long the packet may be.
		a.IsEdns0().SetUDPSize(max(dns.MinMsgSize, min(opt.UDPSize(), longestPacket)))
	}
	return a
}

// refuse answers a message that cannot be read with its number alone.
func refuse(message []byte, code int) *dns.Msg {
	a := new(dns.Msg)
	a.Id = uint16(message[0])<<8 | uint16(message[1])
	a.Response, a.Rcode = true, code
	return a
}

// packetSize is the most that a client takes in a packet.
func packetSize(m *dns.Msg) int {
	if opt := m.IsEdns0(); opt != nil {
		return int(max(dns.MinMsgSize, min(opt.UDPSize(), longestPacket)))
	}
	return dns.MinMsgSize
}

// pack cuts an answer at what the client takes: it asks again by a connection.
func pack(a *dns.Msg, size int) []byte {
	a.Compress = true
	a.Truncate(size)
	if data, err := a.Pack(); err == nil && len(data) <= size {
		return data
	}
	q := &dns.Msg{MsgHdr: a.MsgHdr, Question: a.Question}
	q.Rcode, q.Truncated = dns.RcodeServerFailure, false
	data, _ := q.Pack() // what was unpacked can be packed
	return data
}
