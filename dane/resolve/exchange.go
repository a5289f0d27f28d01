package resolve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// maxUDP is the largest answer asked for over UDP: one that no usual path
// breaks into fragments, which could be forged one by one.
const maxUDP = 1232

// A call is a question on its way; done is closed when it has ended.
type call struct {
	done    chan struct{}
	message *message
	why     Reason
}

// prefetch sends the questions whether zones begin at the name or above it,
// all at once: they take the time of one.
func (j *judge) prefetch(name string) {
	for {
		_, anchor := j.anchors[name]
		_, _, known := j.places.get(name, j.now)
		if _, seen := j.seen[name]; known && !j.fresh || seen {
			return // and so is where everything above it lies
		}
		if anchor {
			j.start(question{name, dns.TypeDNSKEY})
			return
		}
		if name == "." {
			return
		}
		j.start(question{name, dns.TypeDS})
		name = parent(name)
	}
}

// start sends a question unless that has been done; nil when there have been
// too many.
func (j *judge) start(q question) *call {
	if c := j.calls[q]; c != nil {
		return c
	}
	if !spend(&j.budget.questions, maxQuestions) {
		return nil
	}
	c := &call{done: make(chan struct{})}
	j.calls[q] = c
	go func() {
		defer close(c.done)
		var m *dns.Msg
		if m, c.why = j.turn(j.ctx, j.other, q); m != nil {
			c.message = sorted(m)
		}
	}()
	return c
}

// ask returns the answer to a question; the reason is Proved if there is one,
// which says nothing about what is in it.
func (j *judge) ask(q question) (*message, Reason) {
	c := j.start(q)
	if c == nil {
		return nil, TooMuchWork
	}
	<-c.done // it ends when its context does
	return c.message, c.why
}

// turn asks the servers in turn until one answers, which is then asked first:
// a dead one costs its time once. Other is how many servers to pass over.
func (r *Resolver) turn(ctx context.Context, other int, q question) (*dns.Msg, Reason) {
	why, n := NoAnswer, len(r.servers)
	lead := int(r.lead.Load())
	for try := range min(max(2*n, 3), 6) {
		m, w := r.exchange(ctx, r.servers[(lead+other+try)%n], q)
		if w == Proved {
			r.lead.Store(uint32((lead + try) % n))
			return m, Proved
		}
		if why = w; ctx.Err() != nil {
			break
		}
	}
	return nil, why
}

// query asks one server, by UDP and if need be by TCP.
func (r *Resolver) query(ctx context.Context, server netip.AddrPort, q question) (*dns.Msg, Reason) {
	select {
	case r.asking <- struct{}{}:
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return nil, NoAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	m := transact(ctx, "udp", server, q)
	if m != nil && m.Truncated {
		m = transact(ctx, "tcp", server, q) // RFC 7766 §5
	}
	switch {
	case m == nil || m.Truncated:
		return nil, NoAnswer
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return nil, ServerFailed
	}
	return m, Proved
}

// transact sends a question and waits for its answer; nil if none came. The
// socket is new and connected: its port is the kernel's choice, and the kernel
// drops what comes from elsewhere (RFC 5452 §9.2).
func transact(ctx context.Context, network string, server netip.AddrPort, q question) *dns.Msg {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return nil
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	id := newID()
	wire, err := request(id, q).Pack()
	if err != nil {
		return nil
	}
	if network == "tcp" {
		wire = append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)
	}
	if _, err := conn.Write(wire); err != nil {
		return nil
	}
	for {
		wire, err := receive(conn, network)
		if err != nil {
			return nil
		}
		// Somebody who guesses ports may also guess an id: what does not fit
		// is passed over, and does not end the waiting.
		m := new(dns.Msg)
		if m.Unpack(wire) == nil && answers(m, id, q) {
			return m
		}
		if network == "tcp" {
			return nil
		}
	}
}

func newID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint16(b[:])
}

// request makes a question for the records with their signatures (DO), not
// judged by the server (CD). RFC 4035 §4.1, §4.9.2.
func request(id uint16, q question) *dns.Msg {
	m := new(dns.Msg)
	m.Id = id
	m.RecursionDesired = true
	m.CheckingDisabled = true
	m.Question = []dns.Question{{Name: q.name, Qtype: q.qtype, Qclass: dns.ClassINET}}
	m.SetEdns0(maxUDP, true)
	return m
}

func receive(conn net.Conn, network string) ([]byte, error) {
	if network == "udp" {
		// More than asked for: some send it, and cut off it would be lost.
		wire := make([]byte, 4096)
		n, err := conn.Read(wire)
		return wire[:n], err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	wire := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, wire)
	return wire, err
}
