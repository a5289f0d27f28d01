package account

import (
	"bytes"
	"slices"
	"time"
	"unicode/utf8"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// Off-the-record messages are for one resource: no other has the keys. So the
// relay copies them to nobody, and answers them when that resource is gone.

const (
	// maxTalks is how many OTR conversations of an account are known, the
	// latest ones.
	maxTalks = 32

	// talkEnds is how long after the last OTR message a conversation lasts for
	// what else the two say to each other. The protocol ends in cipher text,
	// which tells the relay nothing.
	talkEnds = time.Hour
)

// An otrKind is what a message is to OTR, by its body.
type otrKind uint8

const (
	plain   otrKind = iota
	tagged          // text anybody can read, with an offer to talk in OTR
	request         // asks for a conversation
	sealed          // is part of one
)

// starts reports whether a message of this kind may begin a conversation.
func (k otrKind) starts() bool { return k == tagged || k == request }

// otrTag is the white space that makes an offer of a text.
const otrTag = " \t  \t\t\t\t \t \t \t  "

// otrOf looks at the bodies of a message. It is called for each, so what most
// people write is passed over at once.
func otrOf(st *wire.Stanza, kind messageKind) otrKind {
	body, only := st.Body()
	if !kind.personal() || only && isPlain(body) || !st.HasBody() {
		return plain
	}
	return otrBodies(st)
}

// isPlain reports whether a body is no OTR at first sight. An offer without a
// single tab that is written as one would escape it: no client writes that, and
// it is no secret.
func isPlain(text []byte) bool {
	return len(text) == 0 || text[0] != '?' && text[0] != '<' && text[0] != '&' && bytes.IndexByte(text, '\t') < 0
}

// otrBodies looks at each body.
func otrBodies(st *wire.Stanza) otrKind {
	for _, c := range st.Children() {
		if string(c.Name) == "body" && bytes.Equal(c.NS, st.NS()) {
			if kind := otrText(c.Inner); kind != plain {
				return kind
			}
		}
	}
	if st.Truncated() {
		return sealed // a body so far behind may be anything
	}
	return plain
}

// otrText looks at one body.
func otrText(text []byte) otrKind {
	if bytes.IndexByte(text, '<') >= 0 || bytes.Contains(text, []byte("&#")) {
		return otrRunes(text)
	}
	if kind := otrStart(text); kind != plain {
		return kind
	}
	if bytes.Contains(text, []byte(otrTag)) {
		return tagged
	}
	return plain
}

// otrRunes is otrText for a body of which some is not written plainly.
func otrRunes(text []byte) otrKind {
	var start [len("?OTRv")]byte // the first characters
	var last [len(otrTag)]byte   // the latest
	n, kind := 0, plain
	for r := range wire.Runes(text) {
		c := byte(min(r, utf8.RuneSelf)) // others than ASCII are all one
		if n < len(start) {
			start[n] = c
			n++
		}
		copy(last[:], last[1:])
		last[len(last)-1] = c
		if string(last[:]) == otrTag {
			kind = tagged
		}
	}
	if head := otrStart(start[:]); head != plain {
		return head
	}
	return kind
}

// otrStart looks at how a body begins.
func otrStart(text []byte) otrKind {
	switch {
	case !bytes.HasPrefix(text, []byte("?OTR")):
		return plain
	case bytes.HasPrefix(text, []byte("?OTR?")), bytes.HasPrefix(text, []byte("?OTRv")):
		return request
	}
	return sealed
}

// A talk is an OTR conversation of one of the account's resources, or the
// offer of one.
type talk struct {
	own  jid.JID   // full
	peer jid.JID   // bare: of another's resources the relay need not know
	last time.Time // when an OTR message was seen; zero: only an offer was
}

// offTheRecord reports whether m, a message between own and its peer, belongs to
// an OTR conversation, and remembers that there is one.
func (a *account) offTheRecord(m *parcel, own jid.JID) bool {
	if m.otr == plain {
		return m.kind.personal() && a.talking(own, m.peer)
	}
	a.noteTalk(own, m.peer.Bare(), m.otr)
	return true
}

// talking reports whether own, which may be gone, is in conversation with peer.
func (a *account) talking(own, peer jid.JID) bool {
	if len(a.talks) == 0 {
		return false
	}
	peer = peer.Bare()
	i := slices.IndexFunc(a.talks, func(t talk) bool { return t.own == own && t.peer == peer })
	return i >= 0 && a.server.now().Sub(a.talks[i].last) < talkEnds
}

// noteTalk makes a conversation the latest one.
func (a *account) noteTalk(own, peer jid.JID, kind otrKind) {
	t := talk{own: own, peer: peer}
	i := slices.IndexFunc(a.talks, func(t talk) bool { return t.own == own && t.peer == peer })
	switch {
	case i >= 0:
		t.last = a.talks[i].last
		a.talks = slices.Delete(a.talks, i, i+1)
	case len(a.talks) == maxTalks:
		a.talks = slices.Delete(a.talks, 0, 1)
	}
	if kind != tagged {
		t.last = a.server.now()
	}
	a.talks = append(a.talks, t)
}

// toReader hands an OTR message for the account to one resource: that which is
// in conversation with its sender. Where there is none it may begin one. What
// belongs to a resource that is gone is for nobody.
func (a *account) toReader(m *parcel) relay.Drop {
	peer, known := m.peer.Bare(), false
	var reader *seat
	for _, t := range slices.Backward(a.talks) {
		if t.peer == peer && reader == nil {
			known, reader = true, a.seat(t.own)
		}
	}
	if reader == nil && (!known || m.otr.starts()) {
		reader = a.mostAvailable()
	}
	if reader == nil {
		return relay.Offline
	}
	a.noteTalk(reader.jid, peer, m.otr)
	return a.give(m, reader)
}

// mostAvailable returns the resource with the highest priority, of several that
// which spoke last (RFC 6121 §8.5.2.1.1); nil if all are negative.
func (a *account) mostAvailable() *seat {
	var most *seat
	for _, t := range a.seats {
		switch {
		case t.card == nil || t.priority < 0:
		case most == nil || t.priority > most.priority || t.priority == most.priority && t.spoke > most.spoke:
			most = t
		}
	}
	return most
}
