package account

import (
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Config is what a Server needs to know beside its users.
type Config struct {
	Domains     []string         // served, in normal form
	ForgetAfter time.Duration    // account memory after the last connection ended
	Now         func() time.Time // nil: time.Now
}

// A Server is all accounts of the served domains, and the domains themselves.
// It is the [relay.Home] of their connections and the [relay.Endpoint] of what
// is addressed to them; many goroutines may use it at once.
type Server struct{}

// New returns the accounts of set. It does not register itself with r: that is
// for the caller to do, once per domain.
func New(r *relay.Router, set *users.Set, cfg Config) *Server { panic("skeleton") }

// Bind implements [relay.Home]. The Seat is a *[Seat].
func (s *Server) Bind(user jid.JID, resource string, out *relay.Outbox) (relay.Seat, *relay.BindError) {
	panic("skeleton")
}

// Deliver implements [relay.Endpoint].
func (s *Server) Deliver(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	panic("skeleton")
}

// SetUsers makes set the users. Connections of users who are gone, or whose
// means to log in changed, end at once with not-authorized.
func (s *Server) SetUsers(p *relay.Pass, set *users.Set) { panic("skeleton") }

// Sweep forgets the memory of accounts whose last connection ended ForgetAfter
// before now.
func (s *Server) Sweep(now time.Time) { panic("skeleton") }

// CloseAll ends every connection with reason.
func (s *Server) CloseAll(p *relay.Pass, reason wire.StreamError) { panic("skeleton") }

// Connections returns how many resources are bound.
func (s *Server) Connections() int { panic("skeleton") }
