package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestOTRStaysWithItsResource: only one resource can read it (RFC 6121
// §8.5.3.2.1 leaves the choice).
func TestOTRStaysWithItsResource(t *testing.T) {
	for _, tt := range []struct {
		body      string
		delivered bool
	}{
		{"<body>?OTR:AAMC</body>", false},
		{"<body><![CDATA[?OTR:AAMC]]></body>", false},
		{"<body>&#63;OTR:AAMC</body>", false},
		{"<body>?OTRv23?</body>", false},
		{"<body>&#x3f;&#79;TR:AAMC</body>", false},
		{"<body>?<![CDATA[OTR]]>:AAMC</body>", false},
		{"<body>hi</body><body xml:lang='de'>?OTR:AAMC</body>", false},
		{strings.Repeat("<a xmlns='u'/>", 16) + "<body>x</body>", false}, // too far behind to tell
		{"<body>hi \t  \t\t\t\t \t \t \t  \t\t  \t </body>", false},
		{"<body>it&#39;s \t  \t\t\t\t \t \t \t  </body>", false},
		{"<body>hi &#9;  &#9;&#x9;\t\t<![CDATA[ \t]]> \t \t  </body>", false},
		{"<body>it&#39;s \t me &amp; \t  \t\t\t\t you</body>", true},
		{"<body>what is ?OTR</body>", true},
		{"<body>?OT</body>", true},
		{"<body>?</body>", true},
		{"<body/>", true},
		{"<composing xmlns='http://jabber.org/protocol/chatstates'/>", true},
	} {
		l := newLab(t)
		erin, bob := l.online("erin@example.org/x"), l.online("bob@example.org/desk")
		erin.send("<message id='1' type='chat' to='bob@example.org/gone'>" + tt.body + "</message>")
		if delivered := len(bob.got()) == 1; delivered != tt.delivered {
			t.Errorf("%s: delivered %v", tt.body, delivered)
		}
		if answered := len(erin.got()) == 1; answered == tt.delivered {
			t.Errorf("%s: answered %v", tt.body, answered)
		}
		// To the account it goes to the most available resource: that is
		// how such a conversation begins.
		erin.send("<message type='chat' to='bob@example.org'>" + tt.body + "</message>")
		if len(bob.got()) != 1 {
			t.Errorf("%s: not delivered to the account", tt.body)
		}
	}
}

const (
	fromAnn = "<message id='1' type='chat' from='ann@away.example/x' to='bob@example.org%s'>%s</message>"
	toAnn   = "<message id='1' type='chat' to='ann@away.example%s'>%s</message>"

	ask    = "<body>?OTRv23?</body>"
	secret = "<body>?OTR:AAMDabc.</body>"
	offer  = "<body>hi \t  \t\t\t\t \t \t \t  </body>"
	typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
)

// An otrStep is what somebody says, and who of bob's gets it; * is ann, who is
// elsewhere, and ! an answer to her.
type otrStep struct{ who, to, content, want string }

// TestOTRConversations: RFC 6121 §8.5.2.1.1, §8.5.3.2.1 leave room for it.
func TestOTRConversations(t *testing.T) {
	for _, tt := range []struct {
		what  string
		steps []otrStep
	}{
		{"nothing of it is copied", []otrStep{
			{"ann", "/tv", body, "desk< phone< tv"},
			{"ann", "/tv", ask, "tv"},
			{"ann", "/tv", secret, "tv"},
			{"tv", "/x", secret, "*"},
			{"tv", "/x", body, "*"},
			{"ann", "/tv", body, "tv"},
			{"ann", "/tv", typing, "tv"},
			{"tv", "", typing, "*"},
			// Others are in no conversation.
			{"desk", "/x", body, "* phone> tv>"},
			{"ann", "/phone", body, "desk< phone tv<"},
		}},
		{"whoever begins", []otrStep{
			{"tv", "", ask, "*"},
			{"ann", "/tv", body, "tv"},
		}},
		{"to the account it is for who is in it", []otrStep{
			{"tv", "", ask, "*"},
			{"ann", "", secret, "tv"},
			{"desk", "", ask, "*"},
			{"ann", "", secret, "desk"},
			{"ann", "", ask, "desk"},
			{"tv", "", secret, "*"},
			{"ann", "", secret, "tv"},
			{"ann", "", body, "desk phone tv<"},
		}},
		{"to the account it begins with who spoke last", []otrStep{
			{"ann", "", ask, "desk"},
		}},
		{"with another who spoke last", []otrStep{
			{"desk", "", body, "* phone> tv>"},
			{"phone", "", body, "* desk> tv>"},
			{"tv", "", body, "* desk> phone>"},
			{"desk", "", typing, "* phone> tv>"},
			{"ann", "", ask, "phone"},
			{"ann", "", secret, "phone"},
		}},
		{"who is gone has nobody read it", []otrStep{
			{"phone", "", secret, "*"},
			{"phone", "leaves", "", ""},
			{"ann", "/phone", secret, "!"},
			{"ann", "/phone", body, "!"},
			{"ann", "/phone", typing, ""},
			{"ann", "", secret, "!"},
			{"ann", "", body, "desk tv<"},
			{"ann", "", offer, "desk"},
			{"ann", "", secret, "desk"},
		}},
		{"who is gone and was in none", []otrStep{
			{"phone", "", body, "* desk> tv>"},
			{"phone", "leaves", "", ""},
			{"ann", "/phone", body, "desk tv<"},
			{"ann", "/phone", offer, "!"},
		}},
		{"it ends", []otrStep{
			{"ann", "/tv", secret, "tv"},
			{"", "59m", "", ""},
			{"ann", "/tv", body, "tv"},
			{"", "1m", "", ""},
			{"ann", "/tv", body, "desk< phone< tv"},
			{"ann", "", secret, "tv"},
		}},
		{"an offer is not copied, and taken up where it was made", []otrStep{
			{"ann", "", offer, "desk"},
			{"tv", "", offer, "*"},
			{"tv", "", body, "* desk> phone>"},
			{"ann", "", "<body>?OTR:AAMC</body>", "tv"},
			{"tv", "", body, "*"},
		}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			l := newLab(t)
			all := l.household("bob@example.org", "desk:1+ phone:1+ tv:0+")
			for _, step := range tt.steps {
				if got := l.otr(all, step); got != step.want {
					t.Fatalf("%v: got %q", step, got)
				}
			}
		})
	}
}

