// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/tug-containers/tug/libexec/network/names"
	"golang.org/x/sys/unix"
)

const patience = 30 * time.Second

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	other    = netip.MustParseAddr("127.0.0.9")
)

// rig is a resolver on the loopback device, and an upstream server.
type rig struct {
	*resolver
	book     names.Book
	udp, tcp string
}

func web() names.Network {
	return names.Network{Name: "web", Subnets: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/29"), netip.MustParsePrefix("fd00::/64")}}
}

func newRig(t *testing.T, n names.Network, list ...names.Container) *rig {
	t.Helper()
	book := names.Book{Dir: t.TempDir()}
	for _, c := range list {
		if err := book.Join(t.Context(), n, c); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := unix.Open(book.Dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(dir) })
	s, err := openShelf(dir, n.Name)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{resolver: &resolver{shelf: s, host: &hostServers{path: filepath.Join(book.Dir, "resolv.conf")}, desk: newDesk(waiting, waitingPerClient)}, book: book}
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.udp, r.tcp = packets.LocalAddr().String(), listener.Addr().String()
	r.goOn(packets, func() { r.packets(packets) })
	r.goOn(listener, func() { r.listen(listener) })
	t.Cleanup(r.close)
	return r
}

// upstream has the rig ask a server of the test's.
func (r *rig) upstream(t *testing.T, handle dns.HandlerFunc) {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handle}, {Listener: listener, Handler: handle}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.ShutdownContext(context.Background()) })
	}
	at := netip.MustParseAddrPort(packets.LocalAddr().String())
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	r.host.port = at.Port()
	if err := os.WriteFile(r.host.path, []byte("search example\nnameserver "+at.Addr().String()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) ask(t *testing.T, network, name string, kind uint16) *dns.Msg {
	t.Helper()
	at := r.udp
	if network == "tcp" {
		at = r.tcp
	}
	c := &dns.Client{Net: network, Timeout: patience}
	a, _, err := c.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), kind), at)
	if err != nil {
		t.Fatalf("%s of %s by %s: %v", dns.TypeToString[kind], name, network, err)
	}
	return a
}

// text is an answer in short: its code, and what the records say, in order.
func text(a *dns.Msg) string {
	words := []string{dns.RcodeToString[a.Rcode]}
	for _, rr := range a.Answer {
		fields := strings.Fields(rr.String())
		words = append(words, fields[len(fields)-1])
	}
	slices.Sort(words[1:])
	return strings.Join(words, " ")
}

