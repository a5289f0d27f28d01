package demo

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net"
	"strings"
	"time"

	"aead.dev/minisign"

	"lethe/relay/c2s"
	"lethe/relay/config"
	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/server"
	"lethe/relay/users"
	"lethe/tls"
)

// domain is served on loopback only. RFC 6761 §6.3 keeps names under
// localhost from meaning anything else.
const domain = "lethe.localhost"

// person is somebody who talks in the demo.
type person struct {
	jid      jid.JID
	name     string
	password string
}

// stage is a relay made of nothing: keys, users and certificate exist in
// memory only.
type stage struct {
	people    map[string]*person
	public    minisign.PublicKey
	text, sig []byte // users file and its signature
	authority *tls.Authority
	pem       tls.PEM
	relay     *server.Server
	listener  net.Listener
	address   string // host:port
}

func newStage(names ...string) (*stage, error) {
	s := &stage{people: make(map[string]*person)}
	for _, step := range []func() error{
		func() error { return s.write(names) },
		s.certify,
		s.serve,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// write writes and signs the users file.
func (s *stage) write(names []string) error {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	s.public = public
	s.text = []byte("lethe-users 1\nserial 1\n")
	for _, name := range names {
		p := &person{name: name, password: rand.Text()}
		if p.jid, err = jid.New(strings.ToLower(name), domain, ""); err != nil {
			return err
		}
		s.people[name] = p
		if s.text, err = add(s.text, p); err != nil {
			return err
		}
	}
	s.sig = minisign.Sign(private, s.text)
	return nil
}

// add appends a user whose password the file cannot tell.
func add(text []byte, p *person) ([]byte, error) {
	u := &users.User{JID: p.jid, Name: p.name, Groups: []string{"demo"}}
	for _, v := range []struct {
		hash sasl.Hash
		to   **users.Verifier
	}{{sasl.SHA256, &u.SHA256}, {sasl.SHA1, &u.SHA1}} {
		salt := make([]byte, sasl.SaltSize)
		rand.Read(salt)
		d, err := sasl.Derive(v.hash, p.password, salt, sasl.DefaultIterations)
		if err != nil {
			return nil, err
		}
		*v.to = &users.Verifier{Iterations: d.Iterations, Salt: d.Salt, StoredKey: d.StoredKey, ServerKey: d.ServerKey}
	}
	return users.Add(text, u)
}

// load is what a relay does with a users file before it believes a word of it.
func (s *stage) load(text, sig []byte) (*users.Set, error) {
	return users.Load(text, sig, users.Terms{Signers: []minisign.PublicKey{s.public}, Domains: []string{domain}})
}

func (s *stage) certify() error {
	now := time.Now()
	authority, err := tls.NewAuthority(now, 24*time.Hour)
	if err != nil {
		return err
	}
	s.authority = authority
	s.pem, err = authority.Issue([]string{domain})
	return err
}

func (s *stage) serve() error {
	set, err := s.load(s.text, s.sig)
	if err != nil {
		return err
	}
	certs, err := tls.Parse([]tls.PEM{s.pem}, []string{domain}, time.Now())
	if err != nil {
		return err
	}
	defaults := config.Default()
	s.relay = server.New(server.Parts{
		Domains:      []string{domain},
		Users:        set,
		Certificates: certs,
		ForgetAfter:  defaults.ForgetAfter,
		Limits: c2s.Limits{
			StanzaBytes:           defaults.Limits.StanzaBytes,
			BytesPerSecond:        defaults.Limits.BytesPerSecond,
			LoginsPerMinute:       defaults.Limits.LoginsPerMinute,
			ConnectionsPerAddress: defaults.Limits.ConnectionsPerAddress,
			OutboxBytes:           defaults.Limits.OutboxBytes,
		},
	})
	// The usual port where it is free, so that a client needs no telling.
	if s.listener, err = net.Listen("tcp", "127.0.0.1:5222"); err != nil {
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	s.address = s.listener.Addr().String()
	go s.relay.ServeClients(s.listener, false)
	return nil
}

// fingerprint is how clients show a certificate that they ask to be trusted.
func (s *stage) fingerprint() string {
	block, _ := pem.Decode(s.pem.Chain)
	sum := sha256.Sum256(block.Bytes)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}

func (s *stage) close() {
	s.listener.Close()
	s.relay.Shutdown()
}
