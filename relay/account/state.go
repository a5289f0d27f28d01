package account

import (
	"slices"
	"sync"
	"sync/atomic"

	"lethe/relay"
	"lethe/relay/buffer"
	"lethe/relay/wire"
)

// What is held for one client while nobody looks at it. What would exceed it
// makes all of it go out.
const (
	maxHeld      = 256      // stanzas
	maxHeldBytes = 64 << 10 // bytes of these
)

// A calm keeps from an inactive client what its user need not know at once
// (XEP-0352 §3.2): of each sender the latest presence and the latest chat
// state. All else passes, behind what was held before it, so that nothing is
// seen in another order than it came in. The zero value lets everything pass.
type calm struct {
	on atomic.Bool // changes with mu locked

	mu    sync.Mutex // taken last but for the Outbox's
	bytes *buffer.Buffer
	held  []heldStanza // in the order of bytes
}

type heldStanza struct {
	heldKey
	size int
}

// Of the stanzas with one heldKey the latest says it all.
type heldKey struct {
	kind heldKind
	peer string // address
}

type heldKind uint8

const (
	passing      heldKind = iota // not held
	heldPresence                 // from the peer
	heldState                    // a chat state from the peer
	heldReceived                 // a copy of that (XEP-0280 §7)
	heldSent                     // a copy of a chat state to the peer (XEP-0280 §8)
)

// Active implements [relay.Seat].
func (t *seat) Active(p *relay.Pass, on bool) {
	c := &t.calm
	c.mu.Lock()
	defer c.mu.Unlock()
	if on {
		c.release(p, t.out) // XEP-0352 §5.1: before the answer to what comes next
	}
	c.on.Store(!on)
}

// offer hands st to the client. Whatever reaches it but the answers to its own
// requests comes this way.
func (t *seat) offer(p *relay.Pass, st *wire.Stanza) bool {
	if !t.calm.on.Load() {
		return t.out.Offer(p, st)
	}
	if kind := holdable(st); kind != passing {
		key := heldKey{kind, st.Sender()}
		write := func(dst []byte) []byte { return st.Append(dst, wire.NSClient) }
		if t.calm.hold(key, st.MaxAppend(wire.NSClient), write) {
			return true
		}
	}
	t.calm.flush(p, t.out)
	return t.out.Offer(p, st)
}

// offerBytes is offer for a stanza that is written out already. It is never
// held.
func (t *seat) offerBytes(p *relay.Pass, b []byte) bool {
	if t.calm.on.Load() {
		t.calm.flush(p, t.out)
	}
	return t.out.OfferBytes(p, b)
}

// holdable says as what a stanza may be held. Subscriptions and errors are not.
func holdable(st *wire.Stanza) heldKind {
	switch typ := string(st.Type()); st.Kind {
	case wire.Presence:
		if typ == "" || typ == "unavailable" {
			return heldPresence
		}
	case wire.Message:
		if typ != "error" && isChatState(st) {
			return heldState
		}
	}
	return passing
}

// isChatState reports whether a message is a chat state (XEP-0085) and what
// may go with one, and nothing else.
func isChatState(st *wire.Stanza) bool {
	if st.HasBody() || st.Truncated() {
		return false
	}
	found := false
	for _, c := range st.Children() {
		switch string(c.NS) {
		case nsChatStates:
			found = true
		case nsHints, nsStanzaIDs, nsOccupantID:
		case string(st.NS()):
			if string(c.Name) != "thread" {
				return false
			}
		default:
			return false
		}
	}
	return found
}

// hold keeps what write appends, size bytes at most, in the place of what it
// makes obsolete. It reports false, and keeps nothing, when the client is active
// by now or there is no room.
func (c *calm) hold(key heldKey, size int, write func([]byte) []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on.Load() {
		return false
	}
	c.forget(key)
	at := 0
	if c.bytes != nil {
		at = len(c.bytes.B)
	}
	if len(c.held) == maxHeld || at+size > maxHeldBytes {
		return false
	}
	c.bytes = c.bytes.Grow(size)
	c.bytes.B = write(c.bytes.B)
	c.held = append(c.held, heldStanza{key, len(c.bytes.B) - at})
	return true
}

// forget takes out what has this key.
func (c *calm) forget(key heldKey) {
	at := 0
	for i, h := range c.held {
		if h.heldKey == key {
			b := c.bytes.B
			c.bytes.Truncate(at + copy(b[at:], b[at+h.size:]))
			c.held = slices.Delete(c.held, i, i+1)
			return
		}
		at += h.size
	}
}

// flush sends all that is held.
func (c *calm) flush(p *relay.Pass, out *relay.Outbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release(p, out)
}

// release is flush with mu locked. What out does not take is dropped: nobody
// wrote it.
func (c *calm) release(p *relay.Pass, out *relay.Outbox) {
	at := 0
	for _, h := range c.held {
		out.OfferBytes(p, c.bytes.B[at:at+h.size])
		at += h.size
	}
	c.clear()
}

// end drops what is held, with the connection it was for.
func (c *calm) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on.Store(false)
	c.clear()
}

func (c *calm) clear() {
	c.bytes.Free()
	c.bytes, c.held = nil, nil
}
