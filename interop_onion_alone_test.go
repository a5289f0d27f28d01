package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A solitude is a network namespace with nothing in it but loopback, which has
// every address there is. So whatever a program there sends, to whomever, is seen.
type solitude struct {
	t          testing.TB
	here, home *os.File // namespaces
	socket     *os.File // where all packets are seen
	fd         int      // of the same

	mu   sync.Mutex
	seen map[string]bool // what was spoken to: "tcp 192.0.2.1:80"
}

func newSolitude(t testing.TB) *solitude {
	t.Helper()
	s := &solitude{t: t, seen: make(map[string]bool)}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.home = namespace(t)
	defer enterNamespace(s.home)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	s.here = namespace(t)
	for _, args := range []string{
		"link set lo up", "route add local default dev lo", "-6 route add local default dev lo",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	s.watch()
	return s
}

// namespace is that of the thread. It is kept open as long as the process.
func namespace(t testing.TB) *os.File {
	t.Helper()
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func enterNamespace(ns *os.File) {
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err) // the thread would go on in the wrong one
	}
}

// within runs f in the namespace: what it opens and starts is there.
func (s *solitude) within(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	enterNamespace(s.here)
	defer enterNamespace(s.home)
	f()
}

// watch reads all packets until the test ends.
func (s *solitude) watch() {
	s.t.Helper()
	const everything = unix.ETH_P_ALL << 8 // in network order, on all that Debian's Go and this test run on
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, everything)
	if err != nil {
		s.t.Fatal(err)
	}
	s.fd, s.socket = fd, os.NewFile(uintptr(fd), "packets")
	s.t.Cleanup(func() { s.socket.Close() })
	go func() {
		b := make([]byte, 128) // of each packet the headers
		for {
			n, err := s.socket.Read(b)
			if err != nil {
				return
			}
			if to := spokenTo(b[:n]); to != "" {
				s.mu.Lock()
				s.seen[to] = true
				s.mu.Unlock()
			}
		}
	}()
}

// spokenTo says whom a packet begins to speak to. Of TCP that is the one which
// a connection is opened to; all other packets count.
func spokenTo(packet []byte) string {
	var protocol byte
	var to netip.Addr
	var rest []byte
	switch {
	case len(packet) >= 20 && packet[0] == 4<<4|5: // 5 words and no options
		protocol, to, rest = packet[9], netip.AddrFrom4([4]byte(packet[16:20])), packet[20:]
	case len(packet) >= 40 && packet[0]>>4 == 6:
		protocol, to, rest = packet[6], netip.AddrFrom16([16]byte(packet[24:40])), packet[40:]
	}
	if protocol != unix.IPPROTO_TCP || len(rest) < 14 {
		return fmt.Sprintf("protocol %d at %v", protocol, to)
	}
	const syn, ack = 2, 16
	if rest[13]&(syn|ack) != syn {
		return ""
	}
	return "tcp " + netip.AddrPortFrom(to, uint16(rest[2])<<8|uint16(rest[3])).String()
}

// spoken is whom was spoken to until now, in order. No packet escaped notice.
func (s *solitude) spoken() []string {
	s.t.Helper()
	stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil || stats.Drops > 0 {
		s.t.Fatalf("%+v, %v", stats, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.seen))
}

// speak sends a datagram and tries a connection, to see that both are noticed.
func (s *solitude) speak(to string) {
	s.within(func() {
		if c, err := net.Dial("udp", to); err == nil {
			io.WriteString(c, "hello")
			c.Close()
		}
		if c, err := net.DialTimeout("tcp", to, 100*time.Millisecond); err == nil {
			c.Close()
		}
	})
}

// listen and dial are those of package net, in the namespace.
func (s *solitude) listen(address string) (l net.Listener, err error) {
	s.within(func() { l, err = net.Listen("tcp", address) })
	return l, err
}

func (s *solitude) dial(address string) (c net.Conn, err error) {
	s.within(func() { c, err = net.Dial("tcp", address) })
	return c, err
}

// join makes one port of two in different namespaces: what connects to the first
// goes on to the second.
func join(t testing.TB, l net.Listener, err error, dial func() (net.Conn, error)) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := dial()
			if err != nil {
				from.Close()
				continue
			}
			go carry(from, to)
			go carry(to, from)
		}
	}()
}

// carry copies one direction, its end included.
func carry(dst, src net.Conn) {
	io.Copy(dst, src)
	dst.(*net.TCPConn).CloseWrite()
}
