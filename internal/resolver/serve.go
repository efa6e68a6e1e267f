// SPDX-License-Identifier: Apache-2.0

package resolver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Bounds. A packet with a question is never longer; answers in packets are cut at
// what passes every network without fragments.
const (
	longestQuestion = 4096
	longestPacket   = 1232
	connections     = 64
	perClient       = 16 // of them
	perConnection   = 128
	idle            = 8 * time.Second
)

// A resolver answers what comes in by its sockets.
type resolver struct {
	shelf *shelf
	host  *hostServers
	desk  *desk

	mu     sync.Mutex
	closed bool
	open   map[io.Closer]struct{}
	done   sync.WaitGroup
}

// serve begins to answer on the sockets from a descriptor on.
func (r *resolver) serve(first, count int) error {
	for fd := first; fd < first+count; fd++ {
		f := os.NewFile(uintptr(fd), "socket")
		if conn, err := net.FilePacketConn(f); err == nil {
			packets, ok := conn.(*net.UDPConn)
			if !ok {
				return fmt.Errorf("descriptor %d: not a socket for packets of UDP", fd)
			}
			f.Close()
			r.goOn(packets, func() { r.packets(packets) })
			continue
		}
		listener, err := net.FileListener(f)
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
		f.Close()
		r.goOn(listener, func() { r.listen(listener) })
	}
	return nil
}

// goOn runs work until it is done or what it works on is closed.
func (r *resolver) goOn(on io.Closer, work func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		on.Close()
		return
	}
	if r.open == nil {
		r.open = map[io.Closer]struct{}{}
	}
	r.open[on] = struct{}{}
	r.done.Go(func() {
		work()
		on.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.open, on)
	})
}

// close closes all sockets.
func (r *resolver) close() {
	r.mu.Lock()
	r.closed = true
	for on := range r.open {
		on.Close()
	}
	r.mu.Unlock()
	r.done.Wait()
}

// packets answers from names at once, and lets a bounded number of others wait.
func (r *resolver) packets(conn *net.UDPConn) {
	buf := make([]byte, longestQuestion)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // of a packet before: its sender is gone
		}
		client := from.Addr().Unmap().WithZone("")
		q, answer := r.answer(buf[:n], client)
		if q != nil {
			if r.desk.take(client) {
				go func() {
					defer r.desk.leave(client)
					send(conn, from, pack(r.forward(q, client), packetSize(q)))
				}()
				continue
			}
			answer = reply(q, dns.RcodeServerFailure)
		}
		if answer != nil {
			send(conn, from, pack(answer, packetSize(answer)))
		}
	}
}

// send does not wait: who cannot take an answer now asks again.
func send(conn *net.UDPConn, to netip.AddrPort, data []byte) {
	_, _ = conn.WriteToUDPAddrPort(data, to)
}

// listen takes a bounded number of connections; more wait in the kernel.
func (r *resolver) listen(listener net.Listener) {
	slots, desk := make(chan struct{}, connections), newDesk(connections, perClient)
	for {
		slots <- struct{}{}
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			<-slots
			time.Sleep(10 * time.Millisecond) // out of descriptors, perhaps
			continue
		}
		from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		client := from.Addr().Unmap().WithZone("")
		if err != nil || !desk.take(client) {
			conn.Close()
			<-slots
			continue
		}
		r.goOn(conn, func() {
			defer func() { desk.leave(client); <-slots }()
			r.connection(conn, client)
		})
	}
}

// connection answers one question after the other.
func (r *resolver) connection(conn net.Conn, client netip.Addr) {
	for range perConnection {
		if conn.SetDeadline(time.Now().Add(idle)) != nil {
			return
		}
		message, err := readFrame(conn, longestQuestion)
		if err != nil {
			return
		}
		q, answer := r.answer(message, client)
		if q != nil {
			if answer = reply(q, dns.RcodeServerFailure); r.desk.take(client) {
				answer = r.forward(q, client)
				r.desk.leave(client)
			}
		}
		if answer == nil || writeFrame(conn, pack(answer, dns.MaxMsgSize)) != nil {
			return
		}
	}
}

// readFrame reads a message with its length before it.
func readFrame(conn net.Conn, limit int) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > limit {
		return nil, fmt.Errorf("a message of %d bytes: at most %d are taken", n, limit)
	}
	message := make([]byte, n)
	_, err := io.ReadFull(conn, message)
	return message, err
}

func writeFrame(conn net.Conn, message []byte) error {
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, len(message)+2), uint16(len(message)))
	_, err := conn.Write(append(frame, message...))
	return err
}
