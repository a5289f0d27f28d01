// Package circuit listens where Tor brings connections to an onion service.
//
// All of them come from Tor itself, so an address tells nobody apart. But Tor
// can say which circuit a connection came through: with the line
// "HiddenServiceExportCircuitID haproxy" in torrc it begins each with a header
// of the PROXY protocol (version 1, in text) in which the circuit's number
// stands as the source address, within fc00:dead:beef:4dad::/64. A client that
// wants to be counted as another has to build another circuit, which is slow.
//
// The header must be there. If it could be left out, a client could write it.
package circuit

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// maxHeader is the longest header in bytes, its end included (PROXY
	// protocol, section 2.1).
	maxHeader = 107

	// patience is how long a connection may take to bring its header. Tor
	// sends it before all else.
	patience = 5 * time.Second

	// pending bounds how many connections are waited for at once.
	pending = 256
)

// within is where Tor's circuits have their addresses.
func within() netip.Prefix { return netip.MustParsePrefix("fc00:dead:beef:4dad::/64") }

var errHeader = errors.New("circuit: this is no PROXY header from Tor")

// parse reads a header, its end not included, and returns whose circuit it is.
func parse(line string) (netip.Prefix, error) {
	// PROXY TCP6 fc00:dead:beef:4dad::AABB:CCDD ::1 SOURCEPORT DESTPORT
	f := strings.Split(line, " ")
	if len(f) != 6 || f[0] != "PROXY" || f[1] != "TCP6" {
		return netip.Prefix{}, errHeader
	}
	addr, err := netip.ParseAddr(f[2])
	if err != nil || !within().Contains(addr) {
		return netip.Prefix{}, errHeader
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// source is one circuit, as a part of a connection's address.
type source netip.Prefix

// Source is what connections and failures are counted by.
func (s source) Source() netip.Prefix { return netip.Prefix(s) }

// Of the two kinds of connection that Tor makes, each stays what it is: TLS
// works on sockets.
type (
	tcpConn struct {
		*net.TCPConn
		source
	}
	unixConn struct {
		*net.UnixConn
		source
	}
)

// A Listener accepts connections that have said which circuit they are of.
type Listener struct {
	net.Listener
	ready   chan net.Conn
	slots   chan struct{}
	stopped chan struct{}
	stop    sync.Once
}

// Listen waits for headers on what l accepts, until it is closed.
func Listen(l net.Listener) *Listener {
	c := &Listener{Listener: l, ready: make(chan net.Conn), slots: make(chan struct{}, pending), stopped: make(chan struct{})}
	go c.accept()
	return c
}

// Accept returns the next connection, its header read. It fails with
// [net.ErrClosed] once the Listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.ready:
		return nc, nil
	case <-l.stopped:
		return nil, net.ErrClosed
	}
}

// Close closes the listener.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.stop.Do(func() { close(l.stopped) })
	return err
}

func (l *Listener) accept() {
	for {
		nc, err := l.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(50 * time.Millisecond) // no file descriptor left
			continue
		}
		select {
		case l.slots <- struct{}{}:
			go l.introduce(nc)
		default:
			nc.Close()
		}
	}
}

// introduce reads one connection's header and hands it on.
func (l *Listener) introduce(nc net.Conn) {
	defer func() { <-l.slots }()
	nc.SetReadDeadline(time.Now().Add(patience))
	from, err := header(nc)
	nc.SetReadDeadline(time.Time{})
	var known net.Conn
	switch socket := nc.(type) {
	case *net.TCPConn:
		known = tcpConn{socket, source(from)}
	case *net.UnixConn:
		known = unixConn{socket, source(from)}
	default:
		err = errHeader
	}
	if err != nil {
		nc.Close()
		return
	}
	select {
	case l.ready <- known:
	case <-l.stopped:
		nc.Close()
	}
}

// header reads up to the header's end and not a byte more, which is TLS's.
func header(nc net.Conn) (netip.Prefix, error) {
	var line [maxHeader]byte
	for n := range line {
		if _, err := nc.Read(line[n : n+1]); err != nil {
			return netip.Prefix{}, err
		}
		if text, ok := bytes.CutSuffix(line[:n+1], []byte("\r\n")); ok {
			return parse(string(text))
		}
	}
	return netip.Prefix{}, errHeader
}
