// Package client is a small XMPP client: enough to hold a conversation with a
// relay in the demo and in tests, and to show in one sitting what a client
// does. It keeps no roster and no history.
//
// It logs in as a careful client would: TLS or nothing, the certificate
// verified, the strongest SCRAM mechanism with channel binding, the server's
// own proof checked.
package client

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"time"

	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/stream"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	nsTLS  = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind = "urn:ietf:params:xml:ns:xmpp-bind"
)

// Config says who logs in where. Address, User and Password are needed.
type Config struct {
	Address  string  // host:port
	User     jid.JID // bare; its domain is the name in the certificate
	Password string
	Resource string         // "" lets the server choose
	Inline   string         // if set, SASL2 is used, and this XML asks for a resource and more
	Roots    *x509.CertPool // nil: the system's
	Direct   bool           // TLS from the first byte (XEP-0368)
	Only     string         // this SASL mechanism and no other
	Timeout  time.Duration  // of each step; 0: 10 seconds
	// Dial opens the connection to Address; nil: over TCP. What it returns has to
	// be a socket.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client is one connection. It belongs to one goroutine.
type Client struct {
	stream    *stream.Stream
	cfg       Config
	jid       jid.JID
	mechanism string
	session   *session     // nil unless the stream is managed
	early     []*wire.Node // for Next to return first
}

// Failure is an answer that says no.
type Failure struct {
	Condition string // the name of the condition's element
}

func (f *Failure) Error() string { return "client: the server answered " + f.Condition }

// Dial connects, logs in and binds a resource.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c, err := Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Inline != "" {
		err = c.authenticate()
	} else if err = c.login(); err == nil {
		err = c.bind()
	}
	if err != nil {
		c.Cut()
		return nil, err
	}
	return c, nil
}

// Connect goes as far as TLS.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: cfg.Timeout}).DialContext
	}
	nc, err := cfg.Dial(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, stream: stream.New(nc, wire.NewReader(wire.Limits{Bytes: 16 << 20}), cfg.Timeout)}
	if err := c.secure(); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) secure() error {
	if !c.cfg.Direct {
		if _, err := c.open(); err != nil {
			return err
		}
		answer, err := c.Ask("<starttls xmlns='" + nsTLS + "'/>")
		if err != nil {
			return err
		}
		if answer.Name != "proceed" {
			return &Failure{answer.Name}
		}
		if c.stream.Reader().Buffered() > 0 {
			return errors.New("client: cleartext behind <proceed/>")
		}
	}
	conn, err := tls.Client(c.stream.Net(), c.cfg.Timeout, tls.ClientConfig{
		ServerName: c.cfg.User.Domain(), Roots: c.cfg.Roots, ALPN: c.alpn(), MinTLS12: true,
	})
	if err != nil {
		return err
	}
	c.stream.Secure(conn)
	return nil
}

func (c *Client) alpn() []string {
	if c.cfg.Direct {
		return []string{"xmpp-client"}
	}
	return nil
}

// open starts a stream and returns its features.
func (c *Client) open() (*wire.Node, error) {
	h := stream.AppendHeader(nil, wire.Header{NS: wire.NSClient, To: c.cfg.User.Domain()}, "")
	if err := c.Send(string(h)); err != nil {
		return nil, err
	}
	c.stream.Deadline(time.Now().Add(c.cfg.Timeout))
	if _, err := c.stream.Open(); err != nil {
		return nil, err
	}
	return c.Next()
}

func (c *Client) login() error {
	features, err := c.open()
	if err != nil {
		return err
	}
	s, err := c.sasl(features, features.Child(nsSASL, "mechanisms"))
	if err != nil {
		return err
	}
	c.mechanism = s.Mechanism()
	data, err := s.Start()
	request := "<auth xmlns='" + nsSASL + "' mechanism='" + s.Mechanism() + "'>"
	for closing := "</auth>"; ; closing = "</response>" {
		if err != nil {
			return err
		}
		answer, err2 := c.Ask(request + encode(data) + closing)
		if err2 != nil {
			return err2
		}
		given, err2 := base64.StdEncoding.DecodeString(answer.Text)
		if err2 != nil {
			return err2
		}
		switch answer.Name {
		case "challenge":
			data, err = s.Step(given)
		case "success":
			c.stream.Reader().Restart()
			return s.Finish(given)
		default:
			return failure(answer)
		}
		request = "<response xmlns='" + nsSASL + "'>"
	}
}

func encode(data []byte) string {
	if data != nil && len(data) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(data)
}

// sasl prepares a login by one of the mechanisms in offer, which may be nil.
func (c *Client) sasl(features, offer *wire.Node) (*sasl.Client, error) {
	cfg := sasl.ClientConfig{User: c.cfg.User.Local(), Password: c.cfg.Password, Only: c.cfg.Only, Plain: c.cfg.Only == "PLAIN"}
	cfg.Exporter, _ = c.stream.TLS().Exporter()
	cfg.EndPoint, _ = c.stream.TLS().EndPoint()
	cfg.TLSVersion = c.stream.TLS().Version()
	if offer != nil {
		for _, n := range offer.Children {
			if n.Name == "mechanism" {
				cfg.Mechanisms = append(cfg.Mechanisms, n.Text)
			}
		}
	}
	if b := features.Child("urn:xmpp:sasl-cb:0", "sasl-channel-binding"); b != nil {
		for _, binding := range b.Children {
			cfg.Bindings = append(cfg.Bindings, binding.Attr("type"))
		}
	}
	return sasl.NewClient(cfg)
}

