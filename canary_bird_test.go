//go:build linux

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"lethe/relay/stream"
	"lethe/relay/wire"
	"lethe/tls"
)

// fly sends until it has sent enough.
func (b *bird) fly(enough int) {
	for b.sent < enough && !b.t.Failed() {
		if b.Stream == nil {
			if err := b.connect(); err != nil {
				b.t.Errorf("%s does not log in: %v", b.user, err)
				return
			}
		}
		b.flock()
		switch b.rng.IntN(10) {
		case 0, 1, 2:
			b.logins()
		case 3:
			b.headers()
		case 4:
			b.claim()
		}
	}
	b.leave()
}

// flock sends stanzas in one write, and reads until all are handled. Now and
// then the last of them ends the stream.
func (b *bird) flock() {
	var text []byte
	for range 50 {
		text = append(text, b.fill(b.pick(stanzas))...)
	}
	b.sent += 50
	end := "end" + strconv.Itoa(b.sent)
	if b.rng.IntN(10) == 0 {
		text = append(text, b.fill(b.pick(broken))...)
		b.sent++
	}
	text = append(text, "<iq type='get' id='"+end+"' to='"+b.home.domain+"'><ping xmlns='urn:xmpp:ping'/></iq>"...)
	if err := b.Send(text); err != nil {
		b.leave()
		return
	}
	for {
		b.Deadline(time.Now().Add(patience))
		st, err := b.Next()
		if err != nil {
			if os.IsTimeout(err) {
				b.t.Errorf("%s waits for an answer in vain", b.user)
			}
			b.leave()
			return
		}
		b.look(st)
		if string(st.ID()) == end {
			return
		}
	}
}

func (b *bird) leave() {
	if b.Stream != nil {
		b.Close()
		b.Reader().Close()
		b.Stream = nil
	}
}

// secure connects to the port of direct TLS and opens a stream in it.
func (b *bird) secure() (*stream.Stream, error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(b.home.ca)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no authority: %w", err)
	}
	nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.home.direct))
	if err != nil {
		return nil, err
	}
	conn, err := tls.Client(nc, patience, tls.ClientConfig{ServerName: b.home.domain, Roots: roots, ALPN: []string{"xmpp-client"}})
	if err != nil {
		nc.Close()
		return nil, err
	}
	s := stream.New(nc, wire.NewReader(wire.Limits{Bytes: 8 << 20}), patience)
	s.Secure(conn)
	return s, b.open(s)
}

// open begins a stream and skips its features.
func (b *bird) open(s *stream.Stream) error {
	s.Deadline(time.Now().Add(patience))
	err := s.Send(stream.AppendHeader(nil, wire.Header{NS: wire.NSClient, To: b.home.domain}, ""))
	if err == nil {
		_, err = s.Open()
	}
	if err == nil {
		_, err = s.Next()
	}
	return err
}

// connect logs in, binds a resource and enters the room where all are.
func (b *bird) connect() error {
	s, err := b.secure()
	if err != nil {
		return err
	}
	b.Stream = s
	password := base64.StdEncoding.EncodeToString([]byte("\x00" + b.user + "\x00" + b.home.password(b.user)))
	if err := s.Send([]byte("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + password + "</auth>")); err != nil {
		return err
	}
	if st, err := s.Next(); err != nil || string(st.Name()) != "success" {
		return fmt.Errorf("no success: %w", err)
	}
	s.Reader().Restart()
	if err := b.open(s); err != nil {
		return err
	}
	return s.Send([]byte(b.fill("<iq type='set' id='{c}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{c}</resource></bind></iq>" +
		"<presence/><presence to='room@rooms.here.test/" + b.user + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>")))
}

// logins fails to log in, four times on one stream or until that ends.
func (b *bird) logins() {
	s, err := b.secure()
	if err != nil {
		b.t.Error(err)
		return
	}
	defer s.Reader().Close()
	defer s.Close()
	for range 4 {
		b.sent++
		s.Deadline(time.Now().Add(patience))
		if s.Send([]byte(b.fill(b.pick(attempts)))) != nil {
			return
		}
		st, err := s.Next()
		for err == nil && string(st.Name()) == "challenge" {
			if s.Send([]byte(b.fill("<response xmlns='"+string(st.NS())+"'>{b:c=biws,r=CANARY,p=CANARY}</response>"))) != nil {
				return
			}
			st, err = s.Next()
		}
		if err != nil {
			return
		}
		b.look(st)
	}
}

// headers begins streams as nobody does, in the clear, to clients' and servers'
// ports.
func (b *bird) headers() {
	b.sent++
	to := []string{fmt.Sprintf("127.0.0.1:%d", b.here.port), fmt.Sprintf("127.0.0.1:%d", b.here.direct), b.here.peers}[b.rng.IntN(3)]
	nc, err := net.Dial("tcp", to)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer nc.Close()
	io.WriteString(nc, b.fill(b.pick(openings)))
	b.drain(nc, nc, "")
}

// claim connects as a server of a domain that is nobody's.
func (b *bird) claim() {
	b.sent++
	nc, err := net.Dial("tcp", b.here.peers)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer nc.Close()
	domain := b.canary() + ".test"
	nc.SetDeadline(time.Now().Add(patience))
	if !upgrade(nc, domain, b.here.domain) {
		return
	}
	conn, err := tls.Client(nc, patience, tls.ClientConfig{ServerName: b.here.domain, Verify: func([]*x509.Certificate) error { return nil }})
	if err != nil {
		return
	}
	text := strings.ReplaceAll(b.fill(b.pick(claimed)), "{from}", domain)
	io.WriteString(conn, serverHeader(domain, b.here.domain)+text)
	answer := ""
	if strings.HasPrefix(text, "<db:result") {
		answer = "<db:result" // when it has called back
	}
	b.drain(nc, conn, answer)
}

// drain reads up to an answer, then says no more and looks at all that comes, as
// one text.
func (b *bird) drain(nc net.Conn, c io.Reader, answer string) {
	nc.SetDeadline(time.Now().Add(patience))
	var said []byte
	piece := make([]byte, 4096)
	for n, err := 1, error(nil); n > 0 && err == nil && !bytes.Contains(said, []byte(answer)); {
		n, err = c.Read(piece)
		said = append(said, piece[:n]...)
	}
	nc.(*net.TCPConn).CloseWrite()
	rest, _ := io.ReadAll(c)
	said = append(said, rest...)
	if found := b.foreign(said); found != "" {
		b.t.Errorf("%s is told of %s: %s", b.user, found, said)
	}
}
