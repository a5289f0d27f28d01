package federation

import (
	"encoding/base64"

	"lethe/federation/dial"
	"lethe/relay/wire"
)

const (
	nsSASL     = "urn:ietf:params:xml:ns:xmpp-sasl" // RFC 6120 §6
	nsDialback = "jabber:server:dialback"           // XEP-0220
	nsFeature  = "urn:xmpp:features:dialback"       // XEP-0220 §2.2
	nsBidi     = "urn:xmpp:bidi"                    // XEP-0288
	nsBidiFeat = "urn:xmpp:features:bidi"           // XEP-0288 §2.1
)

// introduce says to a peer that we have proved who we are: with our
// certificate (EXTERNAL), or by dialback where the peer knows nothing else.
func (s *session) introduce() error {
	h, err := dial.Open(s.Stream, s.local, s.remote)
	if err != nil {
		return err
	}
	features, err := s.features()
	if err != nil {
		return err
	}
	bidi := features.Child(nsBidiFeat, "bidi") != nil
	callable := features.Child(nsFeature, "dialback") != nil
	if bidi {
		// XEP-0288 §2.2: before authentication.
		if err := s.Send([]byte("<bidi xmlns='" + nsBidi + "'/>")); err != nil {
			return err
		}
	}
	switch {
	case offers(features, "EXTERNAL"):
		before := features
		if features, err = s.external(); err == errRefusedUs && callable {
			// XEP-0178 §3: some take from who calls only certificates that
			// are for clients, which authorities no longer issue.
			features, err = before, s.dialback(h.ID)
		}
	case callable:
		err = s.dialback(h.ID)
	default:
		err = errNoMechanism
	}
	if err == nil && bidi {
		s.prove(s.remote) // its certificate has
	}
	if err == nil && features.Child(nsSM, "sm") != nil {
		err = s.enable()
	}
	return err
}

// features waits for the peer's stream features.
func (s *session) features() (*wire.Node, error) {
	st, err := s.Next()
	if err != nil {
		return nil, err
	}
	if string(st.NS()) != wire.NSStream || string(st.Name()) != "features" {
		return nil, errEnded
	}
	return st.Node(), nil
}

func offers(features *wire.Node, mechanism string) bool {
	list := features.Child(nsSASL, "mechanisms")
	if list == nil {
		return false
	}
	for _, m := range list.Children {
		if m.Text == mechanism {
			return true
		}
	}
	return false
}

// external is SASL EXTERNAL with our domain as the identity (XEP-0178 §3),
// which ejabberd wants to be told and Prosody accepts. It returns the features
// of the stream that follows.
func (s *session) external() (after *wire.Node, err error) {
	identity := base64.StdEncoding.EncodeToString([]byte(s.local))
	err = s.Send([]byte("<auth xmlns='" + nsSASL + "' mechanism='EXTERNAL'>" + identity + "</auth>"))
	if err != nil {
		return nil, err
	}
	answer, err := s.Next()
	if err != nil {
		return nil, err
	}
	if string(answer.NS()) != nsSASL || string(answer.Name()) != "success" {
		return nil, errRefusedUs
	}
	s.Reader().Restart() // RFC 6120 §6.4.6
	if _, err := dial.Open(s.Stream, s.local, s.remote); err != nil {
		return nil, err
	}
	return s.features()
}
