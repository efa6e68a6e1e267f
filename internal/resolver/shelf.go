// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tug-containers/tug/libexec/network/names"
	"golang.org/x/sys/unix"
)

// A shelf has the files of all networks, read when one is asked for and has
// changed since. Safe for several goroutines.
type shelf struct {
	dir     int // of the book
	network string
	lock    *os.File // of the network's file; not held

	mu    sync.Mutex
	pages map[string]*page
}

// A page is a file of names as it was read last.
type page struct {
	stamp   stamp
	file    names.File
	names   map[string][]netip.Addr
	holders map[netip.Addr]*names.Container
}

// A stamp tells one version of a file from another: they are renamed into place.
type stamp struct {
	inode uint64
	size  int64
	time  unix.Timespec
}

// openShelf opens what a resolver without privileges could not.
func openShelf(dir int, network string) (*shelf, error) {
	s := &shelf{dir: dir, network: network, pages: map[string]*page{}}
	fd, err := unix.Openat(dir, network+"/lock", unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", network, err)
	}
	s.lock = os.NewFile(uintptr(fd), "lock")
	return s, nil
}

// page gives what is known of a network; nil for nothing.
func (s *shelf) page(network string) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st unix.Stat_t
	if err := unix.Fstatat(s.dir, network+"/names", &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		delete(s.pages, network)
		return nil
	}
	now := stamp{st.Ino, st.Size, st.Mtim}
	old := s.pages[network]
	if old != nil && old.stamp == now {
		return old
	}
	file, err := s.read(network)
	if err != nil {
		return old
	}
	p := newPage(file)
	p.stamp = now
	s.pages[network] = p
	return p
}

func (s *shelf) read(network string) (names.File, error) {
	fd, err := unix.Openat(s.dir, network+"/names", unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return names.File{}, err
	}
	f := os.NewFile(uintptr(fd), "names")
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, names.MaxFile+1))
	if err != nil {
		return names.File{}, err
	}
	return names.Decode(data)
}

func newPage(file names.File) *page {
	p := &page{file: file, names: map[string][]netip.Addr{}, holders: map[netip.Addr]*names.Container{}}
	for i := range file.Containers {
		c := &file.Containers[i]
		for _, address := range c.Addresses {
			p.holders[address] = c
		}
		seen := map[string]bool{}
		for _, name := range c.Names {
			if name = strings.ToLower(name); !seen[name] {
				seen[name] = true
				p.names[name] = append(p.names[name], c.Addresses...)
			}
		}
	}
	return p
}

// allowed tells whether a network's resolver answers an address.
func (p *page) allowed(client netip.Addr) bool {
	for _, subnet := range p.file.Network.Subnets {
		if subnet.Contains(client) {
			return true
		}
	}
	return false
}

// views are the pages that a client sees: that of this network, and those of others
// that the same container is on. The second is only needed for what is not on the first.
func (s *shelf) others(id string) []*page {
	fd, err := unix.Openat(s.dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	dir := os.NewFile(uintptr(fd), "book")
	defer dir.Close()
	networks, _ := dir.Readdirnames(0) // what was read counts
	var pages []*page
	for _, network := range networks {
		if network == s.network {
			continue
		}
		if p := s.page(network); p != nil && p.has(id) {
			pages = append(pages, p)
		}
	}
	return pages
}

func (p *page) has(id string) bool {
	for i := range p.file.Containers {
		if p.file.Containers[i].ID == id {
			return true
		}
	}
	return false
}

// await returns when the network has no container any more, with the lock of its
// file held, or when the network is gone.
func (s *shelf) await(changes <-chan struct{}) {
	for {
		if s.gone() || s.empty() && s.holdEmpty() {
			return
		}
		<-changes
	}
}

func (s *shelf) empty() bool {
	p := s.page(s.network)
	return p == nil || len(p.file.Containers) == 0
}

// gone tells that the lock file has no name: the network was removed, and has
// perhaps been made again.
func (s *shelf) gone() bool {
	var st unix.Stat_t
	return unix.Fstat(int(s.lock.Fd()), &st) != nil || st.Nlink == 0
}

// holdEmpty looks again under the lock, and keeps it when nobody has come. Who has
// it now is about to change the file.
func (s *shelf) holdEmpty() bool {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	for unix.FcntlFlock(s.lock.Fd(), unix.F_OFD_SETLK, &lk) != nil {
		if s.gone() || !s.empty() {
			return s.gone()
		}
		time.Sleep(5 * time.Millisecond)
	}
	if s.empty() {
		return true
	}
	lk.Type = unix.F_UNLCK
	_ = unix.FcntlFlock(s.lock.Fd(), unix.F_OFD_SETLK, &lk)
	return false
}
