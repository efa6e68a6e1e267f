// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"testing"
)

func TestBridge(t *testing.T) {
	s := host(t)
	far := outside(t, s)
	a := mustSetup(t, s, Container{ID: idOf("a"), Name: "a", Ports: []Port{{Host: 8080, Container: 80}, {Host: 8080, Container: 80, Protocol: "udp"}}})[0]
	b := mustSetup(t, s, Container{ID: idOf("b"), Name: "b"})[0]
	ip := a.Addresses[0].Addr().String()
	tcp, udp := serve(t, a.Netns, "tcp", ":80"), serve(t, a.Netns, "udp", ":80")
	serve(t, far, "tcp", ":81")
	gateway := a.Gateways[0].String()
	for _, network := range []string{"tcp", "udp"} {
		mustAsk(t, b.Netns, network, ip+":80", b.Addresses[0].Addr().String())
		mustAsk(t, "", network, ip+":80", gateway)
		mustAsk(t, "", network, "127.0.0.1:8080", gateway)
		mustAsk(t, "", network, "198.51.100.1:8080", "198.51.100.1")
		mustAsk(t, "", network, gateway+":8080", gateway)
		mustAsk(t, far, network, "198.51.100.1:8080", "198.51.100.2")
		mustAsk(t, b.Netns, network, gateway+":8080", gateway)
		mustAsk(t, b.Netns, network, "198.51.100.1:8080", gateway)
		mustAsk(t, a.Netns, network, gateway+":8080", gateway)
	}
	mustAsk(t, b.Netns, "tcp", "198.51.100.2:81", "198.51.100.1")
	_, err := s.Setup(t.Context(), Container{ID: idOf("c"), Ports: []Port{{Host: 8080, Container: 1}}}, []Attachment{{Network: DefaultName}})
	if !errors.Is(err, ErrPort) {
		t.Error(err)
	}
	if isNamespace(s.NetnsPath(idOf("c"))) {
		t.Error("the namespace is left")
	}
	if err := s.Teardown(t.Context(), idOf("a")); err != nil {
		t.Error(err)
	}
	if answer, err := ask("", "tcp", "127.0.0.1:8080"); err == nil {
		t.Errorf("the port leads to %q", answer)
	}
	if err := s.Teardown(t.Context(), idOf("a")); err != nil {
		t.Error(err)
	}
	if err := errors.Join(tcp.Close(), udp.Close()); err != nil {
		t.Error(err)
	}
	gone(t, a.Host)
}
