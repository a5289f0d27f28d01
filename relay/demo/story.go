package demo

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/dane/zone"
	"lethe/federation/dial"
	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// tell is the story.
func (s *stage) tell(t *teller) {
	fmt.Fprintf(t.out, "lethe: relays for %s and %s on loopback, and a signed DNS with its own root.\n"+
		"All keys live in memory only; the relays' certificates are signed by nobody but themselves.\n\n", northern, southern)
	var alice, bob *client.Client
	t.step("Alice logs in at the northern relay, Bob at the southern: TLS, SCRAM with channel binding.", func() (string, error) {
		var err error
		if alice, err = s.north.login(s.alice); err != nil {
			return "", err
		}
		if bob, err = s.south.login(s.bob); err != nil {
			return "", err
		}
		if !strings.HasSuffix(bob.Mechanism(), "-PLUS") {
			return "", errors.New("no channel binding was used")
		}
		return bob.Encrypted() + ", " + bob.Mechanism() + ": the password never crossed the wire, and nobody sits between.", nil
	})
	if alice == nil || bob == nil {
		return
	}
	defer alice.Cut()
	defer bob.Cut()
	s.converse(t, alice, bob)
	t.step("Somebody guesses at Alice's password.", s.guess)
	t.step("Somebody adds a user to the users file without the signing key.", s.addUnsigned)
	t.step("A client tries to log in without TLS.", s.plaintext)
	s.attacks(t)
}

// converse is what goes across between the relays.
func (s *stage) converse(t *teller, alice, bob *client.Client) {
	t.step("Alice sends Bob an OTR message, and a link is made for it: DNS, TCP, TLS, each relay proved to the other.", func() (string, error) {
		return otr(alice, bob)
	})
	t.step("What that link rests on.", s.proof)
	t.step("The next message, and Bob's answer, find the link standing.", func() (string, error) {
		before := s.south.links.Load()
		if _, err := otr(alice, bob); err != nil {
			return "", err
		}
		did, err := otr(bob, alice)
		if err == nil && (before != 1 || s.south.links.Load() != 1) {
			err = errors.New("it took more than the one link")
		}
		return did, err
	})
	t.step("Alice writes to Carol, who is not there; nothing is kept for her.", func() (string, error) {
		condition, text, err := bounced(alice, s.carol)
		if err == nil && condition != "service-unavailable" {
			err = fmt.Errorf("the message came back as %s", condition)
		}
		return "It came back at once, " + condition + ": " + text, err
	})
}

// otr sends what looks like OTR, with everything in it that a relay might be
// tempted to tidy up.
func otr(from, to *client.Client) (string, error) {
	payload := `<body  xml:lang = "en">?OTR:AAMDJ+M&#x2b;&lt;caf&#233;&gt;<![CDATA[<&>]]> ` + "\t" + `.</body><x xmlns='urn:example:odd'   a="1"  />`
	if err := from.Send("<message type='chat' id='otr' to='" + to.JID().String() + "'>" + payload + "</message>"); err != nil {
		return "", err
	}
	for {
		raw, err := to.NextRaw()
		switch {
		case err != nil:
			return "", err
		case !strings.HasPrefix(raw, "<message"):
			continue // presence
		case !strings.HasSuffix(raw, ">"+payload+"</message>"):
			return "", errors.New("the bytes were changed")
		}
		return fmt.Sprintf("%d bytes arrived as they were sent; from= was stamped on the way.", len(payload)), nil
	}
}

// proof asks what the northern relay asked before it made the link, and judges
// what it judged.
func (s *stage) proof() (string, error) {
	plan := dial.Find(context.Background(), s.north.resolver, southern)
	if len(plan.Targets) != 1 {
		return "", errors.New("the DNS does not say where the other relay is")
	}
	t := plan.Targets[0]
	if !t.Prepare(context.Background(), s.north.resolver) || t.SRV != resolve.Secure || t.TLSA != resolve.Secure {
		return "", errors.New("the DNS is not proved")
	}
	if t.Judge([]*x509.Certificate{s.south.leaf()}, nil, time.Now()); t.DANE.Verdict != dane.DANE {
		return "", errors.New(t.DANE.Reason.String())
	}
	return fmt.Sprintf("DANE: TLSA %s %x... at _%d._tcp.%s, signed from this DNS's own root down, is the peer's key.",
		t.DANE.Record.Numbers(), t.DANE.Record.Data[:4], t.Port, t.Host), nil
}

