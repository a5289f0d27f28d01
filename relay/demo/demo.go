// Package demo tells lethe's story on loopback: two relays for two domains, the
// signed DNS that proves them to each other, their users' conversation, and an
// attacker. All of it is made of nothing and leaves nothing: no file is read or
// written. What the demo shows runs through the same rooms as `lethe serve`.
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
	"syscall"
	"time"
)

const usage = `usage: lethe demo [-once]

Runs two relays on loopback, for two domains, with users, certificates and a
signed DNS made for the occasion. Users of the two talk, and an attacker tries to
come between: each step is printed with the time it took, what happened and why.
Nothing is written to disk. Then the relays stay up, to be joined with an
ordinary client.

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
	s, err := newStage()
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

// invite says how to join.
func (s *stage) invite(out io.Writer) {
	fmt.Fprint(out, "\nThe relays stay up. Join with any XMPP client (Profanity, Dino, Gajim, Pidgin ...)\nand write from one domain to the other:\n")
	for _, h := range []*house{s.north, s.south} {
		host, port, _ := net.SplitHostPort(h.clients.Addr().String())
		fmt.Fprintf(out, "\n    %s: server %s, port %s, STARTTLS\n    certificate SHA-256 %s\n", h.domain, host, port, h.fingerprint())
		for _, p := range h.people {
			fmt.Fprintf(out, "    address %s   password %s\n", p.jid, p.password)
		}
		fmt.Fprintf(out, "    profanity: /connect %s server %s port %s tls trust\n", h.people[0].jid, host, port)
	}
	fmt.Fprint(out, "\nStop with Ctrl-C: then all of it is forgotten.\n")
}
