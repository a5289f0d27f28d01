package federation

import (
	"strconv"

	"lethe/relay/wire"
)

// nsSM is stream management (XEP-0198). Links use its acknowledgements: what
// the peer did not say to have is answered when the link breaks. A link is not
// resumed; a new one is made.
const nsSM = "urn:xmpp:sm:3"

// enable turns acknowledgements on for a stream that we opened, before its
// first stanza. A peer that will not is no worse than one that cannot.
func (s *session) enable() error {
	if err := s.Send([]byte("<enable xmlns='" + nsSM + "'/>")); err != nil {
		return err
	}
	for {
		st, err := s.Next()
		if err != nil {
			return err
		}
		if string(st.NS()) != nsSM {
			// Over bidi the peer may speak at once.
			if err := s.take(st); err != nil {
				return err
			}
			continue
		}
		if string(st.Name()) == "enabled" {
			s.counting = true
			s.out.Track(&s.pass, nil)
		}
		return nil
	}
}

// acknowledge handles an element of stream management (XEP-0198 §3, §4).
func (s *session) acknowledge(st *wire.Stanza) error {
	switch string(st.Name()) {
	case "enable":
		if s.counting || s.proved.Load() == nil {
			s.out.OfferNonza(&s.pass, []byte("<failed xmlns='"+nsSM+"'><unexpected-request xmlns='"+wire.NSStanzaErrors+"'/></failed>"))
			return nil
		}
		s.counting = true
		s.out.Track(&s.pass, []byte("<enabled xmlns='"+nsSM+"'/>"))
	case "r":
		b := wire.AppendAttr([]byte("<a xmlns='"+nsSM+"'"), "h", strconv.FormatUint(uint64(s.taken), 10))
		s.out.OfferNonza(&s.pass, append(b, "/>"...))
	case "a":
		h, err := strconv.ParseUint(st.Node().Attr("h"), 10, 32)
		if err != nil || !s.out.Acknowledge(&s.pass, uint32(h)) {
			return wire.UndefinedCondition // XEP-0198 §4: handled-count-too-high
		}
	default:
		return wire.UnsupportedStanzaType
	}
	return nil
}
