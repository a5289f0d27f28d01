package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"lethe/relay"
	"lethe/relay/wire"
)

const nsServices = "urn:xmpp:extdisco:2" // XEP-0215

// Calls is what the users of this relay are told of servers that help calls
// between them get through. The zero value has none.
type Calls struct {
	Services []CallService
	Secret   []byte        // shared with the TURN servers; never empty if there are any
	Lifetime time.Duration // of a credential
}

// A CallService is a STUN or TURN server.
type CallService struct {
	Type      string // stun, stuns, turn or turns
	Host      string // a name or an IP address
	Port      uint16
	Transport string // udp or tcp
}

// restricted reports whether the service takes nobody without a credential.
func (c CallService) restricted() bool { return strings.HasPrefix(c.Type, "turn") }

// A credential lets somebody use the TURN servers for a while. It is computed
// from the secret, which these know too, as coturn and the draft "REST API for
// access to TURN services" have it; nothing of it is kept. The name in it is
// the time it ends and a random word: the TURN server learns of no user.
type credential struct {
	username, password string
	expires            time.Time
}

func (c *Calls) credential(now time.Time) credential {
	expires := now.Add(c.Lifetime)
	username := strconv.FormatInt(expires.Unix(), 10) + ":" + rand.Text()
	h := hmac.New(sha1.New, c.Secret)
	h.Write([]byte(username))
	return credential{username, base64.StdEncoding.EncodeToString(h.Sum(nil)), expires}
}

// callServices answers XEP-0215 §3.1, §3.2: all services, or those of a type.
func callServices(q *query) relay.Drop {
	if drop, ok := q.mayCall(); !ok {
		return drop
	}
	b := []byte("<services xmlns='" + nsServices + "'")
	typ := q.payload().Attr("type")
	if typ != "" {
		b = wire.AppendAttr(b, "type", typ)
	}
	b, _ = q.appendServices(append(b, '>'), func(c CallService) bool { return typ == "" || typ == c.Type })
	return q.reply(append(b, "</services>"...))
}

// callCredentials answers XEP-0215 §3.3.
func callCredentials(q *query) relay.Drop {
	if drop, ok := q.mayCall(); !ok {
		return drop
	}
	n := q.payload().Child(nsServices, "service")
	if n == nil || n.Attr("host") == "" || n.Attr("type") == "" {
		return q.refuse(wire.CondBadRequest, "Name the host and the type of a service.")
	}
	port := n.Attr("port")
	b, found := q.appendServices([]byte("<credentials xmlns='"+nsServices+"'>"), func(c CallService) bool {
		return c.restricted() && c.Host == n.Attr("host") && c.Type == n.Attr("type") &&
			(port == "" || port == strconv.Itoa(int(c.Port)))
	})
	if !found {
		return q.refuse(wire.CondItemNotFound, "There is no such service, or it needs no credential.")
	}
	return q.reply(append(b, "</credentials>"...))
}

// mayCall reports whether there are services and the asker may know them.
func (q *query) mayCall() (relay.Drop, bool) {
	switch {
	case len(q.server.answers.Load().Calls.Services) == 0:
		return relay.Unsupported, false
	case q.from.Local() == "" || !q.server.local(q.from):
		// XEP-0215 §2
		return q.refuse(wire.CondForbidden, "Servers for calls are for the users of this server."), false
	}
	return relay.Delivered, true
}

// appendServices appends those that are wanted, with one credential for all,
// and reports whether there are any.
func (q *query) appendServices(dst []byte, wanted func(CallService) bool) ([]byte, bool) {
	calls, found := &q.server.answers.Load().Calls, false
	cred := calls.credential(q.server.now())
	for _, c := range calls.Services {
		if wanted(c) {
			dst, found = c.append(dst, cred), true
		}
	}
	return dst, found
}

func (c CallService) append(dst []byte, cred credential) []byte {
	dst = append(dst, "<service"...)
	dst = wire.AppendAttr(dst, "type", c.Type)
	dst = wire.AppendAttr(dst, "host", c.Host)
	dst = wire.AppendAttr(dst, "port", strconv.Itoa(int(c.Port)))
	dst = wire.AppendAttr(dst, "transport", c.Transport)
	if c.restricted() {
		dst = wire.AppendAttr(dst, "restricted", "true")
		dst = wire.AppendAttr(dst, "username", cred.username)
		dst = wire.AppendAttr(dst, "password", cred.password)
		dst = wire.AppendAttr(dst, "expires", cred.expires.UTC().Format(time.RFC3339))
	}
	return append(dst, "/>"...)
}
