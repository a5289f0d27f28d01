package c2s

import (
	"crypto/rand"
	"strconv"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

const (
	nsSM    = "urn:xmpp:sm:3"  // XEP-0198
	nsState = "urn:xmpp:csi:0" // XEP-0352
)

// handover is how long a client that resumes waits for its own old connection
// to let go.
const handover = 5 * time.Second

// A session is a managed stream that a client may resume on another connection
// (XEP-0198 §5). Between two connections it belongs to the Server, which gives
// it up after Limits.Resume.
type session struct {
	id    string
	user  jid.JID
	seat  relay.Seat
	out   *relay.Outbox
	taken uint32 // stanzas handled; its client's own while there is one

	// Guarded by Server.mu.
	client  *client       // who has it; nil while it waits, as Server.waiting says
	gone    chan struct{} // closed when that client is gone
	expires *time.Timer   // while it waits
	over    bool          // of it only the count is left, for the client to know
}

// enable turns stream management on (XEP-0198 §3) and returns the answer. The
// caller tells the Outbox to track what goes out behind it.
func (c *client) enable(resume bool) []byte {
	c.counting = true
	b := []byte("<enabled xmlns='" + nsSM + "'")
	if window := c.srv.cfg.Limits.Resume; resume && window > 0 {
		c.session = c.srv.keep(c)
		c.out.Hold()
		b = wire.AppendAttr(b, "id", c.session.id)
		b = wire.AppendAttr(b, "resume", "true")
		b = wire.AppendAttr(b, "max", strconv.Itoa(int(window/time.Second)))
	}
	return append(b, "/>"...)
}

// resume takes over a session of the same user whose client has h of its
// stanzas (XEP-0198 §5). It returns the answer; once that is sent, attach
// connects the session.
func (c *client) resume(id string, h uint32) (answer []byte, ok bool) {
	s := c.srv.takeOver(c, id)
	switch {
	case s == nil:
		return failed("item-not-found"), false
	case s.over:
		return s.failed(), false
	case s.out.Closed() || !s.out.Acknowledge(&c.pass, h):
		c.srv.forget(s)
		s.end()
		return s.failed(), false
	}
	c.session, c.seat, c.out = s, s.seat, s.out
	c.taken, c.counting = s.taken, true
	b := wire.AppendAttr([]byte("<resumed xmlns='"+nsSM+"'"), "previd", id)
	b = wire.AppendAttr(b, "h", strconv.FormatUint(uint64(c.taken), 10))
	return append(b, "/>"...), true
}

// attach makes this connection the one that a resumed session writes to.
func (c *client) attach() error {
	if !c.out.Resume(c.TLS()) {
		return errEnd // ended meanwhile; its stanzas are answered
	}
	c.seat.Active(&c.pass, true) // XEP-0352 §5: as if newly bound
	c.pass.Flush()
	return nil
}

// failed refuses to resume a session that is over, and says how much of what
// the client sent had been handled (XEP-0198 §5).
func (s *session) failed() []byte {
	b := wire.AppendAttr([]byte("<failed xmlns='"+nsSM+"'"), "h", strconv.FormatUint(uint64(s.taken), 10))
	return append(b, "><item-not-found xmlns='"+wire.NSStanzaErrors+"'/></failed>"...)
}

func failed(condition string) []byte {
	return []byte("<failed xmlns='" + nsSM + "'><" + condition + " xmlns='" + wire.NSStanzaErrors + "'/></failed>")
}

// manage handles an element of stream management on a bound stream.
func (c *client) manage(st *wire.Stanza) error {
	switch string(st.Name()) {
	case "enable":
		if c.counting {
			c.out.OfferNonza(&c.pass, failed("unexpected-request")) // XEP-0198 §3
			return nil
		}
		c.out.Track(&c.pass, c.enable(truth(st.Node().Attr("resume"))))
	case "r":
		b := wire.AppendAttr([]byte("<a xmlns='"+nsSM+"'"), "h", strconv.FormatUint(uint64(c.taken), 10))
		c.out.OfferNonza(&c.pass, append(b, "/>"...))
	case "a":
		h, err := heard(st.Node())
		if err != nil || !c.out.Acknowledge(&c.pass, h) {
			return wire.UndefinedCondition // XEP-0198 §4: handled-count-too-high
		}
	case "resume":
		c.out.OfferNonza(&c.pass, failed("unexpected-request")) // XEP-0198 §5
	default:
		return wire.UnsupportedStanzaType
	}
	return nil
}

// truth reads a boolean attribute.
func truth(value string) bool { return value == "true" || value == "1" }

// heard is the count of stanzas that an element says to have been handled.
func heard(n *wire.Node) (uint32, error) {
	h, err := strconv.ParseUint(n.Attr("h"), 10, 32)
	return uint32(h), err
}

// resumeInstead handles a client's wish to go on with an earlier session in
// place of binding a resource.
func (c *client) resumeInstead(st *wire.Stanza) error {
	answer, ok, err := c.resumeFrom(st.Node())
	switch {
	case err != nil:
		return err
	case !ok:
		return c.Send(answer)
	}
	return c.reattach(answer)
}

// resumeFrom is resume for what the element n says. An error ends the stream.
func (c *client) resumeFrom(n *wire.Node) (answer []byte, ok bool, err error) {
	h, err := heard(n)
	if err != nil {
		return failed("bad-request"), false, nil
	}
	if answer, ok = c.resume(n.Attr("previd"), h); !ok {
		return answer, false, nil
	}
	if refusal := c.standing(); refusal != "" {
		return nil, false, refusal
	}
	return answer, true, nil
}

// reattach sends the answer of resume, and behind it what has waited.
func (c *client) reattach(answer []byte) error {
	if err := c.Send(answer); err != nil {
		c.lost = true
		return err
	}
	return c.attach()
}

// keep remembers the client's session for the case that its connection is lost.
func (s *Server) keep(c *client) *session {
	kept := &session{
		id: rand.Text(), user: c.user, seat: c.seat, out: c.out,
		client: c, gone: make(chan struct{}),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.managed[kept.id] = kept
	return kept
}

// Waiting is how many sessions wait for their clients to come back.
func (s *Server) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kept := range s.managed {
		if kept.client == nil && !kept.over {
			n++
		}
	}
	return n
}

// takeOver gives a session to c, or returns nil if c's user has none with this
// id. One that is over is given to nobody. A connection that still has it is
// cut: the client knows best which one is dead.
func (s *Server) takeOver(c *client, id string) *session {
	deadline := time.NewTimer(handover)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		kept := s.managed[id]
		if kept == nil || kept.user != c.user || s.closing {
			s.mu.Unlock()
			return nil
		}
		if kept.over {
			s.mu.Unlock()
			return kept
		}
		if kept.client == nil {
			kept.expires.Stop()
			s.settled(kept)
			kept.client, kept.gone = c, make(chan struct{})
			s.mu.Unlock()
			return kept
		}
		kept.client.TLS().Cut()
		gone := kept.gone
		s.mu.Unlock()
		select {
		case <-gone:
		case <-deadline.C:
			return nil
		}
	}
}

