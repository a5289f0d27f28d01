package account

import (
	"bytes"
	"strconv"

	"lethe/relay/wire"
)

// A card is a resource's presence, written out and with its sender, but to
// nobody yet: to address it to a thousand contacts takes no parser.
type card []byte

// appendTo appends the card addressed to to.
func (c card) appendTo(dst []byte, to string) []byte {
	at := bytes.IndexAny(c, " \t\r\n/>") // behind the element's name
	dst = append(dst, c[:at]...)
	dst = wire.AppendAttr(dst, "to", to)
	return append(dst, c[at:]...)
}

// newCard makes the card of a presence and reads its priority.
func newCard(st *wire.Stanza) (card, int8, *fault) {
	if len(st.Raw()) > maxPresence || st.Truncated() {
		return nil, 0, &fault{wire.CondPolicyViolation, "This presence is too large."}
	}
	priority, ok := priorityOf(st)
	if !ok {
		// RFC 6121 §4.7.2.3
		return nil, 0, &fault{wire.CondBadRequest, "A priority is one number from -128 to 127."}
	}
	st.SetTo("")
	return st.Append(make([]byte, 0, len(st.Raw())+128), wire.NSClient), priority, nil
}

// priorityOf reads the priority of a presence, which is zero if it has none
// (RFC 6121 §4.7.2.3).
func priorityOf(st *wire.Stanza) (int8, bool) {
	found, priority := false, int64(0)
	for _, c := range st.Children() {
		if string(c.Name) != "priority" || !bytes.Equal(c.NS, st.NS()) {
			continue
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(c.Inner)), 10, 8)
		if err != nil || found {
			return 0, false
		}
		found, priority = true, n
	}
	return int8(priority), true
}

// A presence the relay writes itself, of type typ. An empty from or to is left
// out.
func newPresence(typ, from, to string) *wire.Stanza {
	b := append(make([]byte, 0, 256), "<presence"...)
	b = wire.AppendAttr(b, "type", typ)
	for _, a := range [...]struct{ name, value string }{{"from", from}, {"to", to}} {
		if a.value != "" {
			b = wire.AppendAttr(b, a.name, a.value)
		}
	}
	return mustParse(append(b, "/>"...))
}

// mustParse reads a stanza the relay wrote itself.
func mustParse(b []byte) *wire.Stanza {
	st, err := wire.ParseStanza(b, wire.NSClient)
	if err != nil {
		panic("account: wrote a stanza that is none: " + err.Error())
	}
	return st
}
