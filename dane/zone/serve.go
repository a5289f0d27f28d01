package zone

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// A Hook is somebody on the way: it gets the answer to each question and
// returns the one to send, or nil for none. It may take its time. TCP says how
// the question came. It is called by several goroutines at once.
type Hook func(answer *dns.Msg, tcp bool) *dns.Msg

// A Server answers questions about a tree on loopback.
type Server struct {
	tree *Tree
	hook Hook
	udp  *net.UDPConn
	tcp  *net.TCPListener
	wait sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool
}

// Serve answers on a free port of 127.0.0.1, by UDP and TCP, until it is
// closed. The hook may be nil.
func (t *Tree) Serve(hook Hook) (*Server, error) {
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(tcp.Addr().(*net.TCPAddr).AddrPort()))
	if err != nil {
		tcp.Close()
		return nil, err
	}
	s := &Server{tree: t, hook: hook, udp: udp, tcp: tcp, conns: map[net.Conn]bool{}}
	s.wait.Go(s.serveUDP)
	s.wait.Go(s.serveTCP)
	return s, nil
}

// Addr is where the server listens, by UDP and TCP.
func (s *Server) Addr() netip.AddrPort { return s.tcp.Addr().(*net.TCPAddr).AddrPort() }

// Close ends the server and waits for its goroutines.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.udp.Close()
	s.tcp.Close()
	s.wait.Wait()
}

func (s *Server) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(buf[:n]) != nil || q.Response {
			continue
		}
		s.wait.Go(func() {
			if wire := s.answer(q, false); wire != nil {
				s.udp.WriteToUDPAddrPort(wire, from)
			}
		})
	}
}

func (s *Server) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		closed := s.closed
		s.mu.Unlock()
		if closed {
			c.Close()
			return
		}
		s.wait.Go(func() {
			s.converse(c)
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// converse answers questions on one connection, one after the other.
func (s *Server) converse(c net.Conn) {
	for {
		c.SetDeadline(time.Now().Add(10 * time.Second))
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		buf := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, buf); err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(buf) != nil || q.Response {
			return
		}
		wire := s.answer(q, true)
		if wire == nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
			return
		}
	}
}

// answer makes the bytes to send; nil for none.
func (s *Server) answer(q *dns.Msg, tcp bool) []byte {
	m := s.tree.Respond(q)
	if s.hook != nil {
		if m = s.hook(m, tcp); m == nil {
			return nil
		}
	}
	m.Compress = true
	wire, err := m.Pack()
	if err != nil {
		return nil
	}
	limit := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		limit = max(limit, int(opt.UDPSize()))
	}
	if tcp || len(wire) <= limit {
		return wire
	}
	m.Truncated, m.Answer, m.Ns = true, nil, nil // RFC 2181 §9
	wire, err = m.Pack()
	if err != nil {
		return nil
	}
	return wire
}
