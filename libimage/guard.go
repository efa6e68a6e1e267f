// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// guard decides about each request before it is made, by its URL. A registry
// names two kinds of URL that we go to: the realm of its token server, and the
// targets of redirects. The rules:
//
//   - only http and https, and no way back from https to http;
//   - a private, loopback or link-local address only when the registry itself
//     has an address of that kind;
//   - credentials only to the registry's own host, to a token server of the
//     same domain, or to a host that the user named.
//
// The library asks the guard where it asks for a proxy, which it does for
// every request and for every hop of a redirect.
type guard struct {
	object   string
	hosts    map[string]bool // the registry and its mirrors
	allowed  map[string]bool // token hosts that the user named
	identity bool            // the credentials are an identity token
	proxy    func(*url.URL) (*url.URL, error)
	lookup   func(context.Context, string) ([]netip.Addr, error)

	mu     sync.Mutex
	pinged bool            // the last request was the first of a client
	tls    map[string]bool // hosts of ours that were spoken to over https
	secure bool            // the last request to a host of ours was one of them
	scope  map[string]reach
	pages  map[string]int // requests for a page of a list of tags
}

// reach is how far away an address is.
type reach int

const (
	public reach = iota
	private
	linkLocal
	loopback
)

// maxSamePage is how often one page of a list of tags is asked for, retries
// after a 429 included.
const maxSamePage = 8

// newGuard makes the guard of one registry. named may be nil: a registry that
// is only logged in to.
func newGuard(a Access, sys *types.SystemContext, host string, named reference.Named) *guard {
	g := &guard{
		object: host, hosts: map[string]bool{host: true}, allowed: map[string]bool{}, scope: map[string]reach{}, tls: map[string]bool{},
		pages: map[string]int{},
		proxy: func(u *url.URL) (*url.URL, error) {
			return http.ProxyFromEnvironment(&http.Request{URL: u})
		},
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
	}
	if host == "docker.io" {
		g.hosts["registry-1.docker.io"], g.hosts["index.docker.io"] = true, true
	}
	for _, h := range a.TokenHosts {
		g.allowed[h] = true
	}
	if sys.DockerAuthConfig != nil {
		g.identity = sys.DockerAuthConfig.IdentityToken != ""
	}
	if named == nil {
		return g
	}
	if registry, err := sysregistriesv2.FindRegistry(sys, named.Name()); err == nil && registry != nil {
		for _, endpoint := range append(registry.Mirrors, registry.Endpoint) {
			if location, _, _ := strings.Cut(endpoint.Location, "/"); location != "" {
				g.hosts[location] = true
			}
		}
	}
	return g
}

// check is the hook: it gives the proxy for a request, or refuses it.
func (g *guard) check(u *url.URL) (*url.URL, error) {
	if u.Scheme != "https" && u.Scheme != "http" {
		return nil, g.refuse(u, "not http or https")
	}
	own := g.hosts[u.Host] || g.hosts[u.Hostname()]
	g.mu.Lock()
	if strings.HasSuffix(u.Path, "/tags/list") {
		if g.pages[u.String()]++; g.pages[u.String()] > maxSamePage {
			g.mu.Unlock()
			return nil, g.refuse(u, "the list of tags leads back to itself")
		}
	}
	ping := own && strings.HasSuffix(u.Path, "/v2/")
	afterPing := g.pinged
	g.pinged = ping
	if u.Scheme == "http" && !ping && ((own && g.tls[u.Host]) || (!own && g.secure)) {
		g.mu.Unlock()
		return nil, g.refuse(u, "from https to http")
	}
	if own && !ping {
		g.secure = u.Scheme == "https"
		g.tls[u.Host] = g.tls[u.Host] || g.secure
	}
	g.mu.Unlock()
	proxy, err := g.proxy(u)
	if err != nil || own {
		return proxy, err
	}
	if proxy == nil {
		if err := g.checkReach(u); err != nil {
			return nil, err
		}
	}
	// The library puts the user's name into the query where it sends the
	// password along. An identity token it sends right after the ping.
	if (u.Query().Has("account") || (g.identity && afterPing)) && !g.tokenHost(u) {
		return nil, g.refuse(u, "it would get the password of "+g.object)
	}
	return proxy, nil
}

// tokenHost tells whether a host may see the credentials.
func (g *guard) tokenHost(u *url.URL) bool {
	host := u.Hostname()
	if g.allowed[host] || g.allowed[u.Host] {
		return true
	}
	for own := range g.hosts {
		name := own
		if h, _, err := net.SplitHostPort(own); err == nil {
			name = h
		}
		if name == host || (u.Scheme == "https" && domain(name) != "" && domain(name) == domain(host)) {
			return true
		}
	}
	return false
}

// domain gives the part of a name that one owner has: the last two labels, or
// three under a short second-level one such as co.uk. An address has none.
func domain(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	n := len(labels)
	switch {
	case n < 2:
		return ""
	case n > 2 && len(labels[n-1]) == 2 && len(labels[n-2]) <= 3:
		return strings.Join(labels[n-3:], ".")
	case n == 2 && len(labels[1]) == 2 && len(labels[0]) <= 3:
		return ""
	}
	return strings.Join(labels[n-2:], ".")
}

// checkReach refuses an address that is nearer than the registry's.
func (g *guard) checkReach(u *url.URL) error {
	target := g.reach(u.Hostname())
	if target == public {
		return nil
	}
	for own := range g.hosts {
		name := own
		if h, _, err := net.SplitHostPort(own); err == nil {
			name = h
		}
		if r := g.reach(name); r == target || (r == loopback && target == private) {
			return nil
		}
	}
	return g.refuse(u, "an address that only this machine or its network can reach")
}

// reach gives the nearest address of a host; one that does not resolve is
// public, since the connection fails anyway.
func (g *guard) reach(host string) reach {
	g.mu.Lock()
	r, known := g.scope[host]
	g.mu.Unlock()
	if known {
		return r
	}
	var addrs []netip.Addr
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{addr}
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		addrs, _ = g.lookup(ctx, host)
	}
	for _, addr := range addrs {
		addr = addr.Unmap()
		switch {
		case addr.IsLoopback(), addr.IsUnspecified():
			r = max(r, loopback)
		case addr.IsLinkLocalUnicast(), addr.IsMulticast():
			r = max(r, linkLocal)
		case addr.IsPrivate(), netip.MustParsePrefix("100.64.0.0/10").Contains(addr):
			r = max(r, private)
		}
	}
	g.mu.Lock()
	g.scope[host] = r
	g.mu.Unlock()
	return r
}

func (g *guard) refuse(u *url.URL, why string) error {
	return fail(errclass.Auth, g.object, "%s: %w to %s://%s: %s", g.object, ErrForbiddenHost, u.Scheme, u.Host, why)
}
