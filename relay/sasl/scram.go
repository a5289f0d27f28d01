package sasl

import (
	"crypto/hmac"
	"crypto/subtle"
	"strconv"
)

// scram is the server's side of one SCRAM exchange.
type scram struct {
	hash       Hash
	verifier   Verifier
	known      bool   // whether verifier is somebody's
	binding    []byte // what the client's c= must hold
	nonce      string // both sides' together
	transcript string // client-first-message-bare, server-first-message
}

// seen is what the server tells of its own view, so that a client with another
// one notices who stands between. Either may be "".
type seen struct {
	list    string // hash of what was advertised (XEP-0474)
	version string // of TLS (XEP-0515)
}

// first answers the client-first-message with the server-first-message.
// serverNonce is fresh and printable.
func (x *scram) first(m clientFirst, channel []byte, serverNonce string, own seen) []byte {
	x.nonce = m.nonce + serverNonce
	x.binding = append([]byte(m.text), channel...)
	answer := "r=" + x.nonce + ",s=" + encode(x.verifier.Salt) + ",i=" + strconv.Itoa(x.verifier.Iterations)
	if own.list != "" {
		answer += ",h=" + own.list
	}
	if own.version != "" {
		answer += ",t=" + own.version
	}
	x.transcript = m.bare + "," + answer
	return []byte(answer)
}

// final checks the client-final-message and returns the
// server-final-message. Whatever is wrong, it computes the same.
func (x *scram) final(m clientFinal) ([]byte, error) {
	if len(m.proof) != x.hash.new().Size() {
		return nil, MalformedRequest
	}
	message := x.transcript + "," + m.bare
	// RFC 5802 §3: ClientProof is ClientKey XOR ClientSignature
	key := x.hash.hmac(x.verifier.StoredKey, message)
	subtle.XORBytes(key, key, m.proof)
	stored := x.hash.sum(key)
	clear(key)
	right := subtle.ConstantTimeCompare(stored, x.verifier.StoredKey)
	right &= subtle.ConstantTimeCompare(m.binding, x.binding)
	right &= subtle.ConstantTimeCompare([]byte(m.nonce), []byte(x.nonce))
	if !x.known {
		right = 0
	}
	signature := x.hash.hmac(x.verifier.ServerKey, message)
	if right != 1 {
		return nil, NotAuthorized
	}
	return []byte("v=" + encode(signature)), nil
}

// verify checks a password as PLAIN brings it. An unknown user's costs as
// much.
func (v Verifier) verify(h Hash, password string) bool {
	got, err := Derive(h, password, v.Salt, v.Iterations)
	if err != nil {
		return false
	}
	defer clear(got.ServerKey)
	defer clear(got.StoredKey)
	return hmac.Equal(got.StoredKey, v.StoredKey)
}
