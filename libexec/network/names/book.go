// SPDX-License-Identifier: Apache-2.0

package names

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Domain is the search domain of the containers: "db" is "db.dns.tug" too.
const Domain = "dns.tug"

// The files of a network.
const (
	namesFile    = "names"
	lockFile     = "lock"
	resolverFile = "resolver"
)

// MaxFile bounds the file of a network: some ten thousand containers.
const MaxFile = 8 << 20

// Network is what the resolver has to know of its network.
type Network struct {
	Name string `json:"name"`
	// Interface is the device that questions come in at, and no other.
	Interface string `json:"interface"`
	// Listen are the addresses of the resolver, Subnets those that may ask it.
	Listen  []netip.Addr   `json:"listen"`
	Subnets []netip.Prefix `json:"subnets"`
	// Servers are asked for other names; with none, those of the host.
	Servers []netip.Addr `json:"servers,omitempty"`
	// Internal networks learn nothing of other names.
	Internal bool `json:"internal,omitempty"`
}

// Container is one on a network.
type Container struct {
	ID        string       `json:"id"`
	Names     []string     `json:"names"`
	Addresses []netip.Addr `json:"addresses"`
	// Servers are asked for other names instead of the network's.
	Servers []netip.Addr `json:"servers,omitempty"`
}

// A File is the content of a network's file.
type File struct {
	Format     int         `json:"format"`
	Network    Network     `json:"network"`
	Containers []Container `json:"containers"`
}

const format = 1

// Decode reads a file of this package.
func Decode(data []byte) (File, error) {
	var f File
	if len(data) > MaxFile {
		return f, errors.New("it is too large")
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Format != format {
		return f, fmt.Errorf("format %d is not known to this version", f.Format)
	}
	return f, nil
}

// A Book has the names of all networks of a run root. Any number of processes may
// use one at once.
type Book struct {
	// Dir is made when it is not there.
	Dir string
	// Program is the file of tug-dns.
	Program string
}

// Join adds a container to a network, or replaces what is known of it, and sees to
// it that there is a resolver. With an error nothing has changed.
func (b Book) Join(ctx context.Context, n Network, c Container) error {
	return b.change(ctx, n.Name, true, func(f *File) bool {
		f.Network = n
		f.Containers = append(without(f.Containers, c.ID), c)
		return true
	})
}

// Leave takes a container from a network. One that is not there is no error.
func (b Book) Leave(ctx context.Context, network, id string) error {
	err := b.change(ctx, network, false, func(f *File) bool {
		before := len(f.Containers)
		f.Containers = without(f.Containers, id)
		return len(f.Containers) < before
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoResolver) {
		return nil // it has left, and those who stay are for Restore
	}
	return err
}

// Update changes the servers that a network asks for other names.
func (b Book) Update(ctx context.Context, network string, servers []netip.Addr) error {
	err := b.change(ctx, network, false, func(f *File) bool {
		f.Network.Servers = servers
		return len(f.Containers) > 0
	})
	return ignoreMissing(err)
}

// Restore writes what is known of a network anew, and starts a resolver where there is
// none. It asks who is there when nobody else can change that.
func (b Book) Restore(ctx context.Context, n Network, there func() ([]Container, error)) error {
	var err error
	cerr := b.change(ctx, n.Name, true, func(f *File) bool {
		var all []Container
		if all, err = there(); err != nil {
			return false
		}
		f.Network, f.Containers = n, all
		return true
	})
	return errors.Join(err, cerr)
}

// Remove forgets a network. Its resolver ends.
func (b Book) Remove(network string) error {
	if err := checkName(network); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(b.Dir, network))
}

// Read gives what is known of a network; nothing for one that nobody has joined.
func (b Book) Read(network string) (File, error) {
	if err := checkName(network); err != nil {
		return File{}, err
	}
	f, err := read(filepath.Join(b.Dir, network))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return f, err
}

// Resolving tells whether a network has a resolver.
func (b Book) Resolving(network string) bool {
	return ondisk.Held(filepath.Join(b.Dir, network, resolverFile))
}

// change edits a network's file under its lock. It is written before the resolver
// is started, and put back when there is none to be had.
func (b Book) change(ctx context.Context, network string, make bool, edit func(*File) bool) (err error) {
	if err := checkName(network); err != nil {
		return err
	}
	dir := filepath.Join(b.Dir, network)
	if make {
		if err := makeReadable(b.Dir, dir); err != nil {
			return err
		}
	}
	lock, err := Lock(ctx, filepath.Join(dir, lockFile))
	if err != nil {
		return fmt.Errorf("names of network %s: %w", network, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	before, err := read(dir)
	if err != nil && (!make || !errors.Is(err, fs.ErrNotExist)) {
		// What cannot be read says nothing that a container could miss: who joins
		// begins anew, and who leaves is gone.
		before = File{}
	}
	after := before
	after.Format = format
	after.Containers = slices.Clone(before.Containers)
	if edit(&after) {
		if err := write(dir, after); err != nil {
			return err
		}
	}
	if len(after.Containers) == 0 {
		return nil
	}
	if err = b.resolve(dir, after.Network); err != nil && make {
		before.Format = format
		err = errors.Join(err, write(dir, before))
	}
	return err
}

// makeReadable makes directories that the resolver can read, whatever the umask.
func makeReadable(dirs ...string) error {
	for _, dir := range dirs {
		if _, err := os.Lstat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func without(list []Container, id string) []Container {
	return slices.DeleteFunc(list, func(c Container) bool { return c.ID == id })
}

// read reads the file in dir.
func read(dir string) (File, error) {
	path := filepath.Join(dir, namesFile)
	data, err := ondisk.Read(path, MaxFile)
	if err != nil {
		return File{}, err
	}
	file, err := Decode(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// write replaces the file in dir. It need not survive a reboot.
func write(dir string, file File) error {
	data, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return ondisk.Replace(filepath.Join(dir, namesFile), data, 0o644, false)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// checkName keeps a network's directory beneath Dir.
func checkName(network string) error {
	if network == "" || network[0] == '.' || strings.ContainsAny(network, "/\x00") {
		return fmt.Errorf("network %q: not a name", network)
	}
	return nil
}
