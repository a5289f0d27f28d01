// Package demo tells lethe's story on loopback: a relay, its users and their
// conversation, made of nothing and leaving nothing. No file is read or
// written; what the demo shows runs through the same rooms as `lethe serve`.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

const usage = `usage: lethe demo [-once]

Runs a relay on loopback, with users and certificate made for the occasion, and
lets two of them talk: each step is printed with the time it took. Nothing is
written to disk. Then the relay stays up, to be joined with an ordinary client.

`

// Command is the command line `lethe demo`.
func Command(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	once := flags.Bool("once", false, "exit after the conversation: 0 if every step came out as told")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		return 2
	}
	s, err := newStage("Alice", "Bob", "Carol")
	if err != nil {
		fmt.Fprintln(stderr, "lethe demo:", err)
		return 1
	}
	defer s.close()
	t := &teller{out: stdout}
	s.tell(t)
	if t.wrong > 0 {
		fmt.Fprintf(stderr, "lethe demo: %d steps did not come out as told\n", t.wrong)
		return 1
	}
	if !*once {
		s.invite(stdout)
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
	}
	return 0
}

// teller prints each step with its time and counts those that went wrong.
type teller struct {
	out   io.Writer
	wrong int
}

// step runs f, which returns what happened, or why it is not as told.
func (t *teller) step(told string, f func() (string, error)) {
	start := time.Now()
	happened, err := f()
	took := time.Since(start)
	mark := "✓"
	if err != nil {
		t.wrong++
		mark, happened = "✗", err.Error()
	}
	fmt.Fprintf(t.out, "%s %8.1f ms  %s\n               %s\n", mark, float64(took.Microseconds())/1000, told, happened)
}

// tell is the story.
func (s *stage) tell(t *teller) {
	fmt.Fprintf(t.out, "lethe: a relay for %s on %s; users, keys and certificate live in memory only.\n\n", domain, s.address)
	var alice, bob *client.Client
	t.step("Alice and Bob log in: TLS, SCRAM with channel binding.", func() (string, error) {
		var err error
		if alice, err = s.login("Alice"); err != nil {
			return "", err
		}
		bob, err = s.login("Bob")
		if err != nil {
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
	t.step("Alice sends Bob an OTR message; the relay must not touch a byte of it.", func() (string, error) {
		return otr(alice, bob)
	})
	t.step("Alice writes to Carol, who is not there; nothing is kept for her.", func() (string, error) {
		return s.absent(alice)
	})
	t.step("Somebody guesses at Alice's password.", s.guess)
	t.step("Somebody adds a user to the users file without the signing key.", s.forge)
	t.step("A client tries to log in without TLS.", s.plaintext)
}

func (s *stage) login(name string) (*client.Client, error) {
	p := s.people[name]
	c, err := client.Dial(context.Background(), client.Config{
		Address: s.address, User: p.jid, Password: p.password, Resource: "demo", Roots: s.authority.Roots(),
	})
	if err != nil {
		return nil, err
	}
	return c, c.Online()
}

// otr sends what looks like OTR, with everything in it that a relay might be
// tempted to tidy up.
func otr(alice, bob *client.Client) (string, error) {
	payload := `<body  xml:lang = "en">?OTR:AAMDJ+M&#x2b;&lt;caf&#233;&gt;<![CDATA[<&>]]> ` + "\t" + `.</body><x xmlns='urn:example:odd'   a="1"  />`
	if err := alice.Send("<message type='chat' id='otr' to='" + bob.JID().String() + "'>" + payload + "</message>"); err != nil {
		return "", err
	}
	for {
		raw, err := bob.NextRaw()
		switch {
		case err != nil:
			return "", err
		case !strings.HasPrefix(raw, "<message"):
			continue // presence of Alice
		case !strings.HasSuffix(raw, ">"+payload+"</message>"):
			return "", errors.New("the bytes were changed")
		}
		return fmt.Sprintf("%d bytes arrived as they were sent; from= was stamped by the relay.", len(payload)), nil
	}
}

func (s *stage) absent(alice *client.Client) (string, error) {
	if err := alice.Say(s.people["Carol"].jid.String(), "absent", "Are you there?"); err != nil {
		return "", err
	}
	n, err := alice.Until(func(n *wire.Node) bool { return n.Name == "message" && n.Attr("id") == "absent" })
	if err != nil {
		return "", err
	}
	e := n.Child(wire.NSClient, "error")
	if n.Attr("type") != "error" || e == nil || e.Child(wire.NSStanzaErrors, "service-unavailable") == nil {
		return "", errors.New("the message did not come back as service-unavailable")
	}
	text := ""
	if said := e.Child(wire.NSStanzaErrors, "text"); said != nil {
		text = ": " + said.Text
	}
	return "It came back at once, service-unavailable" + text, nil
}

func (s *stage) guess() (string, error) {
	_, err := client.Dial(context.Background(), client.Config{
		Address: s.address, User: s.people["Alice"].jid, Password: "correct horse", Roots: s.authority.Roots(),
	})
	return refused(err, "not-authorized")
}

// refused turns the expected refusal into the step's result.
func refused(err error, condition string) (string, error) {
	var f *client.Failure
	if !errors.As(err, &f) || f.Condition != condition {
		return "", fmt.Errorf("not refused with %s: %v", condition, err)
	}
	return "Refused: " + condition + ".", nil
}

func (s *stage) forge() (string, error) {
	mallory, err := jid.New("mallory", domain, "")
	if err != nil {
		return "", err
	}
	text, err := add(s.text, &person{jid: mallory, name: "Mallory", password: "mine"})
	if err != nil {
		return "", err
	}
	if _, err = s.load(text, s.sig); err == nil {
		return "", errors.New("the file was accepted")
	}
	return "Refused: " + err.Error() + ".", nil
}

func (s *stage) plaintext() (string, error) {
	nc, err := net.DialTimeout("tcp", s.address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(nc, "<stream:stream xmlns='%s' xmlns:stream='%s' version='1.0' to='%s'>"+
		"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>", wire.NSClient, wire.NSStream, domain)
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

// invite says how to join.
func (s *stage) invite(out io.Writer) {
	host, port, _ := net.SplitHostPort(s.address)
	fmt.Fprintf(out, "\nThe relay stays up. Join with any XMPP client (Profanity, Dino, Gajim, Pidgin ...):\n\n")
	for _, name := range []string{"Alice", "Bob", "Carol"} {
		fmt.Fprintf(out, "    address %s   password %s\n", s.people[name].jid, s.people[name].password)
	}
	fmt.Fprintf(out, "    server %s, port %s, STARTTLS\n    certificate SHA-256 %s\n\n", host, port, s.fingerprint())
	fmt.Fprintf(out, "    profanity: /connect %s server %s port %s tls trust\n\nStop with Ctrl-C: then all of it is forgotten.\n", s.people["Alice"].jid, host, port)
}