// leave puts the session of a client whose connection is lost aside, and
// reports whether it may be resumed.
func (s *Server) leave(c *client) bool {
	kept := c.session
	if kept == nil || kept.out.Closed() {
		return false
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return false
	}
	address := kept.seat.JID()
	before := s.waiting[address] // another has taken its resource since
	if before != nil {
		before.expires.Stop()
		delete(s.managed, before.id)
		s.ended++
	}
	s.waiting[address] = kept
	kept.taken, kept.client = c.taken, nil
	kept.expires = time.AfterFunc(s.cfg.Limits.Resume, func() { s.expire(kept) })
	close(kept.gone)
	s.mu.Unlock()
	if before != nil {
		before.end()
	}
	return true
}

// settled says that a session waits no more: it has a client again, or is over. s is locked.
func (s *Server) settled(kept *session) {
	if address := kept.seat.JID(); s.waiting[address] == kept {
		delete(s.waiting, address)
	}
}

// forget takes a session off the Server's list: it will not be resumed.
func (s *Server) forget(kept *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.managed[kept.id] == kept {
		delete(s.managed, kept.id)
		close(kept.gone)
	}
}

// dismiss ends all sessions that wait.
func (s *Server) dismiss() {
	s.mu.Lock()
	var waiting []*session
	for id, kept := range s.managed {
		if kept.client == nil && !kept.over {
			kept.expires.Stop()
			s.settled(kept)
			delete(s.managed, id)
			waiting = append(waiting, kept)
		}
	}
	s.mu.Unlock()
	for _, kept := range waiting {
		kept.end()
	}
}

// expire ends a session that nobody came back for: its user has left, and its
// stanzas are answered. The count stays for as long again.
func (s *Server) expire(kept *session) {
	s.mu.Lock()
	switch {
	case kept.client != nil || s.managed[kept.id] != kept:
		s.mu.Unlock()
		return // resumed at the last moment
	case kept.over:
		delete(s.managed, kept.id)
		s.mu.Unlock()
		return
	}
	kept.over = true
	s.settled(kept)
	s.ended++
	kept.expires.Reset(s.cfg.Limits.Resume)
	s.mu.Unlock()
	kept.end()
}

// end gives up seat and Outbox of a session that has no connection.
func (s *session) end() {
	var p relay.Pass
	s.seat.Leave(&p)
	s.out.Abandon()
	p.Flush()
	s.seat, s.out = nil, nil
}
