// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"net/netip"
	"sync"
)

// How many questions may wait for other hosts: of all, and of one client, which
// so cannot keep the others from asking.
const (
	waiting          = 256
	waitingPerClient = 64
)

// A desk counts what clients have: at most so many, and one client not all of them.
type desk struct {
	most, perClient int

	mu      sync.Mutex
	all     int
	clients map[netip.Addr]int
}

func newDesk(most, perClient int) *desk {
	return &desk{most: most, perClient: perClient, clients: map[netip.Addr]int{}}
}

func (d *desk) take(client netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= d.most || d.clients[client] >= d.perClient {
		return false
	}
	d.all++
	d.clients[client]++
	return true
}

func (d *desk) leave(client netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.clients[client]--; d.clients[client] == 0 {
		delete(d.clients, client)
	}
}
