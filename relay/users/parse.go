package users

import (
	"iter"
	"strings"

	"lethe/relay/jid"
)

// header is the first line of every file.
const header = "lethe-users 1"

// Parse reads a file without asking who signed it. The error is an [*Error].
func Parse(text []byte) (*Set, error) {
	p := parser{rooms: map[jid.JID]int{}, set: &Set{
		byJID:  map[jid.JID]*User{},
		byCert: map[[32]byte]*User{},
		groups: map[string]*group{},
		pairs:  map[pair]bool{},
		blocks: map[pair]bool{},
	}}
	last := 0
	for n, line := range lines(string(text)) {
		if err := p.line(n, line); err != nil {
			return nil, err
		}
		last = n
	}
	if p.set.serial == 0 {
		return nil, &Error{last + 1, "the file ends before its serial", "the second line says e.g. serial 1"}
	}
	if err := p.relate(); err != nil {
		return nil, err
	}
	return p.set, nil
}

// lines yields the lines of a file with their numbers and line feeds. What
// follows the last line feed is yielded when it is not empty.
func lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.SplitAfterSeq(text, "\n") {
			n++
			if line != "" && !yield(n, line) {
				return
			}
		}
	}
}

// A parser collects records. Those that speak of users are kept until all
// users are known.
type parser struct {
	set      *Set
	rooms    map[jid.JID]int // their lines
	contacts []relation
	blocks   []relation
	named    []naming
}

// A relation is a contact or block line.
type relation struct {
	line int
	user jid.JID
	with jid.JID
	name string
}

// A naming is a group line.
type naming struct {
	line     int
	id, name string
}

// line reads one line with its line feed.
func (p *parser) line(n int, line string) error {
	text, whole := strings.CutSuffix(line, "\n")
	r := &record{line: n, rest: text}
	if !whole {
		return r.fail("the file ends in the middle of a line", "end it with a line feed, or fetch the file again if it was cut off")
	}
	if err := r.legible(); err != nil {
		return err
	}
	if n == 1 {
		if text != header {
			return r.fail("this is no users file", "the first line is: "+header)
		}
		return nil
	}
	if text == "" || text[0] == '#' {
		return nil
	}
	kind, err := r.word("the kind of record")
	if err != nil {
		return err
	}
	if p.set.serial == 0 && kind != "serial" {
		return r.fail("the serial is missing", "the first record says e.g. serial 1")
	}
	switch kind {
	case "serial":
		return p.serial(r)
	case "user":
		return p.user(r)
	case "group":
		return p.group(r)
	case "contact":
		return p.contact(r)
	case "room":
		return p.room(r)
	case "block":
		return p.block(r)
	case "decoy":
		return p.decoy(r)
	}
	return r.fail("unknown record "+quote(kind), "records are serial, decoy, user, group, contact, room and block; a comment begins with #")
}

func (p *parser) serial(r *record) error {
	if p.set.serial != 0 {
		return r.fail("a second serial", "remove one")
	}
	word, err := r.word("a number")
	if err != nil {
		return err
	}
	n, ok := number(word, 1, maxSerial)
	if !ok {
		return r.fail("bad serial "+quote(word), "write a number from 1 without leading zeros")
	}
	p.set.serial = n
	return r.end()
}

func (p *parser) user(r *record) error {
	j, err := r.account()
	if err != nil {
		return err
	}
	if old, ok := p.set.byJID[j]; ok {
		return r.fail("line %d has this user already", "remove one of the two", old.line)
	}
	u := &User{JID: j, line: r.line}
	if u.Name, err = r.text("name"); err != nil {
		return err
	}
	if u.Groups, err = r.groups(); err != nil {
		return err
	}
	if u.SHA256, err = r.verifier("scram-sha-256", 32); err != nil {
		return err
	}
	if u.SHA1, err = r.verifier("scram-sha-1", 20); err != nil {
		return err
	}
	if u.Certs, err = r.certs(); err != nil {
		return err
	}
	for _, c := range u.Certs {
		if old, ok := p.set.byCert[c]; ok {
			return r.fail("line %d binds this certificate already", "a certificate logs in one user: remove one of the two", old.line)
		}
		p.set.byCert[c] = u
	}
	p.set.byJID[j] = u
	p.set.users = append(p.set.users, u)
	return r.end("name", "groups", "scram-sha-256", "scram-sha-1", "cert")
}

func (p *parser) group(r *record) error {
	id, err := r.word("a group's name")
	if err != nil {
		return err
	}
	if !groupID(id) {
		return r.fail("bad group name "+quote(id), groupCure)
	}
	name, err := r.text("name")
	if err != nil {
		return err
	}
	if name == "" {
		return r.fail("a group line without name=", `add e.g. name="Sales and Service"`)
	}
	p.named = append(p.named, naming{r.line, id, name})
	return r.end("name")
}

