package account

import (
	"crypto/rand"
	"sync/atomic"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// A seat is one bound resource: a connection with an address.
type seat struct {
	account *account
	jid     jid.JID // full
	out     *relay.Outbox
	gone    atomic.Bool // takes nothing more from its client
	calm    calm        // what is held while nobody looks at the client

	to jid.JID // last addressed; the reader's own

	// Guarded by account.mu.
	left       bool     // and nobody need be told of it any more
	card       card     // its presence; nil: not available
	audience   audience // as its presence says
	priority   int8
	interested bool // asked for the roster (RFC 6121 §2.2)
	blocklist  bool // asked for the block list (XEP-0191 §3.2)
	directed   []jid.JID
	copies     bool   // wants copies (XEP-0280 §4)
	spoke      uint64 // when its client last sent a message, in the account's turns
	given      uint64 // when it was last given one
}

// Bind implements [relay.Home].
func (s *Server) Bind(user jid.JID, resource string, out *relay.Outbox) (relay.Seat, *relay.BindError) {
	if resource == "" {
		// RFC 6120 §7.6: nobody guesses it.
		resource = rand.Text()
	}
	full, err := user.Bare().WithResource(resource)
	if err != nil {
		// RFC 6120 §7.7.2.1
		return nil, &relay.BindError{Condition: wire.CondBadRequest, Text: "That is not a valid resource."}
	}
	t := &seat{jid: full, out: out}
	out.OnLost(t.lost)
	for {
		first, refusal := s.admit(t)
		switch {
		case refusal != nil:
			return nil, refusal
		case first == nil:
			return t, nil
		}
		first()
	}
}

// admit puts t in its account, or returns what is to be done first. A resource
// is free when all have been told that its holder is gone: what rooms still
// send is not for the new one, nor is what they make of the old one's leave.
func (s *Server) admit(t *seat) (first func(), refusal *relay.BindError) {
	a := s.enter(t.jid.Bare())
	defer a.mu.Unlock()
	defer s.settle(a)
	// With the account locked: SetUsers, which locks each after it has put
	// the new set in place, misses nobody.
	if _, ok := s.set.Load().Lookup(a.jid); !ok {
		return nil, &relay.BindError{Condition: wire.CondNotAuthorized, Text: "This account is gone."}
	}
	if told := s.leaving(t.jid); told != nil {
		return func() { <-told }, nil
	}
	if old := a.seat(t.jid); old != nil {
		return func() { s.supplant(old) }, nil
	}
	if len(a.seats) >= maxSeats {
		// RFC 6120 §7.6.2.1
		return nil, &relay.BindError{Condition: wire.CondResourceConstraint, Text: "This account has too many connections."}
	}
	t.account = a
	a.seats = append(a.seats, t)
	a.company.Store(len(a.seats) > 1)
	return nil, nil
}

// supplant ends the connection that holds a resource somebody else wants
// (RFC 6120 §7.7.2.2): the new one is the one that lives, for the old one is
// most often a dead one nobody has noticed yet.
func (s *Server) supplant(old *seat) {
	var p relay.Pass
	s.expel(&p, s.set.Load(), old, wire.Conflict, "Another connection took this resource.")
	p.Flush()
}

// settle sees to it that a, which is locked, stays in memory only for a
// reason: a connection, or something to remember.
func (s *Server) settle(a *account) {
	if len(a.seats) > 0 {
		return
	}
	a.idle = s.now()
	if a.forgettable() {
		s.remove(a)
	}
}

// JID implements [relay.Seat].
func (t *seat) JID() jid.JID { return t.jid }

// Leave implements [relay.Seat].
func (t *seat) Leave(p *relay.Pass) {
	s := t.account.server
	s.vacate(p, s.set.Load(), t)
}

// expel ends t's connection with a stream error, after it was or is taken out
// of its account.
func (s *Server) expel(p *relay.Pass, set *users.Set, t *seat, e wire.StreamError, text string) {
	t.gone.Store(true)
	s.vacate(p, set, t)
	t.out.Close(p, wire.AppendStreamError(nil, e, text))
}

// Take implements [relay.Seat].
func (t *seat) Take(p *relay.Pass, st *wire.Stanza) {
	if t.gone.Load() {
		return // its client has been told
	}
	a, s := t.account, t.account.server
	to, addressed := a.jid, st.To() != nil
	if addressed {
		var err error
		if to, err = t.address(st.To()); err != nil {
			// RFC 6120 §8.3.3.8
			s.router.Refuse(p, st, t.jid, jid.JID{}, relay.Misaddressed)
			return
		}
	}
	if addressed && s.blocks(s.set.Load(), a.jid, to) {
		t.refuseBlocked(p, st, to)
		return
	}
	if st.Kind == wire.Presence {
		t.presence(p, st, to, addressed)
		return
	}
	if !addressed {
		// RFC 6120 §10.3: as if addressed to the account itself.
		st.SetTo(to.String())
	}
	if st.Kind == wire.Message && a.company.Load() {
		t.says(p, st, to)
	}
	s.router.Route(p, st, t.jid, to)
}

// address parses a to, at no cost when it is the same as before.
func (t *seat) address(raw []byte) (jid.JID, error) {
	if string(raw) == t.to.String() {
		return t.to, nil
	}
	to, err := jid.ParseBytes(raw)
	if err == nil {
		t.to = to
	}
	return to, err
}

// A fault is why a stanza is refused: the condition and a sentence for people.
type fault struct {
	condition wire.Condition
	text      string
}

// refuse answers a stanza of the seat's client in the name of to. The answer
// takes no way through the Router, where a block would stop it.
func (t *seat) refuse(p *relay.Pass, st *wire.Stanza, to jid.JID, f *fault) {
	if wire.Answerable(st) {
		t.out.Answer(p, wire.AppendError(nil, st, "", to.String(), t.jid.String(), f.condition, f.text))
	}
}

// lost is told of each stanza that the Outbox took and could not write.
func (t *seat) lost(p *relay.Pass, st *wire.Stanza) {
	from, err := jid.ParseBytes(st.From())
	if err != nil {
		return // the relay's own word to its client
	}
	to, err := jid.ParseBytes(st.To())
	if err != nil {
		return
	}
	a := t.account
	if from == a.jid {
		return // as are copies: that one is lost is nobody's concern (XEP-0280 §10.3)
	}
	a.mu.Lock()
	another := a.shared.fail(a.server.sum(st, from))
	a.mu.Unlock()
	if !another {
		a.server.router.Refuse(p, st, from, to, relay.Lost)
	}
}
