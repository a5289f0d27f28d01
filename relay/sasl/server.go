package sasl

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"
	"unicode/utf8"
)

// Account is what a user can log in with. Without a Verifier the mechanisms
// of its hash fail for the user as a wrong password does.
type Account struct {
	SHA256, SHA1 *Verifier
}

// Config is what a Server knows about its connection and its users. The zero
// value refuses everybody.
type Config struct {
	// Domain is where the users are: an authorization identity, if the client
	// sends one, must be user@Domain.
	Domain string
	// Lookup finds an account by its user name, the prepared local part of
	// its address. It should take as long for an unknown one.
	Lookup func(user string) (Account, bool)
	// Secret is the key of made-up salts. It should outlive the process, or a
	// restart tells unknown users by their new salts.
	Secret [32]byte
	// Iterations is that of unknown users, which should be that of the known;
	// what is out of Derive's range means DefaultIterations.
	Iterations int
	// Exporter and EndPoint are the connection's channel bindings
	// tls-exporter and tls-server-end-point, nil if it has them not.
	Exporter, EndPoint []byte
	// TLSVersion is the connection's, as on the wire; 0 is not told.
	TLSVersion uint16
	// From is the user that the client's stream header names, prepared, or "".
	// An authorization identity must be the same.
	From string
	// Plain offers PLAIN. Every attempt at it, a stranger's too, costs the
	// server a password hashed with SHA-256 Iterations times.
	Plain bool
	// TolerateY lets slixmpp and poezio go on as if we had offered no binding
	// ("y"), against RFC 5802 §6: they know tls-unique only, take it for valid
	// in TLS 1.3, and try that first. They are known by their nonce, which the
	// proof covers. So a man in the middle who strikes our offer can hide it
	// from no other client, whatever he sends himself.
	TolerateY bool
	// Identities are the users the client's TLS certificate proves. If there
	// are any, EXTERNAL is offered.
	Identities []string
}

// Server is the server's side of a login, used by one goroutine. After a
// failure Start begins another attempt.
type Server struct {
	cfg   Config
	next  func(message []byte) ([]byte, bool, error) // nil: no attempt is running
	scram scram
	mech  scramMechanism
	tried string
	user  string

	misbound bool // some attempt named a binding type we do not have
}

// NewServer is the Server of one connection.
func NewServer(c Config) *Server {
	if c.Iterations < minIterations || c.Iterations > maxIterations {
		c.Iterations = DefaultIterations
	}
	return &Server{cfg: c}
}

// Mechanisms lists what is offered, strongest first. It and Bindings must be
// advertised as they are: SCRAM signs them (XEP-0474).
func (s *Server) Mechanisms() []string {
	var list []string
	if len(s.cfg.Identities) > 0 {
		list = append(list, external)
	}
	bound := len(s.Bindings()) > 0
	for _, m := range scramMechanisms() {
		if bound || !m.plus {
			list = append(list, m.name)
		}
	}
	if s.cfg.Plain {
		list = append(list, plain)
	}
	return list
}

// Bindings lists the channel binding types to advertise (XEP-0440).
func (s *Server) Bindings() []string {
	var list []string
	if s.cfg.Exporter != nil {
		list = append(list, TLSExporter)
	}
	if s.cfg.EndPoint != nil {
		list = append(list, TLSServerEndPoint)
	}
	return list
}

// Username is the local part of who logged in, "" while nobody has.
func (s *Server) Username() string { return s.user }

// Tried is the local part of whom the running or last attempt claims to be,
// "" if it did not say: for slowing down guesses. Nothing proves it.
func (s *Server) Tried() string { return s.tried }

// Start begins an attempt. initial is nil if the client sent no initial
// response; one that is there and empty (RFC 6120 §6.4.2: "=") is not nil.
// Results are those of Step; InvalidMechanism if mech is not offered.
func (s *Server) Start(mech string, initial []byte) (challenge []byte, done bool, err error) {
	s.end()
	s.tried = ""
	if s.user != "" {
		return nil, false, MalformedRequest
	}
	if !slices.Contains(s.Mechanisms(), mech) {
		return nil, false, InvalidMechanism
	}
	switch mech {
	case external:
		s.next = s.external
	case plain:
		s.next = s.plain
	default:
		s.mech, _ = scramNamed(mech)
		s.next = s.scramFirst
	}
	if initial == nil {
		return []byte{}, false, nil // RFC 4422 §5: an empty challenge asks for it
	}
	return s.Step(initial)
}

// Step takes the client's response and returns the next challenge, or, when
// done, what to send along with success (which may be empty). Its errors are
// Failures; they end the attempt.
func (s *Server) Step(response []byte) (challenge []byte, done bool, err error) {
	step := s.next
	s.next = nil
	if step == nil || len(response) > maxMessage {
		return nil, false, MalformedRequest
	}
	challenge, done, err = step(response)
	if err != nil || done {
		s.end()
	}
	return challenge, done, err
}

// Abort ends a running attempt (RFC 6120 §6.4.4).
func (s *Server) Abort() Failure {
	s.end()
	return Aborted
}

func (s *Server) end() {
	s.next = nil
	s.scram = scram{} // the keys in it belong to Lookup's owner
}