func address(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func TestNames(t *testing.T) {
	r := newRig(t, web(),
		names.Container{ID: "a", Names: []string{"db", "Store", "a1b2"}, Addresses: address("127.0.0.2", "fd00::2")},
		names.Container{ID: "b", Names: []string{"app", "store"}, Addresses: address("127.0.0.1")},
	)
	for _, tc := range []struct {
		name string
		kind uint16
		want string
	}{
		{"db", dns.TypeA, "NOERROR 127.0.0.2"},
		{"DB.", dns.TypeA, "NOERROR 127.0.0.2"},
		{"db.dns.tug", dns.TypeAAAA, "NOERROR fd00::2"},
		{"db", dns.TypeANY, "NOERROR 127.0.0.2 fd00::2"},
		{"db", dns.TypeMX, "NOERROR"},
		{"app", dns.TypeAAAA, "NOERROR"},
		{"store", dns.TypeA, "NOERROR 127.0.0.1 127.0.0.2"},
		{"nobody.dns.tug", dns.TypeA, "NXDOMAIN"},
		{"dns.tug", dns.TypeA, "NXDOMAIN"},
		{"2.0.0.127.in-addr.arpa", dns.TypePTR, "NOERROR db.dns.tug."},
		{"2.0.0.127.in-addr.arpa", dns.TypeA, "NOERROR"},
		{"3.0.0.127.in-addr.arpa", dns.TypePTR, "NXDOMAIN"},
		{"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", dns.TypePTR, "NOERROR db.dns.tug."},
		{"db", dns.TypeAXFR, "REFUSED"},
		// Nobody to ask.
		{"example.com", dns.TypeA, "SERVFAIL"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			if tc.kind == dns.TypeAXFR && network == "tcp" {
				continue // the client of the test wants a stream
			}
			if got := text(r.ask(t, network, tc.name, tc.kind)); got != tc.want {
				t.Errorf("%s of %s by %s: %s; want %s", dns.TypeToString[tc.kind], tc.name, network, got, tc.want)
			}
		}
	}
}

func TestNamesChange(t *testing.T) {
	r := newRig(t, web(), names.Container{ID: "a", Names: []string{"db"}, Addresses: address("127.0.0.2")})
	want := func(name, want string) {
		t.Helper()
		if got := text(r.ask(t, "udp", name, dns.TypeA)); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
	want("db", "NOERROR 127.0.0.2")
	want("app.dns.tug", "NXDOMAIN")
	if err := r.book.Join(t.Context(), web(), names.Container{ID: "b", Names: []string{"app"}, Addresses: address("127.0.0.3")}); err != nil {
		t.Fatal(err)
	}
	want("app.dns.tug", "NOERROR 127.0.0.3")
	if err := r.book.Leave(t.Context(), "web", "a"); err != nil {
		t.Fatal(err)
	}
	want("db.dns.tug", "NXDOMAIN")
}

// TestOtherNetworks finds what is on the other networks of the container that asks,
// and nothing of those that it is not on.
func TestOtherNetworks(t *testing.T) {
	me := names.Container{ID: "me", Names: []string{"me"}, Addresses: []netip.Addr{loopback}}
	r := newRig(t, web(), me)
	for network, list := range map[string][]names.Container{
		"back":   {{ID: "me"}, {ID: "x", Names: []string{"db"}, Addresses: address("10.0.0.2")}},
		"secret": {{ID: "y", Names: []string{"vault"}, Addresses: address("10.0.1.2")}},
	} {
		for _, c := range list {
			if err := r.book.Join(t.Context(), names.Network{Name: network}, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]string{
		"db": "NOERROR 10.0.0.2", "vault.dns.tug": "NXDOMAIN",
		"2.0.0.10.in-addr.arpa": "NOERROR", "me": "NOERROR 127.0.0.1",
	} {
		if got := text(r.ask(t, "udp", name, dns.TypeA)); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
}

func TestForward(t *testing.T) {
	r := newRig(t, web(), names.Container{ID: "a", Names: []string{"db"}, Addresses: address("127.0.0.2")})
	var asked atomic.Int32
	r.upstream(t, func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		a := new(dns.Msg).SetReply(q)
		switch name := q.Question[0].Name; {
		case strings.HasPrefix(name, "missing."):
			a.Rcode = dns.RcodeNameError
		case strings.HasPrefix(name, "large."):
			if w.LocalAddr().Network() == "udp" {
				a.Truncated = true
				break
			}
			for i := range 200 {
				a.Answer = append(a.Answer, &dns.A{
					Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(10, 0, 0, byte(i))})
			}
		case strings.HasPrefix(name, "liar."):
			// Other answers come first: for another question, with another number.
			wrong := a.Copy()
			wrong.Question[0].Name = "else.example."
			_ = w.WriteMsg(wrong)
			wrong = a.Copy()
			wrong.Id++
			_ = w.WriteMsg(wrong)
			_, _ = w.Write([]byte("garbage"))
			fallthrough
		default:
			a.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 7}, A: net.IPv4(192, 0, 2, 1)}}
		}
		_ = w.WriteMsg(a)
	})
	for name, want := range map[string]string{
		"www.example": "NOERROR 192.0.2.1", "missing.example": "NXDOMAIN", "liar.example": "NOERROR 192.0.2.1",
	} {
		if got := text(r.ask(t, "udp", name, dns.TypeA)); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
	a := r.ask(t, "udp", "large.example", dns.TypeA)
	if a.Compress = true; !a.Truncated || a.Len() > dns.MinMsgSize {
		t.Errorf("by packet: truncated %t, %d bytes", a.Truncated, a.Len())
	}
	if a := r.ask(t, "tcp", "large.example", dns.TypeA); a.Truncated || len(a.Answer) != 200 {
		t.Errorf("by connection: truncated %t, %d records", a.Truncated, len(a.Answer))
	}
	before := asked.Load()
	r.ask(t, "udp", "db", dns.TypeA)
	r.ask(t, "udp", "x.dns.tug", dns.TypeA)
	r.ask(t, "udp", "4.0.0.127.in-addr.arpa", dns.TypePTR)
	if asked.Load() != before {
		t.Error("others were asked for names of ours")
	}
}

func TestInternalForwardsNothing(t *testing.T) {
	n := web()
	n.Internal = true
	r := newRig(t, n, names.Container{ID: "a", Names: []string{"db"}, Addresses: []netip.Addr{loopback}})
	r.upstream(t, func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(new(dns.Msg).SetReply(q)) })
	if got := text(r.ask(t, "udp", "www.example", dns.TypeA)); got != "NXDOMAIN" {
		t.Errorf("from an internal network: %s", got)
	}
	if err := r.book.Join(t.Context(), names.Network{Name: "out"}, names.Container{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := text(r.ask(t, "udp", "www.example", dns.TypeA)); got != "NOERROR" {
		t.Errorf("of a container that is on another network too: %s", got)
	}
}

// TestServers asks those of the container, then of the network, then of the host;
// never the resolver itself.
func TestServers(t *testing.T) {
	c := names.Container{ID: "a", Addresses: []netip.Addr{other}}
	r := newRig(t, names.Network{Name: "web"}, c)
	if err := os.WriteFile(r.host.path, []byte("nameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver bad\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := func(client netip.Addr, want ...string) {
		t.Helper()
		if got := r.servers(client); !slices.Equal(got, want) {
			t.Errorf("servers for %s: %q; want %q", client, got, want)
		}
	}
	join := func(n names.Network, c names.Container) {
		t.Helper()
		if err := r.book.Join(t.Context(), n, c); err != nil {
			t.Fatal(err)
		}
	}
	want(other, "127.0.0.1:53", "192.0.2.1:53")
	r.shelf.page("web").file.Network.Listen = []netip.Addr{loopback}
	want(other, "192.0.2.1:53")
	n := names.Network{Name: "web", Servers: address("192.0.2.2")}
	join(n, c)
	want(other, "192.0.2.2:53")
	c.Servers = address("192.0.2.3", "fd00::3")
	join(n, c)
	want(other, "192.0.2.3:53", "[fd00::3]:53")
	want(loopback, "192.0.2.2:53")
}

// TestSilentServer answers all the same, and others meanwhile.
func TestSilentServer(t *testing.T) {
	r := newRig(t, web(), names.Container{ID: "a", Names: []string{"db"}, Addresses: address("127.0.0.2")})
	held := make(chan struct{})
	r.upstream(t, func(w dns.ResponseWriter, q *dns.Msg) { <-held })
	t.Cleanup(func() { close(held) })
	answered := make(chan string)
	go func() {
		c := &dns.Client{Timeout: patience}
		a, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.", dns.TypeA), r.udp)
		if err != nil {
			answered <- err.Error()
			return
		}
		answered <- text(a)
	}()
	if got := text(r.ask(t, "udp", "db", dns.TypeA)); got != "NOERROR 127.0.0.2" {
		t.Errorf("meanwhile: %s", got)
	}
	if got := <-answered; got != "SERVFAIL" {
		t.Errorf("of a silent server: %s", got)
	}
}

// TestHostile gives no answer to who is not of the network, nor to answers, and a
// short one to what cannot be read.
func TestHostile(t *testing.T) {
	r := newRig(t, web(), names.Container{ID: "a", Names: []string{"db"}, Addresses: address("127.0.0.2")})
	query := func(change func(*dns.Msg)) []byte {
		q := new(dns.Msg).SetQuestion("db.", dns.TypeA)
		change(q)
		data, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	plain := query(func(*dns.Msg) {})
	for _, tc := range []struct {
		name    string
		message []byte
		client  netip.Addr
		want    string
	}{
		{"a question", plain, loopback, "NOERROR 127.0.0.2"},
		{"of another network", plain, other, ""},
		{"nothing", nil, loopback, ""},
		{"half a header", plain[:11], loopback, ""},
		{"an answer", query(func(q *dns.Msg) { q.Response = true }), loopback, ""},
		{"an update", query(func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }), loopback, "NOTIMP"},
		{"cut", plain[:14], loopback, "FORMERR"},
		{"no question", query(func(q *dns.Msg) { q.Question = nil }), loopback, "FORMERR"},
		{"two questions", query(func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }), loopback, "FORMERR"},
		{"another class", query(func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }), loopback, "REFUSED"},
		{"a name that points at itself", slices.Concat(plain[:12], []byte{0xc0, 12, 0, 1, 0, 1}), loopback, "FORMERR"},
		{"many records that are not there", slices.Concat(plain[:4], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, plain[12:]), loopback, "FORMERR"},
		{"another EDNS", query(func(q *dns.Msg) { q.SetEdns0(4096, false).IsEdns0().SetVersion(3) }), loopback, "BADSIG"}, // BADVERS has the same number
		{"noise", bytes.Repeat([]byte{0x01, 0x00}, 2000), loopback, "FORMERR"},
	} {
		q, a := r.answer(tc.message, tc.client)
		got := ""
		if q != nil {
			got = "asks others"
		} else if a != nil {
			got = text(a)
			if data := pack(a, packetSize(a)); len(data) > len(tc.message)+100 {
				t.Errorf("%s: %d bytes answer %d", tc.name, len(data), len(tc.message))
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q; want %q", tc.name, got, tc.want)
		}
	}
}

func TestDesk(t *testing.T) {
	d := newDesk(waiting, waitingPerClient)
	for range waitingPerClient {
		if !d.take(loopback) {
			t.Fatal("no room for one client")
		}
	}
	if d.take(loopback) || !d.take(other) {
		t.Error("one client takes the place of the others")
	}
	d.leave(loopback)
	if !d.take(loopback) {
		t.Error("a place that was left is not free")
	}
}

// TestConnectionsOfOneClient: one that keeps all that it may have open leaves some to
// the others.
func TestConnectionsOfOneClient(t *testing.T) {
	r := newRig(t, web(), names.Container{ID: "a", Names: []string{"db"}, Addresses: address("127.0.0.2")})
	question, err := new(dns.Msg).SetQuestion("db.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	answered := func(from string) bool {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.DialContext(t.Context(), "tcp", r.tcp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		err = writeFrame(conn, question)
		if err == nil {
			_, err = readFrame(conn, dns.MaxMsgSize)
		}
		return err == nil
	}
	for i := range perClient {
		if !answered("127.0.0.1") {
			t.Fatalf("connection %d: no answer", i)
		}
	}
	if answered("127.0.0.1") {
		t.Error("one connection too many")
	}
	if !answered("127.0.0.3") {
		t.Error("no answer for another client")
	}
}

func FuzzAnswer(f *testing.F) {
	q, err := new(dns.Msg).SetQuestion("db.", dns.TypeA).SetEdns0(4096, true).Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(q)
	f.Add([]byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	dir := f.TempDir()
	book := names.Book{Dir: dir}
	if err := book.Join(f.Context(), web(), names.Container{ID: "a", Names: []string{"db"}, Addresses: address("127.0.0.2")}); err != nil {
		f.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		f.Fatal(err)
	}
	s, err := openShelf(fd, "web")
	if err != nil {
		f.Fatal(err)
	}
	r := &resolver{shelf: s, host: &hostServers{}, desk: newDesk(waiting, waitingPerClient)}
	f.Fuzz(func(t *testing.T, message []byte) {
		q, a := r.answer(message, loopback)
		if q != nil {
			a = reply(q, dns.RcodeServerFailure)
		}
		if a == nil {
			return
		}
		if data := pack(a, packetSize(a)); len(data) > longestPacket || len(data) < headerSize {
			t.Errorf("%d bytes", len(data))
		}
	})
}
