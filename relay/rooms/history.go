package rooms

import (
	"math"
	"slices"
	"strconv"
	"time"

	"lethe/relay"
	"lethe/relay/buffer"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A kept message is one that may be sent again to those who come later: the
// subject, or one of the last few if the room is told to remember them.
type kept struct {
	*buffer.Buffer // as it went to all, without to
	from           jid.JID
	at             time.Time
}

// A history is the last messages of a room, oldest first. They lie in memory
// that is cleared as soon as they go.
type history struct {
	messages []kept
	bytes    int
}

// add remembers a message and forgets those that are then too many. It takes
// the message over.
func (h *history) add(m kept, most int) {
	h.messages = append(h.messages, m)
	h.bytes += len(m.B)
	h.trim(most)
}

// trim forgets all but the last messages.
func (h *history) trim(most int) {
	n := 0
	for len(h.messages)-n > most || h.bytes > maxHistoryBytes {
		h.bytes -= len(h.messages[n].B)
		h.messages[n].Free()
		n++
	}
	h.messages = slices.Delete(h.messages, 0, n)
}

// A wish is how much of the history somebody asks for on entering (XEP-0045
// §7.2.14).
type wish struct {
	stanzas, chars int
	since          time.Time
}

// wishOf reads the history element of an x, or of nothing. What cannot be
// understood is no wish.
func wishOf(x *wire.Node, now time.Time) wish {
	w := wish{math.MaxInt, math.MaxInt, time.Time{}}
	if x == nil {
		return w
	}
	h := x.Child(nsMUC, "history")
	if h == nil {
		return w
	}
	if n, err := strconv.ParseUint(h.Attr("maxstanzas"), 10, 31); err == nil {
		w.stanzas = int(n)
	}
	if n, err := strconv.ParseUint(h.Attr("maxchars"), 10, 31); err == nil {
		w.chars = int(n)
	}
	if n, err := strconv.ParseUint(h.Attr("seconds"), 10, 31); err == nil {
		w.since = now.Add(-time.Duration(n) * time.Second)
	}
	if at, err := time.Parse(time.RFC3339, h.Attr("since")); err == nil && at.After(w.since) {
		w.since = at
	}
	return w
}

// wanted returns the messages that fit a wish.
func (h *history) wanted(w wish) []kept {
	first, chars := len(h.messages), 0
	for first > 0 && len(h.messages)-first < w.stanzas {
		m := h.messages[first-1]
		if chars += len(m.B); chars > w.chars || m.at.Before(w.since) {
			break
		}
		first--
	}
	return h.messages[first:]
}

// replay sends a kept message to one session, with the time when all had it
// (XEP-0203 §2).
func (r *room) replay(p *relay.Pass, m kept, to jid.JID) {
	st, err := wire.ParseStanza(m.B, wire.NSClient)
	if err != nil {
		return // the room has written it
	}
	delay := open(nil, "delay", "xmlns", nsDelay, "from", r.jid.String(), "stamp", m.at.UTC().Format("2006-01-02T15:04:05.000Z"))
	delay = append(delay, "/>"...)
	b := buffer.Get(st.MaxAppendEdited(wire.NSClient, delay))
	defer b.Free()
	b.B = st.AppendEdited(b.B, wire.NSClient, nil, delay)
	if st, err = wire.ParseStanza(b.B, wire.NSClient); err == nil {
		st.SetTo(to.String())
		r.server.router.Route(p, st, m.from, to)
	}
}
