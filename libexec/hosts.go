// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/errclass"
)

const maxHostFile = 1 << 20

// hostFile is a file that is generated for a container and mounted into it.
type hostFile struct {
	path    string
	content string
}

// hostFiles decides the generated files and adds their mounts, last of all: a
// link in the image may lead into a tmpfs that is mounted before. A place that
// the user mounts something at is the user's.
func (b *builder) hostFiles(taken func(specs.Mount) bool) error {
	if err := b.checkHosts(); err != nil || b.opts.RunDir == "" {
		return err
	}
	for _, f := range []struct {
		name, place string
		content     func() (string, error)
	}{
		{"hosts", "/etc/hosts", b.hosts},
		{"resolv.conf", "/etc/resolv.conf", b.resolvConf},
		{"hostname", "/etc/hostname", func() (string, error) { return b.hostname + "\n", nil }},
		{"containerenv", "/run/.containerenv", func() (string, error) { return "", nil }},
	} {
		mount := specs.Mount{Destination: f.place, Type: "bind", Source: filepath.Join(b.opts.RunDir, f.name), Options: []string{"bind", "rprivate"}}
		if b.opts.readOnly() {
			mount.Options = append(mount.Options, "ro")
		}
		if taken(mount) || b.opts.NoHosts && f.name == "hosts" || b.opts.NoHostname && f.name == "hostname" {
			continue
		}
		if err := b.checkFilePlace(f.place); err != nil {
			return err
		}
		content, err := f.content()
		if err != nil {
			return err
		}
		b.files = append(b.files, hostFile{path: mount.Source, content: content})
		b.g.AddMount(mount)
	}
	return nil
}

// checkHosts refuses a host that could be more than one line of the table.
func (b *builder) checkHosts() error {
	for _, h := range b.opts.ExtraHosts {
		address, err := netip.ParseAddr(h.Address)
		if h.Address == HostGateway {
			address, err = netip.IPv4Unspecified(), nil
		}
		if err != nil || address.Zone() != "" || !validHostname(h.Name) {
			return optionError("--add-host", "host %q with address %q: not a host name and an address", shorten(h.Name), shorten(h.Address))
		}
	}
	return b.opts.DNS.check()
}

// checkFilePlace refuses an image that has a directory, or a way that goes
// through a file or to the kernel's files, where a file of ours is to be mounted.
func (b *builder) checkFilePlace(place string) error {
	if b.plainPlace(place) {
		return nil
	}
	resolved, found, hidden, err := b.root.Resolve(place, func(p string) bool {
		return slices.ContainsFunc(b.binds, func(m specs.Mount) bool { return hides(m, p) })
	})
	if err != nil {
		return imageError(place, "%s in the container: %w", place, reason(err))
	}
	if underKernelMount(resolved) {
		return imageError(place, "%s in the container: it leads to %s", place, shorten(resolved))
	}
	if !found {
		// crun does not go through a link to nothing, where runc makes the place.
		if dir := path.Dir(resolved); !hidden && dir != path.Dir(place) {
			b.makeDirs = append(b.makeDirs, dir)
		}
		return nil
	}
	info, err := b.root.Stat(resolved)
	if err != nil {
		return imageError(place, "%s in the container: %w", place, reason(err))
	}
	if !info.IsRegular() {
		return imageError(place, "%s in the container is %s, not a file", place, kindOf(info.Mode))
	}
	return nil
}

// plainPlace reports the usual case: a file, or none in a directory that is
// there, and no mount of the user's.
func (b *builder) plainPlace(place string) bool {
	if len(b.binds) > 0 {
		return false
	}
	info, err := b.root.Lstat(place)
	if errIsNotExist(err) {
		info, err = b.root.Stat(path.Dir(place))
		return err == nil && info.IsDir()
	}
	return err == nil && info.IsRegular()
}

// hosts gives the container its own name, and the host's table where it shares
// the host's network.
func (b *builder) hosts() (string, error) {
	if b.opts.HostsFrom != "" {
		return readHostFile(filepath.Join(b.opts.HostsFrom, "hosts"))
	}
	var s strings.Builder
	if b.opts.Network.Mode == HostMode {
		table, err := readHostFile("/etc/hosts")
		if err != nil {
			return "", err
		}
		s.WriteString(table)
		if table != "" && !strings.HasSuffix(table, "\n") {
			s.WriteByte('\n')
		}
	}
	for _, h := range b.opts.ExtraHosts {
		address := h.Address
		if address == HostGateway {
			if address = b.opts.HostAddress; address == "" {
				return "", unsupportedError("--add-host", "host %q: on this network the container does not reach the host: host-gateway is no address", h.Name)
			}
		}
		s.WriteString(address + "\t" + h.Name + "\n")
	}
	if b.opts.Network.Mode != HostMode {
		s.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	}
	names := b.hostname
	if name := b.opts.Name; name != "" && name != b.hostname && validHostname(name) {
		names += " " + name
	}
	addresses := b.opts.Addresses
	if len(addresses) == 0 {
		addresses = []string{"127.0.0.1"}
	}
	for _, address := range addresses {
		s.WriteString(address + "\t" + names + "\n")
	}
	if b.opts.HostAddress != "" {
		s.WriteString(b.opts.HostAddress + "\thost.containers.internal host.docker.internal\n")
	}
	return s.String(), nil
}

// readHostFile reads a file of the host; a missing one is empty.
func readHostFile(name string) (string, error) {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || st.Size() > maxHostFile {
		return "", optionError(name, "%s of the host: not a file of at most %d bytes", name, maxHostFile)
	}
	data, err := os.ReadFile(name)
	return string(data), err
}

// writeHostFiles writes the generated files. Their directory is ours alone, yet
// a file of an earlier start is replaced and a link is not followed.
func writeHostFiles(files []hostFile, uid, gid int) error {
	for _, f := range files {
		if err := writeHostFile(f, uid, gid); err != nil {
			return errclass.New(errclass.Internal, f.path, fmt.Errorf("write %s: %w", f.path, reason(err)))
		}
	}
	return nil
}

func writeHostFile(file hostFile, uid, gid int) error {
	flags := unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	f, err := os.OpenFile(file.path, flags, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(file.content); err != nil {
		return errors.Join(err, f.Close())
	}
	err = f.Chmod(0o644)
	if err == nil && (uid != 0 || gid != 0) {
		err = f.Chown(uid, gid)
	}
	return errors.Join(err, f.Close())
}
