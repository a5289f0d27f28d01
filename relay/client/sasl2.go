package client

import (
	"encoding/base64"
	"errors"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

const nsSASL2 = "urn:xmpp:sasl:2"

// authenticate logs in and binds a resource in one exchange (XEP-0388,
// XEP-0386), as Config.Inline says.
func (c *Client) authenticate() error {
	features, err := c.open()
	if err != nil {
		return err
	}
	s, err := c.sasl(features, features.Child(nsSASL2, "authentication"))
	if err != nil {
		return err
	}
	c.mechanism = s.Mechanism()
	data, err := s.Start()
	request := "<authenticate xmlns='" + nsSASL2 + "' mechanism='" + s.Mechanism() + "'><initial-response>"
	for closing := "</initial-response>" + c.cfg.Inline + "</authenticate>"; ; closing = "</response>" {
		if err != nil {
			return err
		}
		answer, err2 := c.Ask(request + base64.StdEncoding.EncodeToString(data) + closing)
		if err2 != nil {
			return err2
		}
		switch answer.Name {
		case "challenge":
			if data, err = base64.StdEncoding.DecodeString(answer.Text); err == nil {
				data, err = s.Step(data)
			}
		case "success":
			return c.welcomed(answer, s.Finish)
		default:
			return failure(answer)
		}
		request = "<response xmlns='" + nsSASL2 + "'>"
	}
}

// welcomed reads what a success brings, and the features behind it.
func (c *Client) welcomed(success *wire.Node, finish func([]byte) error) error {
	var proof []byte
	if n := success.Child(nsSASL2, "additional-data"); n != nil {
		var err error
		if proof, err = base64.StdEncoding.DecodeString(n.Text); err != nil {
			return err
		}
	}
	if err := finish(proof); err != nil {
		return err
	}
	who := success.Child(nsSASL2, "authorization-identifier")
	if who == nil || success.Child("urn:xmpp:bind:0", "bound") == nil {
		return errors.New("client: no resource was bound")
	}
	var err error
	if c.jid, err = jid.Parse(who.Text); err != nil {
		return err
	}
	_, err = c.Next()
	return err
}