func (p *parser) contact(r *record) error {
	c, err := r.relation()
	if err != nil {
		return err
	}
	if c.name, err = r.text("name"); err != nil {
		return err
	}
	p.contacts = append(p.contacts, c)
	return r.end("name")
}

func (p *parser) block(r *record) error {
	b, err := r.relation()
	if err != nil {
		return err
	}
	p.blocks = append(p.blocks, b)
	return r.end()
}

func (p *parser) room(r *record) error {
	j, err := r.account()
	if err != nil {
		return err
	}
	if old, ok := p.rooms[j]; ok {
		return r.fail("line %d has this room already", "remove one of the two", old)
	}
	p.rooms[j] = r.line
	room := &Room{JID: j, line: r.line}
	if room.Name, err = r.text("name"); err != nil {
		return err
	}
	if room.Groups, err = r.groups(); err != nil {
		return err
	}
	if room.Members, err = r.addresses("members"); err != nil {
		return err
	}
	if room.Owners, err = r.addresses("owners"); err != nil {
		return err
	}
	if room.Groups == nil && room.Members == nil && room.Owners == nil && r.rest == "" {
		return r.fail("a room without members", "add groups=, members= or owners=")
	}
	p.set.rooms = append(p.set.rooms, room)
	return r.end("name", "groups", "members", "owners")
}

// relate ties the records together once all users are known.
func (p *parser) relate() error {
	p.gather()
	for _, n := range p.named {
		g := p.set.groups[n.id]
		if g == nil {
			g = &group{id: n.id}
			p.set.groups[n.id] = g
		}
		if g.line != 0 {
			return (&record{line: n.line}).fail("line %d names this group already", "remove one of the two", g.line)
		}
		g.line, g.shown = n.line, []string{n.name}
	}
	for _, g := range p.set.groups {
		g.sum()
	}
	for _, r := range p.set.rooms {
		if err := p.checkRoom(r); err != nil {
			return err
		}
	}
	if err := p.relateContacts(); err != nil {
		return err
	}
	return p.relateBlocks()
}

// gather makes the groups of what the users say.
func (p *parser) gather() {
	for _, u := range p.set.users {
		for _, id := range u.Groups {
			g := p.set.groups[id]
			if g == nil {
				g = &group{id: id, shown: []string{id}}
				p.set.groups[id] = g
			}
			g.members = append(g.members, u)
			u.groups = append(u.groups, g)
		}
	}
}

func (p *parser) checkRoom(room *Room) error {
	r := &record{line: room.line}
	if u, ok := p.set.byJID[room.JID]; ok {
		return r.fail("line %d has a user with this address", "give the room another", u.line)
	}
	for _, id := range room.Groups {
		if _, ok := p.set.groups[id]; !ok {
			return r.fail("nobody is in group "+quote(id), "correct its name, or declare it with a group line")
		}
	}
	return nil
}

func (p *parser) relateContacts() error {
	for _, c := range p.contacts {
		r := &record{line: c.line}
		u, ok := p.set.byJID[c.user]
		if !ok {
			return r.fail(quote(c.user.String())+" is no user of this file", "put a user first, or add a user line")
		}
		if p.set.pairs[pair{c.user, c.with}] {
			return r.fail("an earlier line makes these two contacts already", "remove this one")
		}
		p.set.pairs[pair{c.user, c.with}] = true
		other, mutual := p.set.byJID[c.with]
		if mutual && c.name != "" {
			return r.fail("name= for a user of this file", "remove it here: the name comes from line %d", other.line)
		}
		if !mutual {
			u.contacts = append(u.contacts, Contact{JID: c.with, Name: c.name})
			continue
		}
		u.contacts = append(u.contacts, Contact{JID: other.JID, Name: other.Name})
		p.set.pairs[pair{c.with, c.user}] = true
		other.contacts = append(other.contacts, Contact{JID: u.JID, Name: u.Name})
	}
	return nil
}

func (p *parser) relateBlocks() error {
	for _, b := range p.blocks {
		r := &record{line: b.line}
		u, ok := p.set.byJID[b.user]
		if !ok {
			return r.fail(quote(b.user.String())+" is no user of this file", "put a user first, or add a user line")
		}
		if p.set.blocks[pair{b.user, b.with}] {
			return r.fail("an earlier line blocks this already", "remove this one")
		}
		p.set.blocks[pair{b.user, b.with}] = true
		u.blocked = append(u.blocked, b.with)
	}
	return nil
}
