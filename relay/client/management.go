package client

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"lethe/relay/wire"
)

const nsManagement = "urn:xmpp:sm:3"

// A session is a managed stream (XEP-0198): what of it outlives the connection.
type session struct {
	id       string // names it when it is resumed; "" if it cannot be
	received uint32 // stanzas that Next has returned
	heard    uint32 // stanzas of ours that the server has
	unheard  []string
}

// Manage turns stream management on (XEP-0198 §3); resumable asks that the
// stream can outlive its connection. From then on each string given to Send or
// SendAll must be one whole element. What the server had sent before it agreed
// is returned by Next as usual.
func (c *Client) Manage(resumable bool) error {
	request := "<enable xmlns='" + nsManagement + "'/>"
	if resumable {
		request = "<enable xmlns='" + nsManagement + "' resume='true'/>"
	}
	if err := c.Send(request); err != nil {
		return err
	}
	var early []*wire.Node
	answer, err := c.Until(func(n *wire.Node) bool {
		if n.NS == nsManagement {
			return true
		}
		early = append(early, n)
		return false
	})
	c.early = early
	switch {
	case err != nil:
		return err
	case answer.Name != "enabled":
		return failure(answer)
	}
	c.session = &session{}
	if resume := answer.Attr("resume"); resume == "true" || resume == "1" {
		c.session.id = answer.Attr("id")
	}
	return nil
}

// Resume connects, logs in and takes up the managed stream of c, whose
// connection broke or is about to (XEP-0198 §5). It returns the client on the
// new connection; c must not be used afterwards. If the server has forgotten
// the stream the error is a [Failure] and c has learnt from it what had
// arrived, if the server still knew.
func (c *Client) Resume(ctx context.Context) (*Client, error) {
	if c.session == nil || c.session.id == "" {
		return nil, errors.New("client: this stream cannot be resumed")
	}
	n, err := Connect(ctx, c.cfg)
	if err != nil {
		return nil, err
	}
	if err := n.resume(c); err != nil {
		n.Cut()
		return nil, err
	}
	return n, nil
}

func (c *Client) resume(old *Client) error {
	if err := c.login(); err != nil {
		return err
	}
	if _, err := c.open(); err != nil {
		return err
	}
	s := old.session
	b := wire.AppendAttr([]byte("<resume xmlns='"+nsManagement+"'"), "previd", s.id)
	b = wire.AppendAttr(b, "h", strconv.FormatUint(uint64(s.received), 10))
	answer, err := c.Ask(string(b) + "/>")
	if err != nil {
		return err
	}
	if err := s.hear(answer); err != nil {
		return err
	}
	if answer.Name != "resumed" {
		return failure(answer)
	}
	c.session, c.jid = s, old.jid
	again := s.unheard
	s.unheard = nil
	return c.SendAll(again...)
}

// SendAll sends elements in one write.
func (c *Client) SendAll(elements ...string) error {
	if c.session != nil {
		for _, e := range elements {
			if isStanza(e) {
				c.session.unheard = append(c.session.unheard, e)
			}
		}
	}
	return c.stream.Send([]byte(strings.Join(elements, "")))
}

func isStanza(xml string) bool {
	return strings.HasPrefix(xml, "<message") || strings.HasPrefix(xml, "<presence") || strings.HasPrefix(xml, "<iq")
}

// Acknowledge tells the server what Next has returned (XEP-0198 §4) and says
// how many stanzas that were. If ask is true it requests the same of the
// server, whose answer Next returns.
func (c *Client) Acknowledge(ask bool) (received uint32, err error) {
	a := "<a xmlns='" + nsManagement + "' h='" + strconv.FormatUint(uint64(c.session.received), 10) + "'/>"
	if ask {
		a += "<r xmlns='" + nsManagement + "'/>"
	}
	return c.session.received, c.stream.Send([]byte(a))
}

// Received is how many stanzas of a managed stream Next has returned.
func (c *Client) Received() uint32 { return c.session.received }

// Unheard returns the stanzas sent on a managed stream that the server has not
// said it has.
func (c *Client) Unheard() []string { return c.session.unheard }

// manage keeps count of what comes in and answers requests (XEP-0198 §4).
func (c *Client) manage(n *wire.Node) error {
	switch {
	case n.NS == wire.NSClient:
		c.session.received++
	case n.NS == nsManagement && n.Name == "r":
		_, err := c.Acknowledge(false)
		return err
	case n.NS == nsManagement:
		return c.session.hear(n)
	}
	return nil
}

// hear takes the server's count, in whatever element has one.
func (s *session) hear(n *wire.Node) error {
	if n.Attr("h") == "" {
		return nil
	}
	h, err := strconv.ParseUint(n.Attr("h"), 10, 32)
	if err != nil || uint32(h)-s.heard > uint32(len(s.unheard)) {
		return errors.New("client: the server counts stanzas that were not sent")
	}
	s.unheard = s.unheard[uint32(h)-s.heard:]
	s.heard = uint32(h)
	return nil
}
