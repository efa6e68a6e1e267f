// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"

	"github.com/tug-containers/tug/internal/errclass"
)

// Update changes a definition, of which only DNSServers and Labels may change while
// containers are on the network. Its resolver knows at once.
func (s *Set) Update(ctx context.Context, name string, edit func(*Network) error) (n Network, err error) {
	if n, err = s.Lookup(name); err != nil {
		return n, err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if n, err = s.read(n.Name); errors.Is(err, ErrUnknown) {
		return n, errorf(errclass.Unsupported, name, "network %s: it is not of this store: it cannot be changed here", name)
	} else if err != nil {
		return n, err
	}
	if err := edit(&n); err != nil {
		return n, err
	}
	if err := n.check(); err != nil {
		return n, err
	}
	if err := s.write(&n); err != nil || !n.DNS {
		return n, err
	}
	return n, s.book().Update(ctx, n.Name, n.DNSServers)
}
