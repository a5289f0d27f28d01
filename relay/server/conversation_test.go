package server_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/relay/client"
	"lethe/relay/wire"
)

// TestConversations plays the scripts of testdata/conversations against a
// relay. testdata/conversations/README explains how to write one.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("../../testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations found", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			play(t, file)
		})
	}
}

// player is one script at work.
type player struct {
	*lab
	file    string
	line    int
	clients map[string]*client.Client
	last    map[string]string // id of what each got last
}

func play(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := &player{file: file, clients: map[string]*client.Client{}, last: map[string]string{}}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		p.line++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(text, " ")
		if word == "users" {
			p.lab = newLab(t, limits(), strings.Fields(rest)...)
			continue
		}
		p.step(word, rest)
	}
	if p.line == 0 || p.lab == nil {
		t.Fatalf("%s is empty", file)
	}
}

func (p *player) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s:%d: %s", filepath.Base(p.file), p.line, fmt.Sprintf(format, args...))
}

// step is one line: WHO VERB ...
func (p *player) step(who, rest string) {
	p.t.Helper()
	verb, xml, _ := strings.Cut(rest, " ")
	c := p.clients[who]
	if c == nil && verb != "connects" {
		p.fail("%s is not connected", who)
	}
	switch verb {
	case "connects":
		address, _, _ := strings.Cut(who, "#")
		p.clients[who] = p.connect(address)
	case "sends":
		p.must(c.Send(strings.ReplaceAll(xml, "{id}", p.last[who])))
	case "gets":
		p.gets(who, c, xml)
	case "gets-nothing":
		p.nothing(who, c)
	case "is-ended":
		if _, err := c.Until(func(*wire.Node) bool { return false }); condition(err) != xml {
			p.fail("the stream of %s ends with %v, want %s", who, err, xml)
		}
	case "leaves":
		c.Close()
	case "is-cut":
		c.Cut()
	default:
		p.fail("unknown verb %q", verb)
	}
}

func (p *player) gets(who string, c *client.Client, xml string) {
	p.t.Helper()
	s, err := wire.ParseStanza([]byte(xml), wire.NSClient)
	if err != nil {
		p.fail("the expected stanza: %v", err)
	}
	want := s.Node()
	got, err := c.Next()
	if err != nil {
		p.fail("%s gets %v, not %s", who, err, xml)
	}
	p.last[who] = got.Attr("id")
	if why := differ(want, got); why != "" {
		p.fail("%s gets %s\nwant %s\n%s", who, show(got), xml, why)
	}
}

// nothing asks for a sign of life and demands that nothing comes before it.
func (p *player) nothing(who string, c *client.Client) {
	p.t.Helper()
	got, err := c.Ask("<iq type='get' id='nothing' to='" + domain + "'><ping xmlns='urn:xmpp:ping'/></iq>")
	p.must(err)
	if got.Attr("id") != "nothing" {
		p.fail("%s gets %s", who, show(got))
	}
}

// differ says in what way got lacks what is wanted: attributes that are named
// must be there with that value ({any} is any value, {none} none), children
// must be there in order; more of both is allowed.
func differ(want, got *wire.Node) string {
	if want.Name != got.Name || want.NS != got.NS {
		return fmt.Sprintf("element %s, want %s", got.Name, want.Name)
	}
	for _, a := range want.Attrs {
		has := got.Attr(a.Name)
		switch {
		case a.NS != "":
		case a.Value == "{none}" && has == "", a.Value == "{any}" && has != "":
		case a.Value != has:
			return fmt.Sprintf("%s has %s=%q, want %q", got.Name, a.Name, has, a.Value)
		}
	}
	if text := strings.TrimSpace(want.Text); text != "" && text != "{any}" && text != got.Text {
		return fmt.Sprintf("%s says %q, want %q", got.Name, got.Text, text)
	}
	rest := got.Children
	for _, child := range want.Children {
		why := child.Name + " is missing"
		for len(rest) > 0 && why != "" {
			if d := differ(child, rest[0]); d == "" {
				why = ""
			} else if rest[0].Name == child.Name {
				why = d
			}
			rest = rest[1:]
		}
		if why != "" {
			return why
		}
	}
	return ""
}

func show(n *wire.Node) string {
	var b strings.Builder
	b.WriteString("<" + n.Name + " xmlns='" + n.NS + "'")
	for _, a := range n.Attrs {
		fmt.Fprintf(&b, " %s='%s'", a.Name, a.Value)
	}
	b.WriteString(">" + n.Text)
	for _, c := range n.Children {
		b.WriteString(show(c))
	}
	return b.String() + "</" + n.Name + ">"
}
