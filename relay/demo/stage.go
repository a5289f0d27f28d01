package demo

import (
	"crypto/x509"
	"time"

	"lethe/dane/zone"
	"lethe/tls"
)

// The domains are served on loopback only. RFC 6761 §6.3 keeps names under
// localhost from meaning anything else.
const (
	northern = "north.localhost"
	southern = "south.localhost"
)

// A stage has two relays for two domains, and a DNS of its own, root included,
// that says where they are and which keys are theirs. Mallory's relay says it
// is the southern one, and a certificate authority believes it.
type stage struct {
	alice, bob, carol     *person
	north, south, mallory *house
	deceived              *x509.CertPool // the authority
	tree                  *zone.Tree     // the DNS
}

func newStage() (*stage, error) {
	s := new(stage)
	for _, step := range []func() error{s.build, s.deceive, s.plant, s.serve} {
		if err := step(); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) build() (err error) {
	s.alice, s.bob, s.carol = &person{name: "Alice"}, &person{name: "Bob"}, &person{name: "Carol"}
	if s.north, err = newHouse(northern, s.alice); err != nil {
		return err
	}
	if s.south, err = newHouse(southern, s.bob, s.carol); err != nil {
		return err
	}
	s.mallory, err = newHouse(southern)
	return err
}

// deceive gets Mallory a certificate from an authority, as whoever sits on a
// relay's wire can: most authorities ask over that wire whose domain it is.
func (s *stage) deceive() error {
	authority, err := tls.NewAuthority(time.Now(), lifetime)
	if err != nil {
		return err
	}
	s.deceived = authority.Roots()
	p, err := authority.Issue([]string{southern})
	if err != nil {
		return err
	}
	return s.mallory.show(p)
}

// plant makes the DNS: four zones, each signed and vouched for by the one
// above.
func (s *stage) plant() (err error) {
	s.tree, err = zone.Plant(time.Now(), zone.Spec{Name: "."}, zone.Spec{Name: "localhost."}, s.north.zone(), s.south.zone())
	return err
}

func (s *stage) serve() error {
	for _, h := range s.houses() {
		if err := h.serve(s.tree, way{}); err != nil {
			return err
		}
	}
	return nil
}

// ambush starts the northern relay once more, with nothing that it could
// remember: no link and no answer. It trusts the deceived authority. Mallory
// sits on all its wires and answers whichever address it calls; the hook, if
// any, changes what the DNS says. The caller closes the house.
func (s *stage) ambush(hook zone.Hook) (*house, error) {
	north := *s.north
	north.clients, north.peers, north.dns, north.relay = nil, nil, nil, nil
	err := north.listen()
	if err == nil {
		err = north.serve(s.tree, way{hook: hook, thief: s.mallory.peers.Addr().String(), roots: s.deceived})
	}
	if err != nil {
		north.close()
		return nil, err
	}
	return &north, nil
}

func (s *stage) houses() []*house { return []*house{s.north, s.south, s.mallory} }

func (s *stage) close() {
	for _, h := range s.houses() {
		if h != nil {
			h.close()
		}
	}
}
