package sasl

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
)

// What a Client finds wrong with a server.
var (
	ErrNoMechanism = errors.New("sasl: the server offers no mechanism we would use")
	ErrDowngrade   = errors.New("sasl: the server says of this connection what we do not see") // XEP-0474, XEP-0515
	ErrServer      = errors.New("sasl: the server does not know the password")
	ErrOutOfStep   = errors.New("sasl: the server sent a message out of step")
)

// ClientConfig is who logs in and what the server advertised.
type ClientConfig struct {
	User, Password string
	Authzid        string // an address to act as, "" for one's own

	// Exporter and EndPoint are the connection's channel bindings
	// tls-exporter and tls-server-end-point, nil if it has them not.
	Exporter, EndPoint []byte
	TLSVersion         uint16 // of the connection, as on the wire; 0: not compared

	Mechanisms []string // as advertised
	Bindings   []string // as advertised (XEP-0440), nil if they were not

	Only     string // if set, the one mechanism to use
	Plain    bool   // PLAIN will do
	External bool   // we showed a certificate; EXTERNAL is preferred
}

// Client is the client's side of a login, used by one goroutine and once.
type Client struct {
	cfg   ClientConfig
	mech  string
	scram scramMechanism
	state clientState

	header     string // gs2-header
	channel    []byte
	bare       string // client-first-message-bare
	nonce      string
	serverKey  []byte
	transcript string
}

type clientState uint8

const (
	clientNew clientState = iota
	clientSaidFirst
	clientSaidFinal
	clientDone    // nothing more is to come
	clientRefused // nothing more may come
)

// NewClient chooses the strongest mechanism that both sides have, or fails
// with ErrNoMechanism.
func NewClient(c ClientConfig) (*Client, error) {
	cl := &Client{cfg: c}
	binding, data := cl.chooseBinding()
	for _, name := range cl.preferred(binding != "") {
		if (c.Only == "" || c.Only == name) && slices.Contains(c.Mechanisms, name) {
			cl.mech = name
			break
		}
	}
	if cl.mech == "" {
		return nil, ErrNoMechanism
	}
	cl.scram, _ = scramNamed(cl.mech)
	flag := "n"
	switch {
	case cl.scram.plus:
		flag, cl.channel = "p="+binding, data
	case (c.Exporter != nil || c.EndPoint != nil) && len(c.Bindings) == 0 && !slices.ContainsFunc(c.Mechanisms, isPlus):
		flag = "y" // RFC 5802 §6
	}
	cl.header = flag + ","
	if c.Authzid != "" {
		cl.header += "a=" + escape(c.Authzid)
	}
	cl.header += ","
	return cl, nil
}

func isPlus(mech string) bool { return strings.HasSuffix(mech, "-PLUS") }

func (c *Client) preferred(bound bool) []string {
	var list []string
	if c.cfg.External {
		list = append(list, external)
	}
	for _, m := range scramMechanisms() {
		if bound || !m.plus {
			list = append(list, m.name)
		}
	}
	if c.cfg.Plain {
		list = append(list, plain)
	}
	return list
}

// chooseBinding is the best type that both have. A server that does not say
// is taken to have it.
func (c *Client) chooseBinding() (name string, data []byte) {
	offered := func(name string) bool {
		return c.cfg.Bindings == nil || slices.Contains(c.cfg.Bindings, name)
	}
	switch {
	case c.cfg.Exporter != nil && offered(TLSExporter):
		return TLSExporter, c.cfg.Exporter
	case c.cfg.EndPoint != nil && offered(TLSServerEndPoint):
		return TLSServerEndPoint, c.cfg.EndPoint
	}
	return "", nil
}

// Mechanism is the one chosen.
func (c *Client) Mechanism() string { return c.mech }

// Start returns the initial response, which is empty but there ("=") where
// EXTERNAL has nothing to say.
func (c *Client) Start() (initial []byte, err error) {
	if c.state != clientNew {
		return nil, ErrOutOfStep
	}
	c.state = clientDone
	switch c.mech {
	case external:
		return []byte(c.cfg.Authzid), nil
	case plain:
		if strings.Contains(c.cfg.Authzid+c.cfg.User+c.cfg.Password, "\x00") {
			return nil, errUser
		}
		return []byte(c.cfg.Authzid + "\x00" + c.cfg.User + "\x00" + c.cfg.Password), nil
	}
	c.state = clientSaidFirst
	if c.nonce == "" {
		c.nonce = rand.Text()
	}
	if c.cfg.User == "" {
		return nil, errUser
	}
	c.bare = "n=" + escape(c.cfg.User) + ",r=" + c.nonce
	return []byte(c.header + c.bare), nil
}

// Step answers a challenge. The server's proof may come as one: then the
// answer is empty and Finish gets nothing.
func (c *Client) Step(challenge []byte) (response []byte, err error) {
	switch c.state {
	case clientSaidFirst:
		return c.final(string(challenge))
	case clientSaidFinal:
		return []byte{}, c.Finish(challenge)
	}
	return nil, ErrOutOfStep
}

// final answers the server-first-message with the client-final-message.
func (c *Client) final(challenge string) ([]byte, error) {
	c.state = clientRefused
	m, err := parseServerFirst(challenge)
	if err != nil {
		return nil, err
	}
	if len(challenge) > maxMessage || len(m.nonce) <= len(c.nonce) || !strings.HasPrefix(m.nonce, c.nonce) {
		return nil, ErrOutOfStep
	}
	// XEP-0474 §6.2
	if m.list != "" && m.list != advertised(c.scram.hash, c.cfg.Mechanisms, c.cfg.Bindings) {
		return nil, ErrDowngrade
	}
	// XEP-0515 §4.2
	if own := version(c.cfg.TLSVersion); m.version != "" && own != "" && m.version != own {
		return nil, ErrDowngrade
	}
	clientKey, serverKey, err := keys(c.scram.hash, c.cfg.Password, m.salt, m.iterations)
	if err != nil {
		return nil, err
	}
	defer clear(clientKey)
	bare := "c=" + encode(append([]byte(c.header), c.channel...)) + ",r=" + m.nonce
	c.transcript = c.bare + "," + challenge + "," + bare
	proof := c.scram.hash.hmac(c.scram.hash.sum(clientKey), c.transcript)
	subtle.XORBytes(proof, proof, clientKey)
	c.serverKey, c.state = serverKey, clientSaidFinal
	return []byte(bare + ",p=" + encode(proof)), nil
}

// Finish takes what came with success and checks the server's proof: it fails
// with ErrServer if that is wrong or missing. A login that Finish did not
// accept is none.
func (c *Client) Finish(additional []byte) error {
	if c.state == clientDone && len(additional) == 0 {
		return nil // PLAIN, EXTERNAL, or Step has seen the proof
	}
	state := c.state
	c.state = clientRefused
	if state != clientSaidFinal {
		return ErrOutOfStep
	}
	signature, err := parseServerFinal(string(additional))
	if err != nil {
		return err
	}
	right := hmac.Equal(signature, c.scram.hash.hmac(c.serverKey, c.transcript))
	clear(c.serverKey)
	if !right {
		return ErrServer
	}
	c.state = clientDone
	return nil
}
