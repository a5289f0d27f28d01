package federation

import (
	"context"
	"errors"
	"time"

	"lethe/federation/dial"
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

const (
	// connectTime is how long stanzas wait for a link to come about, DNS,
	// TCP, TLS and authentication together.
	connectTime = 40 * time.Second

	// onionTime is connectTime where Tor builds the way, and the peer calls
	// back on another.
	onionTime = 2 * time.Minute

	// idleTime is how long a link without traffic is kept.
	idleTime = 10 * time.Minute

	// firstPause and lastPause are how long a domain is left alone after its
	// link failed: twice as long after each further failure.
	firstPause = 5 * time.Second
	lastPause  = 5 * time.Minute
)

// A link carries stanzas from one of our domains to one other. It begins to
// exist with the first stanza, which waits in its Outbox.
type link struct {
	pair
	srv      *Server
	out      *relay.Outbox
	failures int // in a row, before this one

	why failure // what the answer to a lost stanza says; the Outbox's claimant's

	// Guarded by srv.mu.
	failed *failure  // it did not come about
	again  time.Time // when to try again
	told   Link      // by Diagnosis; while it is being made, of the one before
}

// patience is how long a link to a domain may take to come about.
func patience(domain string) time.Duration {
	if dial.UnderOnion(domain) {
		return onionTime
	}
	return connectTime
}

func (s *Server) newLink(who pair, failures int) *link {
	l := &link{pair: who, srv: s, failures: failures, why: broken()}
	l.out = s.cfg.Router.NewWaitingOutbox(wire.NSServer, s.cfg.Limits.OutboxBytes)
	l.out.OnLost(func(p *relay.Pass, st *wire.Stanza) { s.lost(p, st, l.why) })
	return l
}

// lost answers a stanza that a link accepted and could not bring across.
func (s *Server) lost(p *relay.Pass, st *wire.Stanza, why failure) {
	from, err := jid.ParseBytes(st.From())
	if err != nil {
		return
	}
	to, err := jid.ParseBytes(st.To())
	if err != nil {
		return
	}
	s.cfg.Router.RefuseWith(p, st, from, to, relay.Lost, why.condition, why.text)
}

// broken is why stanzas are lost when a link breaks that stood.
func broken() failure {
	return failure{condition: wire.CondRemoteServerTimeout, text: "The connection to that domain broke before the message was sent."}
}

// run makes the link, uses it and takes it down.
func (l *link) run() {
	defer l.srv.running.Done()
	ctx, cancel := context.WithTimeout(l.srv.done, patience(l.remote))
	s, err := l.connect(ctx)
	cancel()
	if err != nil {
		l.fail(err)
		return
	}
	l.srv.cfg.Report(relay.LinkUp)
	l.use(s)
}

// connect reaches a server of the domain, makes sure that it is one, and says
// who we are.
func (l *link) connect(ctx context.Context) (s *session, err error) {
	err = l.srv.each(ctx, l.remote, func(t *dial.Target) error {
		stream, err := t.Connect(ctx, l.srv.dialing(l.local, l.remote))
		if err != nil {
			return err
		}
		s = &session{Stream: stream, srv: l.srv, local: l.local, remote: l.remote, out: l.out, proof: proofOf(l.srv.decide(t).Verdict)}
		deadline, _ := ctx.Deadline()
		s.Deadline(deadline)
		if err := s.introduce(); err != nil {
			s.discard()
			return err
		}
		return nil
	})
	return s, err
}

// dialing is how to connect from one of our domains to another.
func (s *Server) dialing(local, remote string) dial.Config {
	return dial.Config{
		From: local, To: remote,
		Roots:       s.cfg.Roots,
		Own:         s.own(),
		TLS12:       s.cfg.TLS12,
		StanzaBytes: s.cfg.Limits.StanzaBytes,
		Now:         s.cfg.Now,
		Accept:      s.accept,
		Dial:        s.cfg.Dial,
		Tor:         s.cfg.Tor,
	}
}

// fail answers all that has waited and remembers why, for a while.
func (l *link) fail(err error) {
	f := explain(l.remote, err)
	l.why = f
	l.srv.cfg.Report(relay.LinkFailed)
	pause := min(firstPause<<min(l.failures, 8), lastPause)
	l.srv.mu.Lock()
	l.failed, l.failures = &f, l.failures+1
	now := l.srv.cfg.Now()
	l.again = now.Add(pause)
	l.told = Link{Domain: l.remote, Failed: true, Reason: f.reason, Since: now}
	l.srv.mu.Unlock()
	l.out.Abandon()
	if l.srv.cfg.Failed != nil && !errors.Is(err, context.Canceled) {
		l.srv.cfg.Failed(l.remote, f.reason)
	}
}

// use carries stanzas until the link ends.
func (l *link) use(s *session) {
	out := &l.srv.standing.out[s.proof]
	out.Add(1)
	defer out.Add(-1)
	l.srv.mu.Lock()
	l.told = Link{Domain: l.remote, Proof: s.proof, Since: l.srv.cfg.Now()}
	l.srv.mu.Unlock()
	l.out.Connect(s.TLS())
	s.serve()
	l.srv.mu.Lock()
	if l.srv.links[l.pair] == l {
		delete(l.srv.links, l.pair)
	}
	l.srv.closed++
	l.srv.mu.Unlock()
	s.leave()
}
