package account

import (
	"hash/maphash"
	"slices"

	"lethe/relay"
	"lethe/relay/buffer"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// The namespaces that decide whether and how a message is copied.
const (
	nsCarbons    = "urn:xmpp:carbons:2"                    // XEP-0280
	nsForward    = "urn:xmpp:forward:0"                    // XEP-0297
	nsHints      = "urn:xmpp:hints"                        // XEP-0334
	nsMUCUser    = "http://jabber.org/protocol/muc#user"   // XEP-0045
	nsInvitation = "jabber:x:conference"                   // XEP-0249
	nsChatStates = "http://jabber.org/protocol/chatstates" // XEP-0085
	nsReceipts   = "urn:xmpp:receipts"                     // XEP-0184
	nsMarkers    = "urn:xmpp:chat-markers:0"               // XEP-0333
	nsCalls      = "urn:xmpp:jingle-message:0"             // XEP-0353
	nsOMEMO      = "urn:xmpp:omemo:2"                      // XEP-0384
	nsOldOMEMO   = "eu.siacs.conversations.axolotl"        // XEP-0384
	nsStanzaIDs  = "urn:xmpp:sid:0"                        // XEP-0359
	nsOccupantID = "urn:xmpp:occupant-id:0"                // XEP-0421
)

// carbonsOn answers a client that wants copies from now on (XEP-0280 §4), or
// wanted them before (XEP-0280 §10.1).
func carbonsOn(q *query) relay.Drop { return q.carbons(true) }

// carbonsOff answers a client that wants no more (XEP-0280 §5).
func carbonsOff(q *query) relay.Drop { return q.carbons(false) }

func (q *query) carbons(on bool) relay.Drop {
	if t := q.seat(); t != nil {
		t.Carbons(on)
	}
	return q.reply(nil)
}

// Carbons implements [relay.Seat].
func (t *seat) Carbons(on bool) {
	t.account.mu.Lock()
	defer t.account.mu.Unlock()
	t.copies = on
}

// A way is the name of the element that tells a resource what it gets a copy
// of.
type way string

const (
	received way = "received" // a message to the account (XEP-0280 §7)
	sent     way = "sent"     // one from another of its resources (XEP-0280 §8)
)

// A parcel is a message on its way through an account.
type parcel struct {
	pass *relay.Pass
	st   *wire.Stanza
	kind messageKind
	way  way
	otr  otrKind
	peer jid.JID // who sent it, or is to get it
	by   *seat   // whose client sent it; nil: none of the account's
}

// says takes note of a message from t's client, and has it copied. It is not
// called for the only resource of an account: there is nobody to copy to, and
// that it is in an OTR conversation shows in what it gets.
func (t *seat) says(p *relay.Pass, st *wire.Stanza, to jid.JID) {
	a, kind := t.account, kindOf(st)
	m := &parcel{p, st, kind, sent, otrOf(st, kind), to, t}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn++
	if m.kind != report && m.st.HasBody() {
		m.by.spoke = a.turn
	}
	// What one writes to oneself is copied where it arrives.
	if !a.offTheRecord(m, m.by.jid) && m.peer.Bare() != a.jid {
		a.copyOut(m)
	}
}

// copyOut gives a copy to each resource of a, which is locked, that wants
// copies and neither sent nor was given the message itself, whether available
// or not. What one cannot take is dropped: it is the message that counts.
func (a *account) copyOut(m *parcel) {
	first := slices.IndexFunc(a.seats, m.concerns)
	if first < 0 || !a.worthCopying(m) {
		return
	}
	a.noteCopied(m)
	var b *buffer.Buffer
	for _, t := range a.seats[first:] {
		if !m.concerns(t) {
			continue
		}
		b = b.Grow(m.maxCopy(t))
		b.B = m.appendCopy(b.B, t)
		t.offerCopy(m, b.B)
		b.Truncate(0)
	}
	b.Free()
}

// concerns reports whether t is to get a copy, if anybody is.
func (m *parcel) concerns(t *seat) bool {
	return t.copies && t.given != t.account.turn && t != m.by && !t.outside(m)
}

// worthCopying holds a message against XEP-0280 §6.1. OTR aside, which comes
// before it, it goes beyond these rules in what it counts as instant messaging:
// calls, and encrypted text in a message that is not a chat.
func (a *account) worthCopying(m *parcel) bool {
	switch m.kind {
	case groupchat:
		return false
	case report:
		// Hints in an error are those of what it answers (XEP-0334 §5).
		return a.wasCopied(m)
	}
	switch {
	case m.st.Truncated():
		return false // what is not looked at may be <private/>
	case m.way == received && m.aside():
		return false // the room sends it to each resource that is there
	}
	im := m.kind == chat || m.kind == normal && m.st.HasBody()
	for _, c := range m.st.Children() {
		switch string(c.NS) {
		case nsCarbons: // XEP-0280 §9, and what looks like a copy
			return false
		case nsHints:
			if string(c.Name) == "no-copy" { // XEP-0334 §4.3
				return false
			}
		case nsMUCUser:
			im = im || invites(m.st)
		case nsReceipts, nsChatStates, nsMarkers, nsCalls, nsInvitation, nsOMEMO, nsOldOMEMO:
			im = true
		}
	}
	return im
}

// invites reports whether a message is an invitation by way of a room (XEP-0045
// §7.8.2).
func invites(st *wire.Stanza) bool {
	x := st.Node().Child(nsMUCUser, "x")
	return x != nil && x.Child(nsMUCUser, "invite") != nil
}

// aside reports whether a message is between two occupants of a room, and says
// so (XEP-0045 §7.5).
func (m *parcel) aside() bool {
	_, marked := m.st.Child(nsMUCUser, "x")
	return marked && !m.peer.IsBare()
}

// outside reports whether a message goes to one occupant of a room that t is
// not in, or by another nick than the sender: its client could make nothing of
// a copy (XEP-0280 §6.1).
func (t *seat) outside(m *parcel) bool {
	if m.way != sent || !m.aside() {
		return false
	}
	room := m.peer.Bare()
	return !slices.ContainsFunc(m.by.directed, func(nick jid.JID) bool {
		return nick.Bare() == room && slices.Contains(t.directed, nick)
	})
}

// aroundCopy is what is written around a message, but for addresses.
const aroundCopy = "<message from='' to='' type='headline'><received xmlns='" + nsCarbons + "'><forwarded xmlns='" +
	nsForward + "'></forwarded></received></message>"

// maxCopy is how many bytes appendCopy may append, at most.
func (m *parcel) maxCopy(t *seat) int {
	const escaped = len("&quot;")
	addresses := len(t.account.jid.String()) + len(t.jid.String())
	return m.st.MaxAppend(wire.NSClient) + wire.MaxDeclared + len(aroundCopy) + escaped*addresses
}

// appendCopy appends the message as t gets it: as it is, in two elements that
// say why. That may make it longer than any a client may send.
func (m *parcel) appendCopy(dst []byte, t *seat) []byte {
	dst = append(dst, "<message"...)
	dst = wire.AppendAttr(dst, "from", t.account.jid.String())
	dst = wire.AppendAttr(dst, "to", t.jid.String())
	dst = wire.AppendAttr(dst, "type", m.kind.String())
	dst = append(append(append(dst, "><"...), m.way...), " xmlns='"+nsCarbons+"'><forwarded xmlns='"+nsForward+"'>"...)
	dst = m.st.AppendForwarded(dst, wire.NSClient)
	return append(append(append(dst, "</forwarded></"...), m.way...), "></message>"...)
}

// offerCopy hands t a copy. That of a chat state is held like the chat state.
func (t *seat) offerCopy(m *parcel, b []byte) {
	if t.calm.on.Load() && holdable(m.st) == heldState {
		key := heldKey{heldReceived, m.peer.String()}
		if m.way == sent {
			key.kind = heldSent
		}
		if t.calm.hold(key, len(b), func(dst []byte) []byte { return append(dst, b...) }) {
			return
		}
	}
	t.offerBytes(m.pass, b)
}

// A copied remembers the latest messages that were copied, by a hash: an error
// that answers one of them is copied too.
type copied struct {
	sums [64]uint64
	next int
}

// noteCopied remembers a message that can be answered.
func (a *account) noteCopied(m *parcel) {
	if m.kind == report || len(m.st.ID()) == 0 {
		return
	}
	if a.copied == nil {
		a.copied = new(copied)
	}
	a.copied.sums[a.copied.next%len(a.copied.sums)] = a.server.exchange(m)
	a.copied.next++
}

// wasCopied reports whether an error answers a message that was copied.
func (a *account) wasCopied(m *parcel) bool {
	return a.copied != nil && len(m.st.ID()) > 0 && slices.Contains(a.copied.sums[:], a.server.exchange(m))
}

// exchange identifies a message and what answers it, by the peer and the id.
func (s *Server) exchange(m *parcel) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(m.peer.String())
	h.WriteByte(0)
	h.Write(m.st.ID())
	return h.Sum64()
}
