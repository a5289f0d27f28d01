package rooms

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A handler answers the requests of one namespace to a room. What nobody handles
// is answered service-unavailable.
type handler struct {
	ns, name string
	get, set func(*visit, *wire.Node) *fault // nil: not handled
}

// roomHandlers is all a room answers. There is no archive to ask for, and no
// register: who belongs to a room is its owner's to say.
func roomHandlers() []handler {
	return []handler{
		{nsDiscoInfo, "query", (*visit).info, nil},
		{nsDiscoItems, "query", (*visit).items, nil},
		{nsPing, "ping", (*visit).pong, nil},
		{nsAdmin, "query", (*visit).adminGet, (*visit).adminSet},
		{nsOwner, "query", (*visit).ownerGet, (*visit).ownerSet},
		{nsRegister, "query", (*visit).register, (*visit).register},
	}
}

// iq handles a request to the room or to an occupant, or an answer.
func (v *visit) iq() *fault {
	if !wire.Answerable(v.st) {
		v.returned()
		return nil
	}
	children := v.st.Children()
	if len(children) != 1 {
		// RFC 6120 §8.2.3
		return &fault{wire.CondBadRequest, "A request has exactly one child element."}
	}
	if !v.to.IsBare() {
		return v.request(children[0])
	}
	for _, h := range v.room.server.handlers {
		if string(children[0].Name) != h.name || string(children[0].NS) != h.ns {
			continue
		}
		f := h.get
		if string(v.st.Type()) == "set" {
			f = h.set
		}
		if f != nil {
			return f(v, v.st.Node().Children[0])
		}
	}
	return &fault{wire.CondServiceUnavailable, "A room does not do this."}
}

// reply sends a result that contains payload, which may be empty.
func (v *visit) reply(payload []byte) {
	v.room.server.reply(v.pass, v.st, v.from, v.to, payload)
}

// reply answers a request in the name of to.
func (s *Server) reply(p *relay.Pass, request *wire.Stanza, from, to jid.JID, payload []byte) {
	b := open(nil, "iq", "type", "result", "id", string(request.ID()), "from", to.String(), "to", from.String())
	b = append(append(append(b, '>'), payload...), "</iq>"...)
	st, err := wire.ParseStanza(b, wire.NSClient)
	if err != nil {
		s.router.Answer(p, request, from, to, wire.CondResourceConstraint, "The answer would be too large.")
		return
	}
	s.router.Route(p, st, to, from)
}

func (v *visit) pong(*wire.Node) *fault {
	v.reply(nil)
	return nil
}

// register says that nobody registers (XEP-0045 §7.10).
func (v *visit) register(*wire.Node) *fault {
	return &fault{wire.CondServiceUnavailable, "Nobody registers with a room here. Ask an owner to make you a member."}
}

// request passes a request of one occupant on to another (XEP-0045 §17.4).
func (v *visit) request(child wire.Child) *fault {
	r := v.room
	if v.who == nil {
		return notInside() // XEP-0410 §3.3
	}
	if v.to == v.who.addr && string(child.NS) == nsPing {
		v.reply(nil) // XEP-0410 §3.3
		return nil
	}
	o := r.byAddr[v.to]
	if o == nil {
		return &fault{wire.CondItemNotFound, "Nobody in the room has this name."}
	}
	to := o.sessions[0]
	if string(child.NS) == nsVCard {
		to = o.user // whose account answers it
	}
	r.asked.add(entry{r.server.sum(v.who.addr, o.user, v.st.ID()), v.from, o.addr, 1})
	v.st.SetFrom(v.who.addr.String())
	v.st.SetTo(to.String())
	r.server.router.Route(v.pass, v.st, v.who.addr, to)
	return nil
}
