// SPDX-License-Identifier: Apache-2.0

package network

import "context"

// Driver puts containers on networks of one kind. It is called by a Set, which
// keeps what it returns.
type Driver interface {
	// Name is that of Network.Driver.
	Name() string
	// Add puts a container, whose namespace is there, on a network. j says how it
	// wants to be, and afterwards how it is. Before Add makes anything that
	// outlives it, it calls keep, which writes j down. When it fails, Remove is
	// called.
	Add(ctx context.Context, n *Network, want Attachment, j *Joined, keep func() error) error
	// Remove undoes Add, or as much of it as there is: a second call is no error.
	// The namespace may be gone already; ending says that it goes now, and whatever
	// is in it.
	Remove(ctx context.Context, j *Joined, ending bool) error
	// Reload makes again what somebody has taken away from outside the
	// containers' namespaces: the rules of a firewall.
	Reload(ctx context.Context, n *Network, on []Joined) error
	// Drop removes what the network itself has on the host, when nobody is on it
	// any more: a bridge.
	Drop(ctx context.Context, n *Network) error
}

// Lister is a Driver that knows networks of its own, beside those in the Set's
// directory.
type Lister interface {
	Networks() ([]Network, error)
}
