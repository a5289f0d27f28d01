package relay

import (
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// Endpoint takes stanzas addressed to one domain, or to all that is not local:
// accounts, rooms, federation.
type Endpoint interface {
	// Deliver takes s and returns Delivered, or refuses it and leaves the
	// answer to the Router. It does not wait. s is valid during the call only;
	// from and to are its parsed addresses.
	Deliver(p *Pass, s *wire.Stanza, from, to jid.JID) Drop
}

// Home is where users' connections are bound to an address: the accounts.
type Home interface {
	// Bind gives the connection behind out the wanted resource of user, or one
	// of its own making if resource is empty. The error, if any, answers the
	// client's request.
	Bind(user jid.JID, resource string, out *Outbox) (Seat, *BindError)
}

// BindError answers a refused resource binding (RFC 6120 §7.7.2).
type BindError struct {
	Condition wire.Condition
	Text      string
}

func (e *BindError) Error() string { return e.Text }

// Seat is a bound resource. It belongs to its connection's reader.
type Seat interface {
	// JID is the full address.
	JID() jid.JID
	// Take accepts a stanza from the client, from already stamped, and sees
	// to it that it is delivered or answered.
	Take(p *Pass, s *wire.Stanza)
	// Leave ends the binding; the connection is gone or about to be, and will
	// not be resumed.
	Leave(p *Pass)
	// Active says whether somebody looks at the client (XEP-0352 §4). A new
	// Seat is active.
	Active(p *Pass, on bool)
	// Carbons says whether the client wants copies of what its user's other
	// clients send and receive (XEP-0280 §4). A new Seat wants none.
	Carbons(on bool)
}

// Router finds the Endpoint for an address. Its table is filled before the
// first Route and does not change afterwards.
type Router struct {
	endpoints map[string]Endpoint
	elsewhere Endpoint
	stats     Stats
}

// NewRouter returns a Router that knows no domain: it refuses every stanza.
func NewRouter() *Router {
	return &Router{endpoints: make(map[string]Endpoint)}
}

// Handle sends what is addressed to domain, in normal form, to e.
func (r *Router) Handle(domain string, e Endpoint) { r.endpoints[domain] = e }

// HandleElse sends what is addressed to any other domain to e.
func (r *Router) HandleElse(e Endpoint) { r.elsewhere = e }

// Stats are the Router's counters.
func (r *Router) Stats() *Stats { return &r.stats }

// Route delivers s, or counts and answers its refusal. What became of it is
// returned for those who care even where nobody is to be told.
func (r *Router) Route(p *Pass, s *wire.Stanza, from, to jid.JID) Drop {
	e := r.endpoints[to.Domain()]
	if e == nil {
		e = r.elsewhere
	}
	drop := NoRoute
	if e != nil {
		drop = e.Deliver(p, s, from, to)
	}
	switch drop {
	case Delivered:
		r.stats.stanzas[Delivered].Add(1)
	case Answered:
	default:
		r.Refuse(p, s, from, to, drop)
	}
	return drop
}

// Refuse counts s as dropped and tells its sender, if it is a stanza that
// awaits an answer. The answer is an error, which is never answered itself:
// bounces cannot loop.
func (r *Router) Refuse(p *Pass, s *wire.Stanza, from, to jid.JID, why Drop) {
	condition, text := why.Condition()
	r.RefuseWith(p, s, from, to, why, condition, text)
}

// RefuseWith is Refuse for those who have more to say than the reason does.
func (r *Router) RefuseWith(p *Pass, s *wire.Stanza, from, to jid.JID, why Drop, c wire.Condition, text string) {
	r.stats.stanzas[why].Add(1)
	if !answerable(s) || from.IsZero() {
		return
	}
	r.stats.answers.Add(1)
	r.Answer(p, s, from, to, c, text)
}

// Answer sends an error reply to s, in the name of to.
func (r *Router) Answer(p *Pass, s *wire.Stanza, from, to jid.JID, c wire.Condition, text string) {
	reply, err := wire.ParseStanza(wire.AppendError(nil, s, wire.NSClient, to.String(), from.String(), c, text), wire.NSClient)
	if err != nil {
		return // an address that cannot be written cannot be answered
	}
	outer := p.answering
	p.answering = true
	r.Route(p, reply, to, from)
	p.answering = outer
}

// answerable reports whether a sender waits for word of s: a request, or a
// message that a person wrote. Other messages (typing, receipts) are dropped
// in silence, for their loss means nothing to anybody; so are headlines, which
// are sent to whoever happens to be there (RFC 6121 §8.5.2.2.1).
func answerable(s *wire.Stanza) bool {
	switch s.Kind {
	case wire.IQ:
		return wire.Answerable(s)
	case wire.Message:
		return wire.Answerable(s) && string(s.Type()) != "headline" && carriesText(s)
	}
	return false
}

// carriesText reports whether a message has a body or an encrypted text in
// place of one (XEP-0384, XEP-0373).
func carriesText(s *wire.Stanza) bool {
	if s.HasBody() {
		return true
	}
	for _, ns := range []string{"eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2"} {
		if _, ok := s.Child(ns, "encrypted"); ok {
			return true
		}
	}
	_, ok := s.Child("urn:xmpp:openpgp:0", "openpgp")
	return ok
}

// stanzas calls f with each stanza of part, a run of whole elements on a stream
// with content namespace ns, but for the first so many.
func stanzas(part []byte, ns string, skip int, f func(*wire.Stanza)) {
	// What the relay wrapped around a stanza goes beyond what it lets in.
	in := wire.NewReader(wire.Limits{Bytes: len(part) + 1024, Depth: 128, Namespaces: 128})
	defer in.Close()
	feed(in, []byte("<stream:stream version='1.0' xmlns:stream='"+wire.NSStream+"' xmlns='"+ns+"'>"))
	if _, err := in.Open(); err != nil {
		return
	}
	for {
		s, err := in.Next()
		switch {
		case err == nil && s.Kind == wire.Nonza:
		case err == nil && skip > 0:
			skip--
		case err == nil:
			f(s)
		case err != wire.ErrMore || len(part) == 0:
			return
		default:
			part = part[feed(in, part):]
		}
	}
}

// feed gives a Reader what it has space for.
func feed(in *wire.Reader, b []byte) int {
	n := copy(in.Space(), b)
	in.Filled(n)
	return n
}

func (r *Router) refuseLost(p *Pass, s *wire.Stanza) {
	from, err := jid.ParseBytes(s.From())
	if err != nil {
		return // the relay's own word to its client
	}
	to, err := jid.ParseBytes(s.To())
	if err != nil {
		return
	}
	r.Refuse(p, s, from, to, Lost)
}
