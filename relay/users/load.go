package users

import (
	"fmt"
	"slices"

	"aead.dev/minisign"
)

// Terms say what a relay asks of a users file. The zero value refuses every
// file, as nobody may sign it.
type Terms struct {
	Signers []minisign.PublicKey // any one of them must have signed
	Domains []string             // served, in normal form; every user is in one
	Rooms   []string             // room hosts in normal form; every standing room is on one
	Serial  uint64               // the file's must not be lower
}

// Load checks a file's signature, reads the file and holds it against the
// other terms. The signature comes first: nothing else of a file that nobody
// vouches for is looked at. An error about a line is an [*Error].
func Load(text, signature []byte, t Terms) (*Set, error) {
	if err := Verify(text, signature, t.Signers); err != nil {
		return nil, err
	}
	s, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if err := s.check(t); err != nil {
		return nil, err
	}
	return s, nil
}

// A SignatureError says why a signature does not count.
type SignatureError string

// What may be wrong with a signature by a known key.
const (
	ErrMalformed SignatureError = "the signature file is not one of minisign; sign the users file again"
	ErrTampered  SignatureError = "the users file or its signature was changed after signing; restore both, or review the change and sign again"
)

// Error returns the sentence.
func (e SignatureError) Error() string { return string(e) }

// Verify checks that one of the signers signed the text: the signature by
// minisign, over the text or its hash, and the one over its trusted comment.
// The error is a [SignatureError].
func Verify(text, signature []byte, signers []minisign.PublicKey) error {
	var s minisign.Signature
	if s.UnmarshalText(signature) != nil {
		return ErrMalformed
	}
	known := false
	for _, key := range signers {
		// Key numbers are not unique by nature: try every key that fits.
		if key.ID() != s.KeyID {
			continue
		}
		if known = true; minisign.Verify(key, text, signature) {
			return nil
		}
	}
	if !known {
		return SignatureError(fmt.Sprintf("signed by key %016X, which is not among the signers; sign with one of theirs or add it to signers", s.KeyID))
	}
	return ErrTampered
}

// check holds a file that was read against all terms but the signature.
func (s *Set) check(t Terms) error {
	if s.serial < t.Serial {
		return fmt.Errorf("serial %d is lower than %d, with which the relay runs; raise it and sign again if the content is newer", s.serial, t.Serial)
	}
	for _, u := range s.users {
		if !slices.Contains(t.Domains, u.JID.Domain()) {
			return &Error{u.line, "user in domain " + quote(u.JID.Domain()) + ", which is not served", "add it to domains in the configuration, or correct the address"}
		}
	}
	for _, r := range s.rooms {
		if !slices.Contains(t.Rooms, r.JID.Domain()) {
			return &Error{r.line, "room on " + quote(r.JID.Domain()) + ", which is no room host here", "see host in [rooms] of the configuration, or correct the address"}
		}
	}
	return nil
}
