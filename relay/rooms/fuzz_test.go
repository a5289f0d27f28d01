package rooms_test

import (
	"slices"
	"strings"
	"testing"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// FuzzDeliver sends stanzas, one a line, "WHO XML", to two rooms and their host.
// Whatever they are, what the rooms send is well-formed, every request is
// answered once and everybody is gone at the end.
func FuzzDeliver(f *testing.F) {
	f.Add("alice/x " + form(tea, "muc#roomconfig_membersonly=1", "muc#maxhistoryfetch=3"))
	f.Add("bob/x <message type='groupchat' id='1' to='" + tea + "'><body>b</body><stanza-id xmlns='urn:xmpp:sid:0' by='" + tea + "'/></message>\n" +
		"alice/x <iq type='set' id='1' to='" + tea + "'><query xmlns='" + nsX + "#admin'><item nick='bob' role='none'><reason>r</reason></item></query></iq>")
	f.Add("alice/x <iq type='get' id='1' to='" + tea + "'><query xmlns='" + nsX + "#owner'/></iq>\n" +
		"alice/x <iq type='set' id='1' to='" + tea + "'><query xmlns='" + nsX + "#owner'><destroy jid='a@b'><reason>r</reason></destroy></query></iq>")
	f.Add("bob/x <message to='" + tea + "'><x xmlns='" + nsX + "#user'><invite to='carol@example.org'><reason>r</reason><continue thread='t'/></invite></x></message>\n" +
		"carol/x <message to='" + tea + "'><x xmlns='" + nsX + "#user'><decline to='" + tea + "/bob'/></x></message>")
	f.Add("bob/y <presence to='" + tea + "/bob'><x xmlns='" + nsX + "'><history since='2026-01-01T00:00:00Z'/></x></presence>\n" +
		"bob/x <presence to='" + tea + "/bert'/>\nbob/y <presence to='" + tea + "/bob' type='unavailable'/>")
	f.Add("alice/x <message type='chat' id='p' to='" + tea + "/bob'><body>p</body></message>\n" +
		"bob/x <message type='error' id='p' to='" + tea + "/alice'><error><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
	f.Fuzz(func(t *testing.T, script string) {
		l := newLab(t)
		l.open([]string{"muc#maxhistoryfetch=5"}, "bob/x")
		l.join("board@"+host, "alice/x")
		inside := []string{"alice/x", "bob/x", "bob/y", "carol/x"}
		for line := range strings.SplitSeq(script, "\n") {
			who, xml, _ := strings.Cut(line, " ")
			if slices.Contains(inside, who) {
				l.try(who, xml)
			}
		}
		for _, who := range inside {
			for _, room := range []string{tea, "board@" + host} {
				l.try(who, "<presence type='unavailable' to='"+room+"/x'/>")
			}
		}
		l.forget()
		l.size(0, 0)
	})
}

// try sends what may be no stanza, or not to the rooms.
func (l *lab) try(who, xml string) {
	st, err := wire.ParseStanza([]byte(xml), wire.NSClient)
	if err != nil || st.Kind == wire.Nonza {
		return
	}
	to, err := jid.ParseBytes(st.To())
	if err != nil || to.Domain() != host || to.Local() != "tea" && to.Local() != "board" && to.Local() != "" {
		return
	}
	from := address(l.t, who)
	st.SetFrom(from.String())
	request := st.Kind == wire.IQ && wire.Answerable(st) && (to.IsBare() || l.byItself(st))
	id := string(st.ID())
	l.forget()
	var p relay.Pass
	l.router.Route(&p, st, from, to)
	answers := 0
	for _, all := range l.got {
		for _, s := range all {
			got, err := wire.ParseStanza([]byte(s), wire.NSClient)
			if err != nil {
				l.t.Fatalf("the room sends %s: %v", s, err)
			}
			if got.Kind == wire.IQ && !wire.Answerable(got) && string(got.ID()) == id {
				answers++
			}
		}
	}
	if request && answers != 1 {
		l.t.Errorf("%d answers to %s", answers, xml)
	}
}

// byItself reports whether a request to an occupant is the room's to answer: it
// is not if it can be passed on.
func (l *lab) byItself(st *wire.Stanza) bool { return len(st.Children()) != 1 }
