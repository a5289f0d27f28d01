package server

import (
	"lethe/federation"
	"lethe/relay"
	"lethe/relay/web"
)

// Measure writes the relay's numbers, as of now. None is about anybody.
func (s *Server) Measure(p *web.Page) {
	s.measureClients(p)
	s.measureRooms(p)
	s.measureStanzas(p)
	if s.peers != nil {
		s.measureLinks(p)
	}
	if s.proxy != nil {
		s.measureProxy(p)
	}
}

func (s *Server) measureClients(p *web.Page) {
	negotiating, bound := s.clients.Size()
	f := p.Gauge("lethe_client_connections", "Connections of clients.")
	f.With(int64(negotiating), "state", "negotiating")
	f.With(int64(bound), "state", "bound")
	p.Gauge("lethe_waiting_sessions", "Cut connections whose stanzas wait for the client to come back.").Is(int64(s.clients.Waiting()))
	p.Gauge("lethe_accounts", "Accounts in memory, connected or remembered.").Is(int64(s.accounts.Remembered()))
	p.Gauge("lethe_users", "Users of the signed file.").Is(int64(s.Users().Len()))
	p.Gauge("lethe_users_serial", "Serial of the signed file.").Is(int64(s.Users().Serial()))
}

func (s *Server) measureRooms(p *web.Page) {
	rooms, occupants := s.rooms.Size()
	p.Gauge("lethe_rooms", "Rooms in memory.").Is(int64(rooms))
	p.Gauge("lethe_room_occupants", "Clients in rooms.").Is(int64(occupants))
}

func (s *Server) measureStanzas(p *web.Page) {
	stats := s.router.Stats()
	f := p.Counter("lethe_stanzas_total", "Stanzas by what became of them.")
	for d := range relay.Drop(relay.Drops) {
		f.With(int64(stats.Count(d)), "outcome", d.String())
	}
	p.Counter("lethe_answers_total", "Stanzas that were refused and answered with an error.").Is(int64(stats.Answers()))
	p.Gauge("lethe_full_connections", "Connections that do not take now what is written to them.").Is(stats.Full())
}

func (s *Server) measureLinks(p *web.Page) {
	f := p.Gauge("lethe_links", "Streams with other domains' servers, by who opened them and what proved the peer.")
	for proof := federation.Proof(1); int(proof) < federation.Proofs; proof++ {
		in, out := s.peers.Links(proof)
		f.With(in, "direction", "in", "proof", proof.String())
		f.With(out, "direction", "out", "proof", proof.String())
	}
}

func (s *Server) measureProxy(p *web.Page) {
	waiting, transfers, moved := s.proxy.Size()
	p.Gauge("lethe_proxy_waiting", "Connections to the bytestreams proxy without a transfer.").Is(int64(waiting))
	p.Gauge("lethe_proxy_transfers", "Transfers through the bytestreams proxy.").Is(int64(transfers))
	p.Counter("lethe_proxy_bytes_total", "Bytes that these have moved.").Is(int64(moved))
}
