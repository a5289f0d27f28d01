package c2s

import (
	"crypto/rand"
	"encoding/base32"

	"lethe/relay/wire"
)

const (
	nsBind2   = "urn:xmpp:bind:0"    // XEP-0386
	nsCarbons = "urn:xmpp:carbons:2" // XEP-0280
)

// maxTag bounds, in bytes, what a client calls itself in its resource, which is
// written into every stanza.
const maxTag = 64

// inlineBind offers Bind 2 and what it switches on (XEP-0386 §3.1).
const inlineBind = "<bind xmlns='" + nsBind2 + "'><inline>" +
	"<feature var='" + nsCarbons + "'/>" +
	"<feature var='" + nsState + "'/>" +
	"<feature var='" + nsSM + "'/>" +
	"</inline></bind>"

// bindInline binds a resource and switches on what the client asked for, before
// anything is sent to it (XEP-0386 §3.2). A resource that is refused is none:
// the client may bind one afterwards, and hears why not.
func (c *client) bindInline(n *wire.Node, agent string) (bound []byte, err error) {
	tag := ""
	if t := n.Child(nsBind2, "tag"); t != nil {
		tag = t.Text
	}
	refusal, err := c.occupy(c.resource(tag, agent))
	if err != nil || refusal != nil {
		return nil, err
	}
	b := []byte("<bound xmlns='" + nsBind2 + "'>")
	if n.Child(nsCarbons, "enable") != nil {
		c.seat.Carbons(true)
		b = append(b, "<enabled xmlns='"+nsCarbons+"'/>"...)
	}
	if n.Child(nsState, "inactive") != nil {
		c.seat.Active(&c.pass, false)
	}
	if e := n.Child(nsSM, "enable"); e != nil { // XEP-0198 §9.1
		c.out.Track(&c.pass, nil)
		b = append(b, c.enable(truth(e.Attr("resume")))...)
	}
	return append(b, "</bound>"...), nil
}

// resource makes a resource of the client's tag and of something nobody
// guesses, which is the same again for an installation that says which it is:
// so a new connection takes the place of its dead one (XEP-0386 §3.2.1). The
// relay's next start forgets it.
func (c *client) resource(tag, agent string) string {
	var id [10]byte
	if agent == "" {
		rand.Read(id[:])
	} else {
		sum := c.srv.tokens.sum("resource", c.user, agent)
		copy(id[:], sum[:])
	}
	name := base32.StdEncoding.EncodeToString(id[:])
	if tag == "" || len(tag) > maxTag {
		return name
	}
	if _, err := c.user.WithResource(tag + "/" + name); err != nil {
		return name
	}
	return tag + "/" + name
}
