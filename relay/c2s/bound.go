package c2s

import (
	"errors"
	"io"
	"os"
	"time"

	"lethe/relay"
	"lethe/relay/wire"
)

// serve is the bound state. It reads as long as there is something to read,
// then sends all that came of it, then waits holding no buffer.
func (c *client) serve() bool {
	c.rate = newBucket(c.srv.cfg.Limits.BytesPerSecond, c.srv.cfg.Limits.StanzaBytes)
	take := c.admit
	err := c.Each(take) // what came in one piece with the bind request
	for n := 0; err == nil; {
		c.pass.Flush()
		c.Reader().Rest()
		c.slow(max(n, c.elements*least))
		c.elements = 0
		if err = c.wait(); err == nil {
			n, err = c.Batch(take)
		}
	}
	c.pass.Flush()
	c.close(err)
	return false
}

// least is how many bytes a stanza counts at least towards its client's share: a
// short one can make as much work as a long one, or go to as many.
const least = 1 << 10

// admit checks one stanza as such and hands it to the account.
func (c *client) admit(s *wire.Stanza) error {
	c.elements++
	if s.Kind == wire.Nonza {
		return c.nonza(s)
	}
	if c.counting {
		c.taken++ // XEP-0198 §4
	}
	if s.Kind == wire.IQ && !validIQ(s) {
		if wire.Answerable(s) {
			c.out.Answer(&c.pass, wire.AppendError(nil, s, "", "", "", wire.CondBadRequest, "An iq needs an id and, unless it is an answer, one child."))
		}
		return nil
	}
	// RFC 6120 §8.1.2.1: whatever the client wrote, it speaks for itself.
	s.SetFrom(c.seat.JID().String())
	if c.lang != "" {
		s.SetLang(c.lang) // RFC 6120 §8.1.5
	}
	c.seat.Take(&c.pass, s)
	return nil
}

// nonza handles an element about the stream itself.
func (c *client) nonza(s *wire.Stanza) error {
	switch string(s.NS()) {
	case nsSM:
		return c.manage(s)
	case nsState:
		switch string(s.Name()) {
		case "active":
			c.seat.Active(&c.pass, true)
			return nil
		case "inactive":
			c.seat.Active(&c.pass, false)
			return nil
		}
	}
	return wire.UnsupportedStanzaType // RFC 6120 §4.9.3.24
}

// validIQ holds an iq against RFC 6120 §8.2.3: an id, one of four types, and
// in a request exactly one child.
func validIQ(s *wire.Stanza) bool {
	if len(s.ID()) == 0 {
		return false
	}
	switch string(s.Type()) {
	case "get", "set":
		return len(s.Children()) == 1
	case "result", "error":
		return true
	}
	return false
}

// wait parks until the client speaks. One that is silent for long is asked
// whether it is there, and cut when it does not answer (RFC 6120 §4.6.4).
func (c *client) wait() error {
	// Moving the deadline with every stanza would cost more than reading it.
	if now := time.Now(); c.asked || now.Sub(c.alive) > c.srv.patience.idle/10 {
		c.alive, c.asked = now, false
		c.TLS().SetReadDeadline(now.Add(c.srv.patience.idle))
	}
	for {
		err := c.TLS().Wait()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if c.asked {
			c.srv.cfg.Report(relay.IdleTimeout)
			return wire.ConnectionTimeout
		}
		c.ping()
	}
}

func (c *client) ping() {
	c.asked = true
	c.TLS().SetReadDeadline(time.Now().Add(c.srv.patience.answer))
	b := wire.AppendAttr([]byte("<iq type='get' id='ping'"), "from", c.domain)
	b = wire.AppendAttr(b, "to", c.seat.JID().String())
	c.out.OfferBytes(&c.pass, append(b, "><ping xmlns='urn:xmpp:ping'/></iq>"...))
	c.pass.Flush()
}

// slow makes a client that has sent more than its share wait: only its own
// reading stops.
func (c *client) slow(n int) {
	if c.rate.rate <= 0 {
		return
	}
	if pause := c.rate.take(n, time.Now()); pause > 0 {
		time.Sleep(pause)
	}
}

// close says why the stream ends, or answers the client's own closing tag. A
// connection that was lost has nobody to say it to.
func (c *client) close(err error) {
	var violation wire.StreamError
	switch {
	case err == wire.ConnectionTimeout && c.session != nil:
		c.lost = true
	case errors.As(err, &violation):
		if violation != wire.ConnectionTimeout {
			c.srv.cfg.Report(relay.StreamViolation)
		}
		c.out.Close(&c.pass, wire.AppendStreamError(nil, violation, ""))
	case errors.Is(err, io.EOF):
		c.out.Close(&c.pass, []byte("</stream:stream>")) // RFC 6120 §4.4
	default:
		c.lost = true
	}
}
