package federation

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
	"lethe/relay/wire"
)

// A session is one stream between two servers, whoever opened it. All of it
// belongs to the goroutine that reads; others reach the peer through out.
type session struct {
	*stream.Stream
	srv    *Server
	local  string // our domain
	remote string // the peer's
	out    *relay.Outbox
	pass   relay.Pass
	alive  time.Time // when the read deadline was last moved

	proof    Proof  // of the peer, on streams that we opened
	counting bool   // the peer wants its stanzas acknowledged
	taken    uint32 // those taken since

	// proved are the domains whose stanzas may come in. It is replaced, never
	// changed: dialback adds to it from outside.
	proved atomic.Pointer[map[string]bool]
	nonza  func(*wire.Stanza) error // handles what is no stanza
}

// prove admits stanzas of a domain.
func (s *session) prove(domain string) {
	for {
		old := s.proved.Load()
		set := map[string]bool{domain: true}
		if old != nil {
			for d := range *old {
				set[d] = true
			}
		}
		if s.proved.CompareAndSwap(old, &set) {
			return
		}
	}
}

func (s *session) isProved(domain string) bool {
	set := s.proved.Load()
	return set != nil && (*set)[domain]
}

// serve reads until the stream ends, then says why.
func (s *session) serve() {
	take := s.take
	err := s.Each(take)
	for err == nil {
		s.pass.Flush()
		s.Reader().Rest()
		if err = s.wait(); err == nil {
			_, err = s.Batch(take)
		}
	}
	var violation wire.StreamError
	switch {
	case errors.As(err, &violation):
		s.srv.cfg.Report(relay.StreamViolation)
		s.out.Close(&s.pass, wire.AppendStreamError(nil, violation, ""))
	case errors.Is(err, io.EOF), errors.Is(err, os.ErrDeadlineExceeded):
		s.out.Close(&s.pass, []byte("</stream:stream>")) // RFC 6120 §4.4
	}
	s.pass.Flush()
}

// wait parks until the peer speaks, for as long as an idle stream is kept.
func (s *session) wait() error {
	now, kept := time.Now(), s.srv.idle
	// A stream that has proved no domain has its negotiation's deadline, and
	// alive lies in the future.
	if now.Sub(s.alive) > kept/10 || s.alive.After(now) && s.proved.Load() != nil {
		s.alive = now
		s.Deadline(now.Add(kept))
	}
	return s.TLS().Wait()
}

// leave takes down a stream that was in use.
func (s *session) leave() {
	s.out.Break(&s.pass)
	s.pass.Flush()
	s.Release()
}

// discard takes down a stream that never was.
func (s *session) discard() {
	s.Release()
	s.Close()
}

// take handles one element of the peer's.
func (s *session) take(st *wire.Stanza) error {
	if st.Kind == wire.Nonza {
		if string(st.NS()) == wire.NSStream && string(st.Name()) == "error" {
			return errEnded
		}
		if string(st.NS()) == nsSM {
			return s.acknowledge(st)
		}
		if s.nonza == nil {
			return wire.UnsupportedStanzaType // RFC 6120 §4.9.3.24
		}
		return s.nonza(st)
	}
	from, to, err := s.addresses(st)
	if err != nil {
		return err
	}
	if s.counting {
		s.taken++
	}
	s.srv.cfg.Router.Route(&s.pass, st, from, to)
	return nil
}

// addresses holds a stanza to what the peer has proved: it speaks for its
// domains, to ours.
func (s *session) addresses(st *wire.Stanza) (from, to jid.JID, err error) {
	// RFC 6120 §4.9.3.7: between servers both addresses must be there.
	if st.From() == nil || st.To() == nil {
		return from, to, wire.ImproperAddressing
	}
	if from, err = jid.ParseBytes(st.From()); err != nil {
		return from, to, wire.ImproperAddressing
	}
	if to, err = jid.ParseBytes(st.To()); err != nil {
		return from, to, wire.ImproperAddressing
	}
	switch {
	case !s.isProved(from.Domain()):
		return from, to, wire.InvalidFrom // RFC 6120 §8.1.2.2, §4.9.3.9
	case !s.srv.local(to.Domain()):
		return from, to, wire.HostUnknown // RFC 6120 §4.9.3.6
	}
	return from, to, nil
}

// errEnded says that the peer ended the stream with an error of its own.
var errEnded = errors.New("federation: the peer ended the stream")
