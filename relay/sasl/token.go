package sasl

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
)

// The Hashed Token mechanisms (draft-schmaus-kitten-sasl-ht-09): the client
// proves that it has a secret which the server gave it earlier, and the server
// that it still has it, in one message each. The message depends on nothing but
// token and channel, so there must be a channel binding: without one whoever
// read it once could send it again. That is why HT-SHA-256-NONE is not here;
// UNIQ is not, for TLS 1.3 has no tls-unique.
const (
	tokenExporter = "HT-SHA-256-EXPR"
	tokenEndPoint = "HT-SHA-256-ENDP"
)

// TokenMechanisms lists the mechanisms of StartToken that this connection has a
// channel binding for, best first. They are not among Mechanisms.
func (s *Server) TokenMechanisms() []string {
	var list []string
	if s.cfg.Exporter != nil {
		list = append(list, tokenExporter)
	}
	if s.cfg.EndPoint != nil {
		list = append(list, tokenEndPoint)
	}
	return list
}

// StartToken is Start for a mechanism of TokenMechanisms, which is done in one
// step. find is called with the prepared name of the user: it tries right on
// each token of theirs that may be used, and returns nil as soon as one is
// right, or the Failure to answer with. It should take as long for an unknown
// user.
func (s *Server) StartToken(mech string, initial []byte, find func(user string, right func(token []byte) bool) error) (answer []byte, done bool, err error) {
	s.end()
	s.tried = ""
	if s.user != "" || initial == nil || len(initial) > maxMessage {
		return nil, false, MalformedRequest
	}
	if !slices.Contains(s.TokenMechanisms(), mech) {
		return nil, false, InvalidMechanism
	}
	name, proof, ok := parseToken(initial)
	if !ok {
		return nil, false, MalformedRequest
	}
	if err := s.claim(name, ""); err != nil {
		return nil, false, err
	}
	channel := s.cfg.Exporter
	if mech == tokenEndPoint {
		channel = s.cfg.EndPoint
	}
	err = find(s.tried, func(token []byte) bool {
		answer = SHA256.hmac(token, "Responder"+string(channel))
		return hmac.Equal(proof, SHA256.hmac(token, "Initiator"+string(channel)))
	})
	if err != nil {
		return nil, false, err
	}
	s.user = s.tried
	return answer, true, nil
}

// parseToken reads a client's message: its name, NUL, its proof.
func parseToken(message []byte) (name string, proof []byte, ok bool) {
	before, proof, ok := bytes.Cut(message, []byte{0})
	name = string(before)
	return name, proof, ok && name != "" && text(name) && len(proof) == sha256.Size
}
