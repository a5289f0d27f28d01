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
func (st *stream) serve() bool {
	st.rate = newBucket(st.srv.cfg.Limits.BytesPerSecond, st.srv.cfg.Limits.StanzaBytes)
	err := st.takeAll() // what came in one piece with the bind request
	for err == nil {
		st.pass.Flush()
		st.in.Rest()
		if err = st.wait(); err == nil {
			err = st.readBatch()
		}
	}
	st.pass.Flush()
	st.close(err)
	return false
}

// readBatch takes in what one read from the kernel brought, several TLS
// records perhaps.
func (st *stream) readBatch() error {
	for total := 0; ; {
		n, err := st.conn.Read(st.in.Space())
		st.in.Filled(n)
		if err == nil {
			err = st.takeAll()
		}
		if err != nil {
			return err
		}
		total += n
		if !st.conn.More() || total >= batch {
			return st.slow(total)
		}
	}
}

// takeAll handles each whole stanza that is here.
func (st *stream) takeAll() error {
	for {
		s, err := st.in.Next()
		if err == wire.ErrMore {
			return nil
		}
		if err != nil {
			return err
		}
		if err := st.admit(s); err != nil {
			return err
		}
	}
}

// admit checks one stanza as such and hands it to the account.
func (st *stream) admit(s *wire.Stanza) error {
	if s.Kind == wire.Nonza {
		return wire.UnsupportedStanzaType // RFC 6120 §4.9.3.24
	}
	if s.Kind == wire.IQ && !validIQ(s) {
		if wire.Answerable(s) {
			st.out.OfferBytes(&st.pass, wire.AppendError(nil, s, "", "", "", wire.CondBadRequest, "An iq needs an id and, unless it is an answer, one child."))
		}
		return nil
	}
	// RFC 6120 §8.1.2.1: whatever the client wrote, it speaks for itself.
	s.SetFrom(st.seat.JID().String())
	if st.lang != "" {
		s.SetLang(st.lang) // RFC 6120 §8.1.5
	}
	st.seat.Take(&st.pass, s)
	return nil
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
func (st *stream) wait() error {
	// Moving the deadline with every stanza would cost more than reading it.
	if now := time.Now(); st.asked || now.Sub(st.alive) > st.srv.patience.idle/10 {
		st.alive, st.asked = now, false
		st.conn.SetReadDeadline(now.Add(st.srv.patience.idle))
	}
	for {
		err := st.conn.Wait()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if st.asked {
			st.srv.cfg.Report(relay.IdleTimeout)
			return wire.ConnectionTimeout
		}
		st.ping()
	}
}

func (st *stream) ping() {
	st.asked = true
	st.conn.SetReadDeadline(time.Now().Add(st.srv.patience.answer))
	b := wire.AppendAttr([]byte("<iq type='get' id='ping'"), "from", st.domain)
	b = wire.AppendAttr(b, "to", st.seat.JID().String())
	st.out.OfferBytes(&st.pass, append(b, "><ping xmlns='urn:xmpp:ping'/></iq>"...))
	st.pass.Flush()
}

// slow makes a client that sends more than its share wait: only its own
// reading stops.
func (st *stream) slow(n int) error {
	pause := st.rate.take(n, time.Now())
	if pause > 0 {
		st.pass.Flush()
		time.Sleep(pause)
	}
	return nil
}

// close says why the stream ends, or answers the client's own closing tag.
func (st *stream) close(err error) {
	var violation wire.StreamError
	switch {
	case errors.As(err, &violation):
		if violation != wire.ConnectionTimeout {
			st.srv.cfg.Report(relay.StreamViolation)
		}
		st.out.Close(&st.pass, wire.AppendStreamError(nil, violation, ""))
	case errors.Is(err, io.EOF):
		st.out.Close(&st.pass, []byte("</stream:stream>")) // RFC 6120 §4.4
	}
}
