// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec/network"
)

// networks shows the networks that the container is on, or will be.
func (c *subject) networks() networkSettings {
	s := networkSettings{Ports: map[string][]hostPort{}}
	for _, a := range c.asked.Networks {
		if s.Networks == nil {
			s.Networks = map[string]*networkEndpoint{}
		}
		s.Networks[a.Network] = &networkEndpoint{NetworkID: a.Network, Aliases: a.Aliases}
	}
	on := launch.Joined(c.store, c.info)
	for i := range on {
		j := &on[i]
		e := endpointOf(j)
		if i == 0 {
			s.endpoint, s.SandboxKey = e, j.Netns
		}
		if s.Networks == nil {
			s.Networks = map[string]*networkEndpoint{}
		}
		s.Networks[j.Network] = &networkEndpoint{endpoint: e, NetworkID: j.Network, Aliases: j.Aliases}
		for target, ports := range bindings(j.Container.Ports) {
			s.Ports[target] = append(s.Ports[target], ports...)
		}
	}
	return s
}

func endpointOf(j *network.Joined) endpoint {
	e := endpoint{MacAddress: j.MAC}
	for _, p := range j.Addresses {
		if p.Addr().Is4() && e.IPAddress == "" {
			e.IPAddress, e.IPPrefixLen = p.Addr().String(), p.Bits()
		} else if p.Addr().Is6() && e.GlobalIPv6Address == "" {
			e.GlobalIPv6Address, e.GlobalIPv6PrefixLen = p.Addr().String(), p.Bits()
		}
	}
	for _, gw := range j.Gateways {
		if gw.Is4() {
			e.Gateway = gw.String()
		} else {
			e.IPv6Gateway = gw.String()
		}
	}
	return e
}

func bindings(ports []network.Port) map[string][]hostPort {
	all := map[string][]hostPort{}
	for _, p := range ports {
		for _, one := range p.Each() {
			h := hostPort{HostPort: strconv.Itoa(int(one.Host))}
			if one.HostIP.IsValid() {
				h.HostIP = one.HostIP.String()
			}
			if one.Host == 0 {
				h.HostPort = "" // chosen at the start
			}
			all[one.Target()] = append(all[one.Target()], h)
		}
	}
	return all
}

func (c *subject) networkMode() string {
	switch {
	case c.asked.NetworkOf != "":
		return "container:" + c.asked.NetworkOf
	case len(c.asked.Networks) > 0:
		return strings.Join(launch.NetworkNames(&c.asked), ",")
	}
	return mode(c.asked.Exec.Network, "none")
}
