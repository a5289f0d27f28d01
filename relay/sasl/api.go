// Package sasl: skeleton, being filled in.
package sasl

// Failure is a SASL error condition of RFC 6120 §6.5.
type Failure string

const (
	Aborted              Failure = "aborted"
	AccountDisabled      Failure = "account-disabled"
	CredentialsExpired   Failure = "credentials-expired"
	EncryptionRequired   Failure = "encryption-required"
	IncorrectEncoding    Failure = "incorrect-encoding"
	InvalidAuthzid       Failure = "invalid-authzid"
	InvalidMechanism     Failure = "invalid-mechanism"
	MalformedRequest     Failure = "malformed-request"
	MechanismTooWeak     Failure = "mechanism-too-weak"
	NotAuthorized        Failure = "not-authorized"
	TemporaryAuthFailure Failure = "temporary-auth-failure"
)

func (f Failure) Error() string { return "sasl: " + string(f) }

// Hash is the hash function of a SCRAM mechanism.
type Hash uint8

const (
	SHA256 Hash = iota + 1
	SHA1
)

const (
	DefaultIterations = 10000
	SaltSize          = 16
)

// Verifier is what RFC 5802 §3 has a server store.
type Verifier struct {
	Iterations                 int
	Salt, StoredKey, ServerKey []byte
}

func Derive(h Hash, password string, salt []byte, iterations int) (Verifier, error) {
	return Verifier{}, TemporaryAuthFailure
}

type Account struct{ SHA256, SHA1 *Verifier }

// Config of one connection's Server; zero value refuses everybody.
type Config struct {
	Domain     string                            // for authzids: user@Domain
	Lookup     func(user string) (Account, bool) // user: prepared local part
	Secret     [32]byte                          // key of made-up salts, lasting
	Iterations int                               // of made-up users; 0: DefaultIterations
	Exporter   []byte                            // tls-exporter, nil: not to be had
	EndPoint   []byte                            // tls-server-end-point
	Plain      bool
	Identities []string // users the client's certificate proves (EXTERNAL)
}

type Server struct{}

func NewServer(c Config) *Server { return &Server{} }

// Mechanisms: strongest first, exactly what is to be advertised. Bindings: the types for XEP-0440.
func (s *Server) Mechanisms() []string { return nil }
func (s *Server) Bindings() []string   { return nil }

// Start begins (again); initial is nil when the client sent none (an empty one, "=", is not nil).
// done: the login succeeded, challenge is then the additional data of <success/> (may be empty).
func (s *Server) Start(mech string, initial []byte) (challenge []byte, done bool, err error) {
	return nil, false, TemporaryAuthFailure
}
func (s *Server) Step(response []byte) (challenge []byte, done bool, err error) {
	return nil, false, TemporaryAuthFailure
}

// Username is the local part that logged in, "" before; Tried the one claimed so far, for slowing guesses.
func (s *Server) Username() string { return "" }
func (s *Server) Tried() string    { return "" }

// ClientConfig: what the client knows and what the server advertised.
type ClientConfig struct {
	User, Password     string
	Authzid            string
	Exporter, EndPoint []byte
	Mechanisms         []string // as advertised
	Bindings           []string // as advertised, XEP-0440; nil: not advertised
	Only               string   // this mechanism and no other, if set
	Plain, External    bool     // allowed
}
type Client struct{}

func NewClient(c ClientConfig) (*Client, error)      { return nil, InvalidMechanism }
func (c *Client) Mechanism() string                  { return "" }
func (c *Client) Start() (initial []byte, err error) { return nil, TemporaryAuthFailure }
func (c *Client) Step(challenge []byte) (response []byte, err error) {
	return nil, TemporaryAuthFailure
}

// Finish checks the additional data of <success/>: the server's own proof.
func (c *Client) Finish(additional []byte) error { return TemporaryAuthFailure }
