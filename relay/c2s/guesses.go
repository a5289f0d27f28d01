package c2s

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// forgetGuesses is how long a wrong login counts.
	forgetGuesses = 10 * time.Minute
	// maxDelay bounds how long a verdict waits.
	maxDelay = 3 * time.Second
	// freeGuesses may be wrong before an account's verdicts begin to wait.
	freeGuesses = 5
	// maxGuesses bounds how many accounts and addresses are remembered.
	maxGuesses = 1 << 14
)

// guesses slows those who guess passwords, in memory.
//
// An address has a budget of wrong logins a minute; once it is used up its
// attempts are refused unseen until the minute has refilled it. An account
// that meets wrong logins makes each further verdict on it, right or wrong,
// wait up to maxDelay; an address from which its owner logged in lately never
// waits. So a password cannot be tried fast, not even from many addresses, and
// nobody can lock an owner out.
type guesses struct {
	perMinute int

	mu        sync.Mutex
	addresses map[netip.Prefix]*tally
	accounts  map[string]*tally
	owners    map[owner]time.Time
}

type owner struct {
	from netip.Prefix
	user string
}

// tally is a number of wrong logins that shrinks with time.
type tally struct {
	n    float64
	last time.Time
}

func newGuesses(perMinute int) *guesses {
	return &guesses{
		perMinute: perMinute,
		addresses: make(map[netip.Prefix]*tally),
		accounts:  make(map[string]*tally),
		owners:    make(map[owner]time.Time),
	}
}

// at is the tally now, when perMinute are forgiven each minute.
func (t *tally) at(now time.Time, perMinute float64) float64 {
	if t == nil {
		return 0
	}
	return max(0, t.n-now.Sub(t.last).Minutes()*perMinute)
}

// exhausted reports whether an address has used up its wrong logins.
func (g *guesses) exhausted(from netip.Prefix, now time.Time) bool {
	if g.perMinute <= 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addresses[from].at(now, float64(g.perMinute)) > float64(g.perMinute-1)
}

// delay is how long the verdict on a login has to wait.
func (g *guesses) delay(from netip.Prefix, user string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.owners[owner{from, user}]) < forgetGuesses {
		return 0
	}
	n := g.accounts[user].at(now, 1)
	if n <= freeGuesses {
		return 0
	}
	return min(maxDelay, time.Duration((n-freeGuesses)*float64(250*time.Millisecond)))
}

// wrong counts a failed login.
func (g *guesses) wrong(from netip.Prefix, user string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	count(g.addresses, from, now, float64(g.perMinute))
	if user != "" {
		count(g.accounts, user, now, 1)
	}
}

// right remembers where an account's owner logs in from.
func (g *guesses) right(from netip.Prefix, user string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.accounts[user] == nil {
		return // nobody guesses at it: nothing to remember
	}
	if len(g.owners) >= maxGuesses {
		clear(g.owners)
	}
	g.owners[owner{from, user}] = now
}

func count[K comparable](m map[K]*tally, key K, now time.Time, perMinute float64) {
	t := m[key]
	if t == nil {
		if len(m) >= maxGuesses {
			forget(m, now)
		}
		t = &tally{}
		m[key] = t
	}
	t.n = min(t.at(now, perMinute)+1, 60)
	t.last = now
}

// forget drops what is old, and everything if that is not enough: a flood of
// made-up names costs its own memory, never the relay's.
func forget[K comparable](m map[K]*tally, now time.Time) {
	for k, t := range m {
		if now.Sub(t.last) > forgetGuesses {
			delete(m, k)
		}
	}
	if len(m) >= maxGuesses {
		clear(m)
	}
}
