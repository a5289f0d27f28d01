package users

import (
	"crypto/sha256"
	"encoding/base64"
)

// decoySize is the size of a decoy record's key in bytes.
const decoySize = 32

func (p *parser) decoy(r *record) error {
	const cure = "write 32 random bytes in base64, or remove the line"
	if p.set.decoy != nil {
		return r.fail("a second decoy", "remove one")
	}
	word, err := r.word("a key")
	if err != nil {
		return err
	}
	key, err := base64.StdEncoding.Strict().DecodeString(word)
	if err != nil || len(key) != decoySize {
		return r.fail("bad decoy", cure)
	}
	p.set.decoy = key
	return r.end()
}

// Decoy is the secret from which made-up salts come, so that a login cannot
// tell a name that nobody has (RFC 5802 §9). It is the decoy record's key.
func (s *Set) Decoy() [32]byte {
	h := sha256.New()
	h.Write([]byte("lethe decoy\n"))
	h.Write(s.decoy)
	if s.decoy == nil {
		for _, u := range s.users[:min(1, len(s.users))] {
			for _, v := range []*Verifier{u.SHA256, u.SHA1} {
				if v != nil {
					h.Write(v.Salt)
					h.Write(v.ServerKey)
				}
			}
		}
	}
	return [32]byte(h.Sum(nil))
}

// Iterations is how often a made-up user's password would have been hashed:
// as often as the first user's. It is 0 in a file without passwords.
func (s *Set) Iterations() int {
	for _, u := range s.users {
		if u.SHA256 != nil {
			return u.SHA256.Iterations
		}
	}
	return 0
}

// Certified reports whether any user may log in with a certificate: whether
// it is worth asking clients for one.
func (s *Set) Certified() bool { return len(s.byCert) > 0 }
