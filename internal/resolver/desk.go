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

// A desk counts the questions that wait.
type desk struct {
	mu      sync.Mutex
	all     int
	clients map[netip.Addr]int
}

func newDesk() *desk { return &desk{clients: map[netip.Addr]int{}} }

func (d *desk) take(client netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= waiting || d.clients[client] >= waitingPerClient {
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
