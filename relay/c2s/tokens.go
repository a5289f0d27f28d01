package c2s

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"sync"
	"time"

	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/users"
)

const (
	// tokenLife is how long a token may be used (XEP-0484 §4.2).
	tokenLife = 14 * 24 * time.Hour
	// tokenAge is how old a token is that gets a successor when it is used.
	tokenAge = 24 * time.Hour
	// maxDevices bounds the installations of one user that have tokens.
	maxDevices = 16
	// maxHolders bounds those of all users: some 15 MB.
	maxHolders = 1 << 15
)

// tokens are what clients may log in with in place of the password (XEP-0484).
// They are in memory only, and go: after their time; forget after the last
// connection of their client ended; when the users file has other keys for the
// user, or none; when the relay stops. Whoever has none logs in with the
// password as before.
type tokens struct {
	key    [32]byte      // of sum; this process's own
	forget time.Duration // 0: there are no tokens

	mu      sync.Mutex
	users   map[jid.JID][]*device
	holders int // devices of all users
}

// A device is one installation of a client.
type device struct {
	id      [sha256.Size]byte // stands for what it calls itself
	user    *users.User       // as the users file had it when it logged in
	current token             // the one in use
	fresh   token             // given since, and not used yet (XEP-0484 §5.1)
	streams int               // connections
	left    time.Time         // when the last of them ended
}

// A token's zero value is none.
type token struct {
	secret    []byte // the text that the client has
	mechanism string // for which alone it was given
	given     time.Time
	count     uint64 // the last that came with it
}

// A claim is what a client says of its token.
type claim struct {
	mechanism string
	count     uint64 // 0: it does not count
	right     func(secret []byte) bool
}

func newTokens(forget time.Duration) *tokens {
	t := &tokens{forget: forget, users: make(map[jid.JID][]*device)}
	rand.Read(t.key[:]) // never fails
	return t
}

// sum stands for an installation of who's client, for one purpose.
func (t *tokens) sum(purpose string, who jid.JID, agent string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, t.key[:])
	h.Write([]byte(purpose + "\x00" + who.String() + "\x00" + agent))
	h.Sum(sum[:0])
	return sum
}

// device finds an installation, nil if it has no token. t is locked.
func (t *tokens) device(who jid.JID, agent string) *device {
	id := t.sum("token", who, agent)
	for _, d := range t.users[who] {
		if d.id == id {
			return d
		}
	}
	return nil
}

// use checks a token. One that is not known (any more) is CredentialsExpired,
// for a user who does not exist too, and costs nobody a guess: after a restart
// every client tries its token once. Only what is said of a known installation
// can be NotAuthorized.
func (t *tokens) use(set *users.Set, who jid.JID, agent string, c claim, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.device(who, agent)
	if d == nil || !t.keeps(d, set, now) {
		return sasl.CredentialsExpired // XEP-0484 §4.2
	}
	k := &d.fresh
	if !k.fits(c) {
		if k = &d.current; !k.fits(c) {
			return sasl.NotAuthorized
		}
	}
	switch {
	case now.Sub(k.given) >= tokenLife:
		k.wipe()
		return sasl.CredentialsExpired
	case c.count > 0 && c.count <= k.count:
		return sasl.NotAuthorized // XEP-0484 §3.4: it was heard before
	}
	k.count = max(k.count, c.count)
	if k == &d.fresh { // XEP-0484 §3.5: what is older goes
		d.current.wipe()
		d.current, d.fresh = d.fresh, token{}
	}
	return nil
}

// keeps reports whether there is still a reason to keep d.
func (t *tokens) keeps(d *device, set *users.Set, now time.Time) bool {
	u, ok := set.Lookup(d.user.JID)
	return ok && u.SameKeys(d.user) && (d.streams > 0 || now.Sub(d.left) < t.forget)
}

// fits reports whether k is the token that c is about.
func (k *token) fits(c claim) bool {
	return k.secret != nil && k.mechanism == c.mechanism && c.right(k.secret)
}

func (k *token) wipe() {
	clear(k.secret)
	*k = token{}
}

// due reports whether the token that was used last is to be replaced.
func (t *tokens) due(who jid.JID, agent string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.device(who, agent)
	return d != nil && now.Sub(d.current.given) >= tokenAge
}

// give makes a token for an installation of user's client and returns the
// element to send, nil if there is no room. The one that is in use stays valid
// until the new one is used.
func (t *tokens) give(user *users.User, agent, mechanism string, now time.Time) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.device(user.JID, agent)
	if d == nil {
		if d = t.admit(user); d == nil {
			return nil
		}
		d.id, d.left = t.sum("token", user.JID, agent), now
	}
	if !d.user.SameKeys(user) {
		d.current.wipe()
	}
	d.user = user
	d.fresh.wipe()
	var secret [32]byte
	rand.Read(secret[:])
	d.fresh = token{
		secret:    base64.RawURLEncoding.AppendEncode(nil, secret[:]),
		mechanism: mechanism, given: now,
	}
	clear(secret[:])
	b := []byte("<token xmlns='" + nsFAST + "' expiry='")
	b = now.Add(tokenLife).UTC().AppendFormat(b, time.RFC3339)
	b = append(append(b, "' token='"...), d.fresh.secret...)
	return append(b, "'/>"...)
}

// admit makes room for another installation of user's client, in place of the
// one that has been away for longest if there are too many. t is locked.
func (t *tokens) admit(user *users.User) *device {
	all := t.users[user.JID]
	if len(all) >= maxDevices {
		t.remove(user.JID, slices.MinFunc(all, func(a, b *device) int {
			if a.streams != b.streams {
				return a.streams - b.streams
			}
			return a.left.Compare(b.left)
		}))
	}
	if t.holders >= maxHolders {
		return nil
	}
	d := &device{user: user}
	t.holders++
	t.users[user.JID] = append(t.users[user.JID], d)
	return d
}

// drop takes an installation's tokens away.
func (t *tokens) drop(who jid.JID, agent string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.device(who, agent); d != nil {
		t.remove(who, d)
	}
}

// remove forgets d. t is locked.
func (t *tokens) remove(who jid.JID, d *device) {
	d.current.wipe()
	d.fresh.wipe()
	t.holders--
	t.users[who] = slices.DeleteFunc(t.users[who], func(o *device) bool { return o == d })
	if len(t.users[who]) == 0 {
		delete(t.users, who)
	}
}

// enter counts a connection of an installation that has tokens; leave takes it
// back. Without tokens there is nothing to count, and the device is nil.
func (t *tokens) enter(who jid.JID, agent string) *device {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.device(who, agent)
	if d != nil {
		d.streams++
	}
	return d
}

func (t *tokens) leave(d *device, now time.Time) {
	if d == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d.streams--
	d.left = now
}

// sweep forgets what there is no reason to keep.
func (t *tokens) sweep(set *users.Set, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for who, all := range t.users {
		for _, d := range slices.Clone(all) {
			for _, k := range []*token{&d.current, &d.fresh} {
				if now.Sub(k.given) >= tokenLife {
					k.wipe()
				}
			}
			if !t.keeps(d, set, now) || d.current.secret == nil && d.fresh.secret == nil {
				t.remove(who, d)
			}
		}
	}
}
