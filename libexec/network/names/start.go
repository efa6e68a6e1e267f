// SPDX-License-Identifier: Apache-2.0

package names

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"golang.org/x/sys/unix"
)

// The descriptors of a resolver: the directory of the book, its lock, and from
// FirstSocket on two sockets for each address, for packets and for connections.
const (
	BookFD      = 3
	ResolverFD  = 4
	FirstSocket = 5
)

// Port is where resolvers are asked.
const Port = 53

// ErrNoResolver says that a network cannot have a resolver.
var ErrNoResolver = errors.New("no resolver")

// resolve starts a resolver if there is none.
func (b Book) resolve(dir string, n Network) error {
	if len(n.Listen) == 0 {
		return nil
	}
	err := b.start(dir, n)
	if err == nil || errors.Is(err, ondisk.ErrLocked) {
		return nil
	}
	class, object := errclass.Of(err)
	if object == "" {
		object = n.Name
	}
	return errclass.New(class, object, fmt.Errorf("network %s: %w: %w", n.Name, ErrNoResolver, err))
}

// start makes the sockets, and gives the lock over to a new process.
func (b Book) start(dir string, n Network) error {
	held, err := ondisk.Hold(filepath.Join(dir, resolverFile), 0o644)
	if err != nil {
		return err
	}
	defer held.Close()
	book, err := os.OpenFile(b.Dir, os.O_RDONLY|unix.O_DIRECTORY|noFollow, 0)
	if err != nil {
		return err
	}
	defer book.Close()
	files := []*os.File{nil, nil, nil, book, held}
	for _, address := range n.Listen {
		for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
			socket, err := bind(n.Interface, address, kind)
			if err != nil {
				return refused(address, err)
			}
			defer socket.Close()
			files = append(files, socket)
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	files[0], files[1], files[2] = null, null, null
	p, err := os.StartProcess(b.Program, []string{"tug-dns", n.Name, strconv.Itoa(len(files) - FirstSocket)}, &os.ProcAttr{
		Dir: "/", Env: []string{}, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	go func() { _, _ = p.Wait() }() // where we live longer than it does
	return nil
}

func refused(address netip.Addr, err error) error {
	class := errclass.Internal
	if errors.Is(err, unix.EADDRINUSE) {
		class, err = errclass.Conflict, errors.New("another program listens there; "+
			"have it listen elsewhere, or make the network with --disable-dns")
	}
	at := netip.AddrPortFrom(address, Port).String()
	return errclass.New(class, at, fmt.Errorf("%s: %w", at, err))
}

// bind makes a socket that hears what comes in by the network's own device, also
// before the kernel is done with trying the address.
func bind(device string, address netip.Addr, kind int) (*os.File, error) {
	family, any := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: Port, Addr: as4(address)})
	if address.Is6() {
		family, any = unix.AF_INET6, &unix.SockaddrInet6{Port: Port, Addr: address.As16()}
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, boolInt(kind == unix.SOCK_STREAM))
	if err == nil && device != "" {
		err = unix.BindToDevice(fd, device)
	}
	if err == nil && family == unix.AF_INET6 {
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1))
	} else if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	}
	if err == nil {
		err = bindSoon(fd, any)
	}
	if err == nil && kind == unix.SOCK_STREAM {
		err = unix.Listen(fd, 64)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// bindSoon gives the kernel a moment to take the socket of a resolver away that was
// killed just now: its lock is free a little before.
func bindSoon(fd int, to unix.Sockaddr) error {
	var err error
	for range 50 {
		if err = unix.Bind(fd, to); err != unix.EADDRINUSE {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

func as4(address netip.Addr) (raw [4]byte) {
	if address.Is4() {
		raw = address.As4()
	}
	return raw
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
