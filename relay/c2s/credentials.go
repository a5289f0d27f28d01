package c2s

import (
	"crypto/sha256"

	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// account is what SASL may know of a user: verifiers.
func account(set *users.Set, user, domain string) (sasl.Account, bool) {
	who, err := jid.New(user, domain, "")
	if err != nil {
		return sasl.Account{}, false
	}
	u, ok := set.Lookup(who)
	if !ok {
		return sasl.Account{}, false
	}
	return sasl.Account{SHA256: verifier(u.SHA256), SHA1: verifier(u.SHA1)}, true
}

func verifier(v *users.Verifier) *sasl.Verifier {
	if v == nil {
		return nil
	}
	return &sasl.Verifier{Iterations: v.Iterations, Salt: v.Salt, StoredKey: v.StoredKey, ServerKey: v.ServerKey}
}

// identities is the user of this domain whose line in the users file names the
// certificate that the client showed (XEP-0178, with the file in place of an
// authority). The client has proved that it holds the key.
func (c *client) identities() []string {
	chain := c.TLS().PeerCertificates()
	if len(chain) == 0 {
		return nil
	}
	u, ok := c.srv.cfg.Users().LookupCert(sha256.Sum256(chain[0].Raw))
	if !ok || u.JID.Domain() != c.domain {
		return nil
	}
	return []string{u.JID.Local()}
}

// standing says why a user who has just bound a resource may not keep it, ""
// if there is nothing. A shutdown, or a set of users that came into force since
// the login, has ended the connections that it knew of; it may have missed this
// one.
func (c *client) standing() wire.StreamError {
	if !c.srv.bound(c.Net()) {
		return wire.SystemShutdown
	}
	now := c.srv.cfg.Users()
	if now == c.set {
		return ""
	}
	before, _ := c.set.Lookup(c.user)
	after, ok := now.Lookup(c.user)
	if !ok || !before.SameKeys(after) {
		return wire.NotAuthorized
	}
	return ""
}
