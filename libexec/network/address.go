// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
)

// addresses are those of one network. Each that is taken is a link whose name is
// the address and whose target is the ID of who has it: making one either takes
// the address or says that somebody has it, so there is no lock, and no file that
// could be damaged.
type addresses struct {
	dir     string
	network string
}

// latest is the file with the address that was given last. The next one is looked
// for after it, so that an address is not given again while others still have it
// in their caches.
func (a addresses) latest(p netip.Prefix) string {
	if p.Addr().Is6() {
		return filepath.Join(a.dir, "latest6")
	}
	return filepath.Join(a.dir, "latest4")
}

// take gives an address of a subnet to a container: the one that it wants, or a
// free one. One that it has already it keeps.
func (a addresses) take(sub *Subnet, want netip.Addr, id string) (netip.Addr, error) {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return want, err
	}
	if want.IsValid() {
		return want, a.takeThis(sub, want, id)
	}
	first, end := sub.bounds()
	at := first
	if data, err := ondisk.Read(a.latest(sub.Subnet), fileLimit); err == nil {
		if l, err := netip.ParseAddr(string(data)); err == nil && !l.Less(first) && l.Less(end) {
			at = l.Next()
		}
	}
	names, err := ondisk.Names(a.dir)
	if err != nil {
		return want, err
	}
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[name] = true
	}
	// Once around. No more are looked at than can be taken, and one.
	for tries := 0; tries <= len(names)+retries; tries++ {
		if at != sub.Gateway && !taken[at.String()] {
			err := os.Symlink(id, filepath.Join(a.dir, at.String()))
			if err == nil {
				// Without it the next one looks a little longer.
				_ = ondisk.ReplaceShared(a.latest(sub.Subnet), []byte(at.String()), 0o600)
				return at, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return at, err
			}
		}
		if at == end {
			at = first
		} else {
			at = at.Next()
		}
	}
	return want, errorf(errclass.Conflict, a.network, "network %s: subnet %s: %w", a.network, sub.Subnet, ErrNoRoom)
}

// retries is how many addresses others may take while one is looked for.
const retries = 1024

func (a addresses) takeThis(sub *Subnet, want netip.Addr, id string) error {
	if p := sub.Subnet; want == sub.Gateway || want == p.Addr() || p.Addr().Is4() && want == last(p) {
		return errorf(errclass.Usage, want.String(), "network %s: address %s: it is not for a container", a.network, want)
	}
	path := filepath.Join(a.dir, want.String())
	err := os.Symlink(id, path)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	has, err := os.Readlink(path)
	if err == nil && has != id {
		err = errorf(errclass.Conflict, want.String(), "network %s: address %s: %w: container %s has it", a.network, want, ErrTaken, shorten(has))
	}
	return err
}

// give takes the addresses of a container back.
func (a addresses) give(id string, which []netip.Prefix) error {
	var errs error
	for _, p := range which {
		path := filepath.Join(a.dir, p.Addr().String())
		if has, err := os.Readlink(path); err == nil && has == id {
			errs = errors.Join(errs, ondisk.Remove(path))
		}
	}
	return errs
}

// of gives all addresses that a container has, for who does not know them.
func (a addresses) of(id string) ([]netip.Prefix, error) {
	owners, err := a.owners()
	var of []netip.Prefix
	for at, owner := range owners {
		if owner == id {
			of = append(of, netip.PrefixFrom(at, at.BitLen()))
		}
	}
	return of, err
}

// owners gives who has which address.
func (a addresses) owners() (map[netip.Addr]string, error) {
	names, err := ondisk.Names(a.dir)
	owners := map[netip.Addr]string{}
	for _, name := range names {
		at, perr := netip.ParseAddr(name)
		if perr != nil {
			continue
		}
		if id, lerr := os.Readlink(filepath.Join(a.dir, name)); lerr == nil {
			owners[at] = id
		}
	}
	if err != nil {
		err = fmt.Errorf("network %s: %w", a.network, err)
	}
	return owners, err
}

// bounds are the first and the last address that containers are given.
func (s *Subnet) bounds() (first, end netip.Addr) {
	first, end = s.Subnet.Addr().Next(), last(s.Subnet).Prev()
	if r := s.LeaseRange; r != nil {
		if r.Start.IsValid() && first.Less(r.Start) {
			first = r.Start
		}
		if r.End.IsValid() && r.End.Less(end) {
			end = r.End
		}
	}
	return first, end
}
