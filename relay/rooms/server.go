package rooms

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Config is what a Server needs to know beside the users file.
type Config struct {
	Hosts   []string         // domains of rooms, in normal form
	Domains []string         // whose users may open rooms, in normal form
	Now     func() time.Time // nil: time.Now
}

// A Server is all rooms of all hosts, and the hosts themselves. Many goroutines
// may use it at once.
type Server struct {
	router *relay.Router
	hosts  map[string]bool
	local  map[string]bool
	now    func() time.Time
	seed   maphash.Seed

	handlers []handler // of requests to a room

	reload sync.Mutex // one SetUsers at a time
	set    atomic.Pointer[standing]

	mu    sync.RWMutex
	rooms map[jid.JID]*room
	makes map[jid.JID]int // rooms that each user made
}

// New returns a Server without anybody in it. It does not register with r: the
// caller does, for every host in cfg.
func New(r *relay.Router, set *users.Set, cfg Config) *Server {
	s := &Server{
		router: r,
		hosts:  make(map[string]bool),
		local:  make(map[string]bool),
		now:    cfg.Now,
		seed:   maphash.MakeSeed(),

		handlers: roomHandlers(),

		rooms: make(map[jid.JID]*room),
		makes: make(map[jid.JID]int),
	}
	for _, h := range cfg.Hosts {
		s.hosts[h] = true
	}
	for _, d := range cfg.Domains {
		s.local[d] = true
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.set.Store(newStanding(set))
	return s
}

// A visit is one stanza at a room, whose mu is held.
type visit struct {
	room     *room
	pass     *relay.Pass
	st       *wire.Stanza
	from, to jid.JID
	who      *occupant // the sender; nil: not in the room
}

// A fault is why a stanza is refused: the condition and a sentence for people.
type fault struct {
	condition wire.Condition
	text      string
}

// Deliver implements [relay.Endpoint].
func (s *Server) Deliver(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if s.hosts[from.Domain()] {
		return relay.Unsupported // a room has nothing to say to a room
	}
	if to.Local() == "" {
		return s.host(p, st, from, to)
	}
	f := s.visit(p, st, from, to)
	switch {
	case f == nil:
		return relay.Delivered
	case st.Kind == wire.IQ || st.HasBody():
		s.router.RefuseWith(p, st, from, to, relay.Unwanted, f.condition, f.text)
	case st.Kind == wire.Presence && wire.Answerable(st):
		s.turnAway(p, st, from, to, f)
	case wire.Answerable(st):
		// What else one does in a room is answered too.
		s.router.Answer(p, st, from, to, f.condition, f.text)
	}
	return relay.Answered
}

// turnAway answers a presence with why it is refused. There is an element beside
// the error by which slixmpp and others know what it answers (XEP-0045 §7.2).
func (s *Server) turnAway(p *relay.Pass, st *wire.Stanza, from, to jid.JID, f *fault) {
	b := wire.AppendError(nil, st, wire.NSClient, to.String(), from.String(), f.condition, f.text)
	b = slices.Insert(b, bytes.Index(b, []byte("<error")), []byte("<x xmlns='"+nsMUC+"'/>")...)
	if reply, err := wire.ParseStanza(b, wire.NSClient); err == nil { // else the address cannot be written
		s.router.Route(p, reply, to, from)
	}
}

// visit takes a stanza to its room.
func (s *Server) visit(p *relay.Pass, st *wire.Stanza, from, to jid.JID) *fault {
	r := s.find(to.Bare())
	if r != nil && r.holder.Load() == p {
		// The room is sending, and this has come back.
		v := &visit{room: r, pass: p, st: st, from: from, to: to}
		v.returned()
		return nil
	}
	_, entering := st.Child(nsMUC, "x")
	r, f := s.enter(p, to.Bare(), entering && st.Kind == wire.Presence && st.Type() == nil)
	switch {
	case f != nil:
		return f
	case r == nil && to.IsBare():
		return noRoom()
	case r == nil:
		return notInside() // XEP-0410 §3.2: so that a client enters again
	}
	defer r.leave(p)
	v := &visit{room: r, pass: p, st: st, from: from, to: to, who: r.bySession[from]}
	switch st.Kind {
	case wire.Message:
		return v.message()
	case wire.Presence:
		return v.presence()
	case wire.IQ:
		return v.iq()
	}
	return nil
}

// find returns the room in memory with this address, or nil.
func (s *Server) find(addr jid.JID) *room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rooms[addr]
}

// enter returns the room with this address, locked. One that is not in memory is
// made if it is a standing one, or if create says so; else there is none.
func (s *Server) enter(p *relay.Pass, addr jid.JID, create bool) (*room, *fault) {
	for {
		r := s.find(addr)
		if r == nil {
			if !create && s.set.Load().rooms[addr] == nil {
				return nil, nil
			}
			if r = s.add(addr); r == nil {
				return nil, &fault{wire.CondResourceConstraint, "This server has too many rooms now."}
			}
		}
		r.mu.Lock()
		if !r.closed {
			r.holder.Store(p)
			return r, nil
		}
		r.mu.Unlock() // forgotten between the two locks
	}
}

// add returns the room with this address, a new one if it was not in memory; nil
// if there are too many.
func (s *Server) add(addr jid.JID) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[addr]
	if r == nil && len(s.rooms) < maxRooms {
		// The users file is looked up with mu held, so that SetUsers either
		// finds the room or comes first.
		r = newRoom(s, addr, s.set.Load())
		s.rooms[addr] = r
	}
	return r
}

// made notes that a user has made a room, unless there are too many.
func (s *Server) made(r *room, user jid.JID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.makes[user] >= maxRoomsOf {
		return false
	}
	s.makes[user]++
	r.maker = user
	return true
}

// remove takes a room, whose mu is held, out of the table.
func (s *Server) remove(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rooms, r.jid)
	if r.maker.IsZero() {
		return
	}
	if s.makes[r.maker]--; s.makes[r.maker] == 0 {
		delete(s.makes, r.maker)
	}
}

// all returns the rooms in memory.
func (s *Server) all() []*room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*room, 0, len(s.rooms))
	for _, r := range s.rooms {
		all = append(all, r)
	}
	return all
}

// Size returns how many rooms are in memory, and how many clients are in them.
func (s *Server) Size() (rooms, clients int) {
	all := s.all()
	for _, r := range all {
		r.mu.Lock()
		clients += len(r.bySession)
		r.mu.Unlock()
	}
	return len(all), clients
}

// each visits every room in memory, with its mu held.
func (s *Server) each(p *relay.Pass, f func(*room)) {
	for _, r := range s.all() {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			continue
		}
		r.holder.Store(p)
		f(r)
		r.leave(p)
	}
}

// CloseAll tells everybody in every room that the service stops (XEP-0045
// §11.2).
func (s *Server) CloseAll(p *relay.Pass) {
	s.each(p, func(r *room) {
		r.clear(p, &notice{gone: true, codes: []string{codeShutdown}})
	})
}