func (s *Server) scramFirst(message []byte) ([]byte, bool, error) {
	m, err := parseClientFirst(string(message))
	if err != nil {
		return nil, false, MalformedRequest
	}
	channel, err := s.channel(m)
	if err != nil {
		return nil, false, err
	}
	if err := s.claim(m.user, m.authzid); err != nil {
		return nil, false, err
	}
	s.scram.hash = s.mech.hash
	s.scram.verifier, s.scram.known = s.verifier(s.mech.hash)
	s.next = s.scramFinal
	own := seen{advertised(s.mech.hash, s.Mechanisms(), s.Bindings()), version(s.cfg.TLSVersion)}
	return s.scram.first(m, channel, rand.Text(), own), false, nil
}

func (s *Server) scramFinal(message []byte) ([]byte, bool, error) {
	m, err := parseClientFinal(string(message))
	if err != nil {
		return nil, false, MalformedRequest
	}
	answer, err := s.scram.final(m)
	if err != nil {
		return nil, false, err
	}
	s.user = s.tried
	return answer, true, nil
}

// channel is the data the client must bind, nil for none.
func (s *Server) channel(h clientFirst) ([]byte, error) {
	switch {
	case s.mech.plus != (h.flag == 'p'):
		return nil, MalformedRequest
	case h.flag == 'y' && len(s.Bindings()) > 0 && !(s.cfg.TolerateY && s.misbound && fraction(h.nonce)):
		// RFC 5802 §6: somebody struck our offer.
		return nil, NotAuthorized
	case h.flag != 'p':
		return nil, nil
	case h.binding == TLSExporter && s.cfg.Exporter != nil:
		return s.cfg.Exporter, nil
	case h.binding == TLSServerEndPoint && s.cfg.EndPoint != nil:
		return s.cfg.EndPoint, nil
	}
	s.misbound = true
	return nil, MalformedRequest // RFC 5802 §6: unsupported-channel-binding-type
}

// fraction reports whether a nonce is made as slixmpp makes it, and nobody else:
// of the decimal places of a random number below one.
func fraction(nonce string) bool {
	return len(nonce) >= 10 && len(nonce) <= 20 && strings.Trim(nonce, "0123456789e-") == ""
}

// plain is RFC 4616 §2: authzid NUL authcid NUL password.
func (s *Server) plain(message []byte) ([]byte, bool, error) {
	part := bytes.Split(message, []byte{0})
	if len(part) != 3 || !utf8.Valid(message) {
		return nil, false, MalformedRequest
	}
	if err := s.claim(string(part[1]), string(part[0])); err != nil {
		return nil, false, err
	}
	v, known := s.verifier(SHA256)
	if right := v.verify(SHA256, string(part[2])); !right || !known {
		return nil, false, NotAuthorized
	}
	s.user = s.tried
	return nil, true, nil
}

// external is RFC 4422 Appendix A with XEP-0178 §2: the message is the
// authorization identity, which may be left out if there is but one.
func (s *Server) external(message []byte) ([]byte, bool, error) {
	authzid := string(message)
	user := s.cfg.Identities[0]
	if authzid != "" {
		local, _, _ := strings.Cut(authzid, "@")
		if err := s.claim(local, authzid); err != nil {
			return nil, false, InvalidAuthzid
		}
		user = s.tried
	} else if len(s.cfg.Identities) > 1 {
		return nil, false, InvalidAuthzid
	}
	s.tried = user
	if !slices.Contains(s.cfg.Identities, user) || s.cfg.Lookup == nil {
		return nil, false, NotAuthorized
	}
	if _, ok := s.cfg.Lookup(user); !ok {
		return nil, false, NotAuthorized
	}
	s.user = user
	return nil, true, nil
}

// claim notes who the client says it is. An authorization identity must be
// the same user's address (RFC 6120 §6.3.8).
func (s *Server) claim(name, authzid string) error {
	user, err := prepareUser(name)
	if err != nil {
		return MalformedRequest
	}
	s.tried = user
	if authzid == "" {
		return nil
	}
	local, domain, _ := strings.Cut(authzid, "@")
	if local, err = prepareUser(local); err != nil || local != user || !strings.EqualFold(domain, s.cfg.Domain) {
		return InvalidAuthzid
	}
	if s.cfg.From != "" && s.cfg.From != user {
		return InvalidAuthzid // XEP-0388 §4.4
	}
	return nil
}

// verifier is that of the user tried, or one made up. Both cost the same:
// one is always made up.
func (s *Server) verifier(h Hash) (v Verifier, known bool) {
	v = s.madeUp(h)
	if s.cfg.Lookup == nil {
		return v, false
	}
	a, _ := s.cfg.Lookup(s.tried)
	own := a.SHA256
	if h == SHA1 {
		own = a.SHA1
	}
	if own == nil {
		return v, false
	}
	return *own, true
}

func (s *Server) madeUp(h Hash) Verifier {
	draw := func(what string) []byte {
		return SHA256.hmac(s.cfg.Secret[:], what+string('0'+rune(h))+s.tried)
	}
	n := h.new().Size()
	return Verifier{s.cfg.Iterations, draw("salt")[:SaltSize], draw("stored")[:n], draw("server")[:n]}
}
