// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/tug-containers/tug/libexec/network/names"
)

// How long one server, and all of them, may take. C libraries wait five seconds.
const (
	oneServer   = 2 * time.Second
	allServers  = 4500 * time.Millisecond
	mostServers = 3
)

var errOther = errors.New("an answer to another question")

// forward asks other hosts. It always gives an answer.
func (r *resolver) forward(q *dns.Msg, client netip.Addr) *dns.Msg {
	ctx, cancel := context.WithTimeout(context.Background(), allServers)
	defer cancel()
	var last *dns.Msg
	for _, server := range r.servers(client) {
		a, err := ask(ctx, q, server)
		if err != nil {
			continue
		}
		last = a
		if a.Rcode != dns.RcodeServerFailure && a.Rcode != dns.RcodeRefused && a.Rcode != dns.RcodeNotImplemented {
			break
		}
	}
	if last == nil {
		return reply(q, dns.RcodeServerFailure)
	}
	a := reply(q, last.Rcode)
	a.RecursionAvailable, a.AuthenticatedData = true, last.AuthenticatedData
	a.Answer, a.Ns = last.Answer, last.Ns
	extra := slices.DeleteFunc(last.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	a.Extra = append(a.Extra, extra...)
	return a
}

// servers are the container's own, or the network's, or the host's; never our own
// addresses, which would ask us again.
func (r *resolver) servers(client netip.Addr) []string {
	here := r.shelf.page(r.shelf.network)
	if here == nil {
		return nil
	}
	list := here.file.Network.Servers
	if c := here.holders[client]; c != nil && len(c.Servers) > 0 {
		list = c.Servers
	}
	if len(list) == 0 {
		list = r.host.servers()
	}
	var servers []string
	for _, server := range list {
		if len(servers) < mostServers && !slices.Contains(here.file.Network.Listen, server) {
			servers = append(servers, r.host.at(server))
		}
	}
	return servers
}

// ask asks one server, by a connection where the answer does not fit a packet.
func ask(ctx context.Context, q *dns.Msg, server string) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, oneServer)
	defer cancel()
	question := new(dns.Msg)
	question.Id = dns.Id()
	question.RecursionDesired, question.CheckingDisabled, question.AuthenticatedData = true, q.CheckingDisabled, q.AuthenticatedData
	question.Question = q.Question
	opt := q.IsEdns0()
	question.SetEdns0(longestPacket, opt != nil && opt.Do())
	message, err := question.Pack()
	if err != nil {
		return nil, err
	}
	a, err := exchange(ctx, "udp", server, question, message)
	if err == nil && a.Truncated {
		return exchange(ctx, "tcp", server, question, message)
	}
	return a, err
}

// exchange takes the first answer that is one. By packets anybody may send others.
func exchange(ctx context.Context, network, server string, q *dns.Msg, message []byte) (*dns.Msg, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if network == "tcp" {
		if err := writeFrame(conn, message); err != nil {
			return nil, err
		}
		data, err := readFrame(conn, dns.MaxMsgSize)
		if err != nil {
			return nil, err
		}
		return check(data, q)
	}
	if _, err := conn.Write(message); err != nil {
		return nil, err
	}
	buf := make([]byte, longestQuestion)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if a, err := check(buf[:n], q); err == nil {
			return a, nil
		}
	}
}

// check reads the answer to a question.
func check(data []byte, q *dns.Msg) (*dns.Msg, error) {
	a := new(dns.Msg)
	err := a.Unpack(data)
	if err != nil && !a.Truncated {
		return nil, err
	}
	if !a.Response || a.Id != q.Id || len(a.Question) != 1 || a.Question[0].Qtype != q.Question[0].Qtype ||
		a.Question[0].Qclass != q.Question[0].Qclass || !strings.EqualFold(a.Question[0].Name, q.Question[0].Name) {
		return nil, errOther
	}
	return a, nil
}

// at is the place of a server.
func (h *hostServers) at(server netip.Addr) string {
	port := uint16(names.Port)
	if h.port != 0 {
		port = h.port
	}
	return netip.AddrPortFrom(server, port).String()
}