func (c *Client) bind() error {
	if _, err := c.open(); err != nil {
		return err
	}
	resource := ""
	if c.cfg.Resource != "" {
		resource = string(wire.AppendText([]byte("<resource>"), c.cfg.Resource)) + "</resource>"
	}
	answer, err := c.Ask("<iq type='set' id='bind'><bind xmlns='" + nsBind + "'>" + resource + "</bind></iq>")
	if err != nil {
		return err
	}
	if answer.Attr("type") != "result" {
		return failure(answer)
	}
	if b := answer.Child(nsBind, "bind"); b != nil && b.Child(nsBind, "jid") != nil {
		c.jid, err = jid.Parse(b.Child(nsBind, "jid").Text)
		return err
	}
	return errors.New("client: no address in the answer to bind")
}

// failure is the condition that an answer names.
func failure(n *wire.Node) error {
	if e := n.Child(wire.NSClient, "error"); e != nil {
		n = e
	}
	for _, child := range n.Children {
		if child.Name != "text" {
			return &Failure{child.Name}
		}
	}
	return &Failure{n.Name}
}

// JID is the address the server bound.
func (c *Client) JID() jid.JID { return c.jid }

// Mechanism is the SASL mechanism that was used.
func (c *Client) Mechanism() string { return c.mechanism }

// Send writes bytes as they are.
func (c *Client) Send(xml string) error { return c.SendAll(xml) }

// Ask sends and waits for the next element.
func (c *Client) Ask(xml string) (*wire.Node, error) {
	if err := c.Send(xml); err != nil {
		return nil, err
	}
	return c.Next()
}

// Next waits for the next element. A stream error comes as a [Failure], the
// end of the stream as io.EOF.
func (c *Client) Next() (*wire.Node, error) {
	if len(c.early) > 0 {
		n := c.early[0]
		c.early = c.early[1:]
		return n, nil
	}
	s, err := c.next()
	if err != nil {
		return nil, err
	}
	return c.node(s)
}

// NextRaw is Next for those who care for the very bytes.
func (c *Client) NextRaw() (string, error) {
	s, err := c.next()
	if err != nil {
		return "", err
	}
	if _, err := c.node(s); err != nil {
		return "", err
	}
	return string(s.Raw()), nil
}

func (c *Client) node(s *wire.Stanza) (*wire.Node, error) {
	n := s.Node()
	if n.NS == wire.NSStream && n.Name == "error" {
		return nil, failure(n)
	}
	if c.session != nil {
		return n, c.manage(n)
	}
	return n, nil
}

func (c *Client) next() (*wire.Stanza, error) {
	c.stream.Deadline(time.Now().Add(c.cfg.Timeout))
	return c.stream.Next()
}

// Until skips elements up to the first for which want is true.
func (c *Client) Until(want func(*wire.Node) bool) (*wire.Node, error) {
	for range 10000 {
		n, err := c.Next()
		if err != nil || want(n) {
			return n, err
		}
	}
	return nil, errors.New("client: the awaited element did not come")
}

// Online sends initial presence and waits until the server has taken it.
func (c *Client) Online() error {
	if err := c.Send("<presence/>"); err != nil {
		return err
	}
	return c.Ping()
}

// Ping asks the server for a sign of life (XEP-0199): what was sent before
// has been handled when the answer comes. What arrives meanwhile is skipped.
func (c *Client) Ping() error {
	id := fmt.Sprintf("ping-%d", time.Now().UnixNano())
	if err := c.Send("<iq type='get' id='" + id + "' to='" + c.cfg.User.Domain() + "'><ping xmlns='urn:xmpp:ping'/></iq>"); err != nil {
		return err
	}
	_, err := c.Until(func(n *wire.Node) bool { return n.Name == "iq" && n.Attr("id") == id })
	return err
}

// Say sends a chat message with a body.
func (c *Client) Say(to, id, body string) error {
	b := wire.AppendAttr([]byte("<message type='chat'"), "to", to)
	b = wire.AppendAttr(b, "id", id)
	b = wire.AppendText(append(b, "><body>"...), body)
	return c.Send(string(b) + "</body></message>")
}

// Close ends the stream and the connection in order.
func (c *Client) Close() {
	c.Send("</stream:stream>")
	c.stream.Reader().Close()
	c.stream.Close()
}

// Cut ends the connection without a word.
func (c *Client) Cut() { c.stream.Net().Close() }

// Encrypted reports the TLS version in words, "" in cleartext.
func (c *Client) Encrypted() string {
	conn := c.stream.TLS()
	if conn == nil {
		return ""
	}
	return fmt.Sprint("TLS 1.", conn.Version()-0x0301) // RFC 8446 §4.1.2: 0x0304 is TLS 1.3
}
