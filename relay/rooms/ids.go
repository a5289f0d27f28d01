package rooms

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// newKey returns what a temporary room makes occupant ids from: it is known to
// nobody and gone with the room.
func newKey() []byte {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return key
}

// standingKey returns the key of a standing room. It comes from the users file's
// secret, so that people stay who they are when the relay starts again.
func standingKey(secret [32]byte, room jid.JID) []byte {
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte("lethe occupant id\n"))
	mac.Write([]byte(room.String()))
	return mac.Sum(nil)
}

// occupantID returns what tells a person from all others in one room and tells
// nobody who it is (XEP-0421 §4.1).
func occupantID(key []byte, user jid.JID) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(user.String()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// appendOccupantID appends the element of XEP-0421 §3.
func appendOccupantID(b []byte, id string) []byte {
	return append(open(b, "occupant-id", "xmlns", nsOccupantID, "id", id), "/>"...)
}

// appendStanzaID appends an id that is the room's and nobody else's (XEP-0359
// §3).
func appendStanzaID(b []byte, room jid.JID) []byte {
	return append(open(b, "stanza-id", "xmlns", nsStanzaID, "id", rand.Text(), "by", room.String()), "/>"...)
}

// forged reports whether a child of an occupant's stanza says what only the room
// may say.
func (r *room) forged(c wire.Child) bool {
	switch string(c.NS) {
	case nsMUC, nsUser, nsAdmin, nsOwner, nsOccupantID:
		return true // XEP-0421 §4
	case nsStanzaID:
		return string(c.Name) == "stanza-id" && r.isOwn(c, "by") // XEP-0359 §3
	case nsDelay:
		return r.isOwn(c, "from") // XEP-0203 §5
	}
	return false
}

// isOwn reports whether the attribute of a child names the room, or cannot be
// read on its own.
func (r *room) isOwn(c wire.Child, attr string) bool {
	st, err := wire.ParseStanza(c.Raw, wire.NSClient)
	if err != nil {
		return true // its prefix is declared further out
	}
	who, err := jid.Parse(st.Node().Attr(attr))
	return err == nil && who.Bare() == r.jid
}

// open appends a start tag without its end, with those attributes whose value is
// not empty.
func open(b []byte, name string, attrs ...string) []byte {
	b = append(append(b, '<'), name...)
	for i := 0; i < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			b = wire.AppendAttr(b, attrs[i], attrs[i+1])
		}
	}
	return b
}

// text appends an element without attributes that holds text, unless that is
// empty.
func text(b []byte, name, content string) []byte {
	if content == "" {
		return b
	}
	b = append(append(append(b, '<'), name...), '>')
	b = wire.AppendText(b, content)
	return append(append(append(b, "</"...), name...), '>')
}
