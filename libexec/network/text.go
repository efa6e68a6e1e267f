// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"strconv"
)

// Published is how people are told of a port: 0.0.0.0:8080->80/tcp.
func (p Port) Published() string {
	return p.hostAddress() + ":" + span(p.Host, p.count()) + "->" + span(p.Container, p.count()) + "/" + p.protocol()
}

// Each gives the ports of a range one by one.
func (p Port) Each() []Port {
	all := make([]Port, 0, p.count())
	for i := range p.count() {
		all = append(all, Port{HostIP: p.HostIP, Host: p.Host + i, Container: p.Container + i, Range: 1, Protocol: p.protocol()})
	}
	return all
}

// Target is the port of the container: 80/tcp.
func (p Port) Target() string { return span(p.Container, p.count()) + "/" + p.protocol() }

// HostPort is where the port of the host is: 0.0.0.0:8080.
func (p Port) HostPort() string { return p.hostAddress() + ":" + span(p.Host, p.count()) }

func (p Port) hostAddress() string {
	switch {
	case !p.HostIP.IsValid():
		return "0.0.0.0"
	case p.HostIP.Is6():
		return "[" + p.HostIP.String() + "]"
	}
	return p.HostIP.String()
}

func span(first, count uint16) string {
	if count == 1 {
		return strconv.Itoa(int(first))
	}
	return fmt.Sprintf("%d-%d", first, int(first)+int(count)-1)
}