// otr has a step taken and returns who got what.
func (l *lab) otr(all map[string]*client, step otrStep) string {
	l.t.Helper()
	switch {
	case step.who == "":
		d, err := time.ParseDuration(step.to)
		if err != nil {
			l.t.Fatal(err)
		}
		l.clock = l.clock.Add(d)
	case step.to == "leaves":
		all[step.who].leave()
		delete(all, step.who)
		tally(all)
		l.away()
	case step.who == "ann":
		l.inject(fmt.Sprintf(fromAnn, step.to, step.content))
	default:
		all[step.who].send(fmt.Sprintf(toAnn, step.to, step.content))
	}
	var got []string
	for _, st := range l.away() {
		if strings.Contains(st, "type='error'") {
			got = append(got, "!")
		} else {
			got = append(got, "*")
		}
	}
	return strings.Join(append(got, strings.Fields(tally(all))...), " ")
}

// TestOTRConversationsAreBounded: with too many the oldest is forgotten.
func TestOTRConversationsAreBounded(t *testing.T) {
	l := newLab(t)
	all := l.household("bob@example.org", "desk:1+ tv:0+")
	peer := func(i int) string {
		return fmt.Sprintf("<message type='chat' from='p%d@away.example/x' to='bob@example.org/tv'>", i)
	}
	for i := range 33 {
		l.inject(peer(i) + secret + "</message>")
	}
	tally(all)
	for i, want := range map[int]string{0: "desk< tv", 1: "tv", 32: "tv"} {
		l.inject(peer(i) + body + "</message>")
		if got := tally(all); got != want {
			t.Errorf("peer %d: got %q, want %q", i, got, want)
		}
	}
}
