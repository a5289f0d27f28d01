package account

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// Deliver implements [relay.Endpoint], after RFC 6121 §8.
func (s *Server) Deliver(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if to.Local() == "" {
		return s.deliverToDomain(p, st, from, to)
	}
	set, bare := s.set.Load(), to.Bare()
	if s.blocks(set, bare, from) {
		return s.barred(p, st, from, to, set)
	}
	a := s.find(bare)
	if a == nil {
		if _, ok := set.Lookup(bare); !ok {
			return s.nobody(p, st, from, to, relay.NoUser)
		}
	}
	switch st.Kind {
	case wire.Message:
		return a.message(p, st, from, to)
	case wire.Presence:
		return s.received(p, st, from, to, set, a)
	case wire.IQ:
		if to.IsBare() {
			return s.query(p, st, from, to, set) // RFC 6121 §8.5.2.1.3
		}
		return a.iq(p, st, to)
	}
	return relay.Unsupported
}

// nobody is where a stanza goes whose receiver does not exist, or does not
// exist for this sender (RFC 6121 §8.5.1).
func (s *Server) nobody(p *relay.Pass, st *wire.Stanza, from, to jid.JID, why relay.Drop) relay.Drop {
	if st.Kind == wire.Presence && string(st.Type()) == "probe" {
		s.unprobed(p, from, to.Bare())
	}
	return why
}

// iq hands an IQ to the one resource it is addressed to.
func (a *account) iq(p *relay.Pass, st *wire.Stanza, to jid.JID) relay.Drop {
	if a == nil {
		return relay.Offline
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.seat(to); t != nil {
		return offerTo(t, p, st) // RFC 6121 §8.5.3.1
	}
	return relay.Offline // RFC 6121 §8.5.3.2.3
}

// The kinds of message (RFC 6121 §5.2.2).
type messageKind uint8

const (
	normal messageKind = iota // also what has no type, or an unknown one
	chat
	groupchat
	headline
	report // of an error
)

func kindOf(st *wire.Stanza) messageKind {
	switch string(st.Type()) {
	case "chat":
		return chat
	case "groupchat":
		return groupchat
	case "headline":
		return headline
	case "error":
		return report
	}
	return normal
}

// String returns the type that says so.
func (k messageKind) String() string {
	return [...]string{"normal", "chat", "groupchat", "headline", "error"}[k]
}

// personal reports whether such a message is between two, and new.
func (k messageKind) personal() bool { return k != groupchat && k != report }

// message hands a message to those resources RFC 6121 §8.5.2 and §8.5.3 say,
// and copies of it to others. The account is nil if it is not in memory.
func (a *account) message(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if a == nil {
		return relay.Offline
	}
	kind := kindOf(st)
	m := parcel{p, st, kind, received, otrOf(st, kind), from, nil}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	drop, private := a.place(&m, to)
	if drop == relay.Delivered && !private && len(a.seats) > 1 {
		if from.Bare() == a.jid {
			m.by = a.seat(from)
		}
		a.copyOut(&m) // XEP-0280 §7
	}
	return drop
}

// place is message for the message itself. It reports whether that was private
// to one resource.
func (a *account) place(m *parcel, to jid.JID) (drop relay.Drop, private bool) {
	if !to.IsBare() {
		if t := a.seat(to); t != nil {
			private = (m.otr != plain || len(a.talks) > 0) && a.offTheRecord(m, to)
			return a.give(m, t), private // RFC 6121 §8.5.3.1
		}
		// RFC 6121 §8.5.3.2.1: only a chat goes on as if to the account, and
		// then not one that only the missing resource could read, or that was
		// for whom it is in a room.
		if m.kind != chat || m.aside() || m.otr != plain || a.talking(to, m.peer) {
			return relay.Offline, true
		}
	}
	if m.otr != plain {
		return a.toReader(m), true
	}
	switch m.kind {
	case normal, chat:
		return a.toMostAvailable(m), false
	case headline:
		return a.toAll(m), false
	}
	// RFC 6121 §8.5.2.1.1: a groupchat is answered, an error is not, as no
	// headline is (RFC 6121 §8.5.2.2.1). The Router makes this difference.
	return relay.Offline, false
}

// give hands m to one resource.
func (a *account) give(m *parcel, t *seat) relay.Drop {
	t.given = a.turn
	return offerTo(t, m.pass, m.st)
}

// toAll hands m to all available resources but those of negative priority
// (RFC 6121 §8.5.2.1.1, headline).
func (a *account) toAll(m *parcel) relay.Drop {
	taken, asked := 0, 0
	for _, t := range a.seats {
		if t.card == nil || t.priority < 0 {
			continue
		}
		asked++
		if a.give(m, t) == relay.Delivered {
			taken++
		}
	}
	return outcome(taken, asked)
}

// toMostAvailable hands m to the resource with the highest priority, or to all
// of these, unless it is negative (RFC 6121 §8.5.2.1.1, chat and normal).
func (a *account) toMostAvailable(m *parcel) relay.Drop {
	best := int8(-1)
	for _, t := range a.seats {
		if t.card != nil {
			best = max(best, t.priority)
		}
	}
	if best < 0 {
		return relay.Offline
	}
	taken, asked := 0, 0
	for _, t := range a.seats {
		if t.card == nil || t.priority != best {
			continue
		}
		asked++
		if a.give(m, t) == relay.Delivered {
			taken++
		}
	}
	a.share(m.st, m.peer, taken)
	return outcome(taken, asked)
}

// offerTo hands st to one resource.
func offerTo(t *seat, p *relay.Pass, st *wire.Stanza) relay.Drop {
	if t.offer(p, st) {
		return relay.Delivered
	}
	return relay.Full
}

// outcome says what became of a stanza that asked resources were offered and
// taken took.
func outcome(taken, asked int) relay.Drop {
	switch {
	case taken > 0:
		return relay.Delivered
	case asked > 0:
		return relay.Full
	}
	return relay.Offline
}
