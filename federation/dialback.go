package federation

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"lethe/federation/dial"
	"lethe/relay"
	"lethe/relay/wire"
)

// keys makes and recognises dialback keys. They hang on a secret that lives as
// long as the process.
type keys [32]byte

func newKeys() keys {
	var k keys
	rand.Read(k[:]) // never fails
	return k
}

// key is the key for a stream, as XEP-0185 §3 makes it: from the domains and
// the stream's id, so that nothing is remembered.
func (k *keys) key(receiving, originating, id string) string {
	inner := sha256.Sum256(k[:])
	mac := hmac.New(sha256.New, []byte(hex.EncodeToString(inner[:])))
	mac.Write([]byte(receiving + " " + originating + " " + id))
	return hex.EncodeToString(mac.Sum(nil))
}

func (k *keys) valid(given, receiving, originating, id string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(k.key(receiving, originating, id))) == 1
}

// appendDB appends a dialback element (XEP-0220 §2).
func appendDB(b []byte, name, from, to, id, typ, text string) []byte {
	b = append(b, "<db:"+name+" xmlns:db='"+nsDialback+"'"...)
	for _, a := range []struct{ name, value string }{{"from", from}, {"to", to}, {"id", id}, {"type", typ}} {
		if a.value != "" {
			b = wire.AppendAttr(b, a.name, a.value)
		}
	}
	b = wire.AppendText(append(b, '>'), text)
	return append(b, "</db:"+name+">"...)
}

// dialback asks the peer to call us back (XEP-0220 §2.1). It is the peer who is
// convinced by it; that the peer is who it claims is proved already.
func (s *session) dialback(id string) error {
	key := s.srv.keys.key(s.remote, s.local, id)
	if err := s.Send(appendDB(nil, "result", s.local, s.remote, "", "", key)); err != nil {
		return err
	}
	st, err := s.Next()
	switch {
	case err != nil:
		return err
	case string(st.NS()) != nsDialback || string(st.Name()) != "result" || string(st.Type()) != "valid":
		return errRefusedUs
	}
	return nil
}

// verify asks the servers of a domain whether they gave a key to the stream id
// that the domain's alleged server opened (XEP-0220 §2.2). The answer counts,
// for the connection that brings it is proved like any outgoing link: by DANE,
// by certificate authorities or by reaching an onion address.
func (s *Server) verify(ctx context.Context, local, remote, id, key string) error {
	var verdict error
	err := s.each(ctx, remote, func(t *dial.Target) error {
		stream, err := t.Connect(ctx, s.dialing(local, remote))
		if err != nil {
			return err
		}
		v := &session{Stream: stream, srv: s, local: local, remote: remote}
		defer v.discard()
		deadline, _ := ctx.Deadline()
		v.Deadline(deadline)
		verdict = v.askKey(id, key) // it is proved: its word is the domain's
		return nil
	})
	if err != nil {
		return err
	}
	return verdict
}

func (s *session) askKey(id, key string) error {
	if _, err := dial.Open(s.Stream, s.local, s.remote); err != nil {
		return err
	}
	if _, err := s.features(); err != nil {
		return err
	}
	if err := s.Send(appendDB(nil, "verify", s.local, s.remote, id, "", key)); err != nil {
		return err
	}
	st, err := s.Next()
	switch {
	case err != nil:
		return err
	case string(st.NS()) != nsDialback || string(st.Name()) != "verify" || string(st.ID()) != id:
		return errBadKey
	case string(st.From()) != s.remote || string(st.To()) != s.local || string(st.Type()) != "valid":
		return errBadKey
	}
	return nil
}

// result is a dialback key to be verified (XEP-0220 §2.1, step 1). It is
// verified beside the stream, which goes on.
func (in *incoming) result(st *wire.Stanza) error {
	from, to := normal(string(st.From())), normal(string(st.To()))
	switch {
	case from == "" || to == "":
		return wire.ImproperAddressing
	case !in.srv.local(to):
		return wire.HostUnknown
	}
	if refusal := in.srv.admits(from); refusal != nil {
		in.srv.cfg.Report(relay.PeerRefused)
		in.say(appendDB(nil, "result", to, from, "", "invalid", ""))
		return nil
	}
	select {
	case in.waiting <- struct{}{}:
	default:
		return wire.ResourceConstraint
	}
	if dial.UnderOnion(from) {
		in.alive = time.Now().Add(onionTime)
		in.Deadline(in.alive)
	}
	key, id := st.Node().Text, in.id
	go in.callBack(from, to, id, key)
	return nil
}

func (in *incoming) callBack(from, to, id, key string) {
	defer func() { <-in.waiting }()
	ctx, cancel := context.WithTimeout(in.srv.done, patience(from))
	defer cancel()
	typ := "valid"
	if err := in.srv.verify(ctx, to, from, id, key); err != nil {
		in.srv.cfg.Report(relay.PeerRefused)
		in.srv.refusal(from, err)
		typ = "invalid"
	} else {
		in.prove(from)
		in.srv.standing.arrive(in, ByDialback)
		in.Deadline(time.Now().Add(in.srv.idle))
		in.srv.cfg.Report(relay.LinkUp)
		in.srv.forgive(from)
	}
	var p relay.Pass
	in.out.OfferNonza(&p, appendDB(nil, "result", to, from, "", typ, ""))
	p.Flush()
}

// verify answers somebody who asks whether a key is ours (XEP-0220 §2.2, step
// 2).
func (in *incoming) verify(st *wire.Stanza) error {
	from, to, id := normal(string(st.From())), normal(string(st.To())), string(st.ID())
	switch {
	case from == "" || to == "" || id == "":
		return wire.ImproperAddressing
	case !in.srv.local(to):
		return wire.HostUnknown
	}
	in.asks = true
	typ := "invalid"
	if in.srv.keys.valid(st.Node().Text, from, to, id) {
		typ = "valid"
	}
	in.say(appendDB(nil, "verify", to, from, id, typ, ""))
	return nil
}