// bounced writes to somebody and returns how the message comes back.
func bounced(from *client.Client, to *person) (condition, text string, err error) {
	if err = from.Say(to.jid.String(), "lost", "Are you there?"); err != nil {
		return "", "", err
	}
	n, err := from.Until(func(n *wire.Node) bool { return n.Name == "message" && n.Attr("id") == "lost" })
	if err != nil {
		return "", "", fmt.Errorf("the message did not come back: %w", err)
	}
	e := n.Child(wire.NSClient, "error")
	if n.Attr("type") != "error" || e == nil {
		return "", "", errors.New("the message came back without an error")
	}
	for _, c := range e.Children {
		if c.Name == "text" {
			text = c.Text
		} else {
			condition = c.Name
		}
	}
	return condition, text, nil
}

func (s *stage) guess() (string, error) {
	const condition = "not-authorized"
	_, err := s.north.dial(s.alice, "correct horse")
	var f *client.Failure
	if !errors.As(err, &f) || f.Condition != condition {
		return "", fmt.Errorf("not refused with %s: %v", condition, err)
	}
	return "Refused: " + condition + ".", nil
}

func (s *stage) addUnsigned() (string, error) {
	mallory, err := jid.New("mallory", northern, "")
	if err != nil {
		return "", err
	}
	text, err := add(s.north.text, &person{name: "Mallory", jid: mallory, password: "mine"})
	if err != nil {
		return "", err
	}
	if _, err = s.north.load(text, s.north.sig); err == nil {
		return "", errors.New("the file was accepted")
	}
	return "Refused: " + err.Error() + ".", nil
}

func (s *stage) plaintext() (string, error) {
	nc, err := net.DialTimeout("tcp", s.north.clients.Addr().String(), s.north.patience)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(s.north.patience))
	fmt.Fprintf(nc, "<stream:stream xmlns='%s' xmlns:stream='%s' version='1.0' to='%s'>"+
		"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>", wire.NSClient, wire.NSStream, northern)
	answer, err := io.ReadAll(nc)
	switch {
	case err != nil:
		return "", err
	case strings.Contains(string(answer), "PLAIN") || !strings.Contains(string(answer), "<required/>"):
		return "", errors.New("a login without TLS was offered")
	case !strings.Contains(string(answer), "policy-violation"):
		return "", errors.New("the stream was not ended")
	}
	return "Refused: TLS is the only thing on offer, and the stream was ended.", nil
}

// attacks are Mallory's three moves to get a message that is for Bob.
func (s *stage) attacks(t *teller) {
	t.step("Mallory answers for the southern relay, with a certificate of that name that an authority signed.", func() (string, error) {
		return s.attack(nil, dane.Mismatch)
	})
	t.step("Mallory takes the TLSA record out of the DNS, so that the authority's word might be enough.", func() (string, error) {
		return s.attack(zone.Strip("TLSA"), resolve.NotDenied)
	})
	t.step("Mallory puts a TLSA record for that certificate in its place, under a forged signature.", func() (string, error) {
		owner := fmt.Sprintf("_%d._tcp.xmpp.%s.", s.south.peers.Addr().(*net.TCPAddr).Port, southern)
		hook, err := zone.Forge(s.mallory.tlsa(owner))
		if err != nil {
			return "", err
		}
		return s.attack(hook, resolve.BadSignature)
	})
}

// attack lets Alice write to Bob over a path that is Mallory's: the message
// must come back, for that reason.
func (s *stage) attack(hook zone.Hook, why fmt.Stringer) (string, error) {
	north, err := s.ambush(hook)
	if err != nil {
		return "", err
	}
	defer north.close()
	alice, err := north.login(s.alice)
	if err != nil {
		return "", err
	}
	defer alice.Cut()
	_, text, err := bounced(alice, s.bob)
	if err == nil && !strings.Contains(text, why.String()) {
		err = fmt.Errorf("not refused because %s: %s", why, text)
	}
	return "Refused; Alice reads: " + text, err
}
