package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"slices"
)

// Hash is the hash function of a SCRAM mechanism. The zero value is none.
type Hash uint8

const (
	SHA256 Hash = iota + 1 // RFC 7677
	SHA1                   // RFC 5802; its weakness against collisions does not matter here
)

func (h Hash) new() hash.Hash {
	if h == SHA1 {
		return sha1.New()
	}
	return sha256.New()
}

func (h Hash) sum(b []byte) []byte {
	d := h.new()
	d.Write(b)
	return d.Sum(nil)
}

func (h Hash) hmac(key []byte, message string) []byte {
	m := hmac.New(h.new, key)
	m.Write([]byte(message))
	return m.Sum(nil)
}

const (
	// DefaultIterations is how often a password is hashed. Every login costs
	// the client that much. RFC 7677 §4 asks for at least 4096.
	DefaultIterations = 10000
	// SaltSize is the length of a salt in bytes. Every verifier has a salt of
	// its own and of this length: made-up ones do.
	SaltSize = 16

	minIterations = 4096
	maxIterations = 1 << 22 // seconds of computing
)

// Verifier is what a server keeps in place of a password, RFC 5802 §3.
type Verifier struct {
	Iterations                 int
	Salt, StoredKey, ServerKey []byte
}

var (
	errHash       = errors.New("sasl: no such hash function")
	errIterations = errors.New("sasl: iterations out of range")
	errSalt       = errors.New("sasl: no salt")
)

// Derive makes the Verifier of a password. It fails when the password is empty
// or has characters that SASLprep (RFC 4013) forbids, without a salt, and with
// iterations outside 4096 to 4194304.
func Derive(h Hash, password string, salt []byte, iterations int) (Verifier, error) {
	clientKey, serverKey, err := keys(h, password, salt, iterations)
	if err != nil {
		return Verifier{}, err
	}
	defer clear(clientKey)
	return Verifier{iterations, slices.Clone(salt), h.sum(clientKey), serverKey}, nil
}

// keys is RFC 5802 §3 up to ClientKey and ServerKey.
func keys(h Hash, password string, salt []byte, iterations int) (client, server []byte, err error) {
	switch {
	case h != SHA256 && h != SHA1:
		return nil, nil, errHash
	case iterations < minIterations || iterations > maxIterations:
		return nil, nil, errIterations
	case len(salt) == 0:
		return nil, nil, errSalt
	}
	prepared, err := preparePassword(password)
	if err != nil {
		return nil, nil, err
	}
	salted, err := pbkdf2.Key(h.new, prepared, salt, iterations, h.new().Size())
	if err != nil {
		return nil, nil, err
	}
	defer clear(salted)
	return h.hmac(salted, "Client Key"), h.hmac(salted, "Server Key"), nil
}
