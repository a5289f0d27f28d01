package demo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"aead.dev/minisign"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/dane/zone"
	"lethe/federation"
	"lethe/relay"
	"lethe/relay/c2s"
	"lethe/relay/client"
	"lethe/relay/config"
	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/server"
	"lethe/relay/users"
	"lethe/tls"
)

// lifetime is that of certificates. Nobody waits for its end.
const lifetime = 24 * time.Hour

// person is somebody who talks in the demo.
type person struct {
	name     string
	jid      jid.JID
	password string
}

// A house is one domain and its relay, made of nothing: users, keys and
// certificate exist in memory only.
type house struct {
	domain         string
	people         []*person
	public         minisign.PublicKey
	text, sig      []byte // users file and its signature
	certs          *tls.Certificates
	clients, peers net.Listener
	dns            *zone.Server // near by: it walks the tree for the resolver
	resolver       *resolve.Resolver
	relay          *server.Server
	links          *atomic.Int32 // made so far, by either side
	patience       time.Duration // of its people with their relay
}

// newHouse gives the people addresses and passwords there.
func newHouse(domain string, people ...*person) (*house, error) {
	h := &house{domain: domain, people: people, links: new(atomic.Int32), patience: 5 * time.Second}
	for _, step := range []func() error{
		h.write,
		h.certify,
		h.listen,
	} {
		if err := step(); err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

// write writes and signs the users file.
func (h *house) write() error {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	h.public = public
	h.text = []byte("lethe-users 1\nserial 1\n")
	for _, p := range h.people {
		p.password = rand.Text()
		if p.jid, err = jid.New(strings.ToLower(p.name), h.domain, ""); err != nil {
			return err
		}
		if h.text, err = add(h.text, p); err != nil {
			return err
		}
	}
	h.sig = minisign.Sign(private, h.text)
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
func (h *house) load(text, sig []byte) (*users.Set, error) {
	return users.Load(text, sig, users.Terms{Signers: []minisign.PublicKey{h.public}, Domains: []string{h.domain}})
}

// certify makes a certificate that nobody but the house itself has signed.
func (h *house) certify() error {
	chain, key, err := tls.Generate([]string{h.domain}, time.Now(), lifetime)
	if err != nil {
		return err
	}
	return h.show(tls.PEM{Name: h.domain, Chain: chain, Key: key})
}

// show lets the house present a certificate.
func (h *house) show(p tls.PEM) (err error) {
	h.certs, err = tls.Parse([]tls.PEM{p}, []string{h.domain}, time.Now())
	return err
}

// listen takes the usual ports where they are free, so that a client of the
// first house needs no telling.
func (h *house) listen() (err error) {
	for _, l := range []struct {
		to   *net.Listener
		port int
	}{{&h.clients, 5222}, {&h.peers, 5269}} {
		if *l.to, err = net.Listen("tcp", fmt.Sprint("127.0.0.1:", l.port)); err != nil {
			if *l.to, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return err
			}
		}
	}
	return nil
}

// A way is the network as a relay finds it. The zero value is an honest one.
type way struct {
	hook  zone.Hook      // who changes what the DNS answers; nil: nobody
	thief string         // who answers at every address; "": whoever has it
	roots *x509.CertPool // certificate authorities that the relay trusts; nil: none
}

func (w way) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	address := to.String()
	if w.thief != "" {
		address = w.thief
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// serve starts the relay with the policy that is the default of lethe.toml. What
// the DNS says it validates for itself, from the root of the tree down.
func (h *house) serve(tree *zone.Tree, w way) error {
	set, err := h.load(h.text, h.sig)
	if err != nil {
		return err
	}
	anchors, err := resolve.ParseAnchors([]byte(tree.Anchors()))
	if err != nil {
		return err
	}
	if h.dns, err = tree.Serve(w.hook); err != nil {
		return err
	}
	h.resolver, err = resolve.New(resolve.Config{Servers: []netip.AddrPort{h.dns.Addr()}, Anchors: anchors})
	if err != nil {
		return err
	}
	defaults := config.Default()
	h.relay = server.New(server.Parts{
		Domains:      []string{h.domain},
		Users:        set,
		Certificates: h.certs,
		ForgetAfter:  defaults.ForgetAfter,
		Limits: c2s.Limits{
			StanzaBytes:           defaults.Limits.StanzaBytes,
			BytesPerSecond:        defaults.Limits.BytesPerSecond,
			LoginsPerMinute:       defaults.Limits.LoginsPerMinute,
			ConnectionsPerAddress: defaults.Limits.ConnectionsPerAddress,
			OutboxBytes:           defaults.Limits.OutboxBytes,
		},
		Federation: &server.Federation{
			Policy:   &federation.Policy{Mode: federation.DANE},
			Resolver: h.resolver,
			Roots:    w.roots,
			Dial:     w.dial,
		},
		Report: func(e relay.Event) {
			if e == relay.LinkUp {
				h.links.Add(1)
			}
		},
	})
	go h.relay.ServeClients(h.clients, false)
	go h.relay.ServePeers(h.peers, false)
	return nil
}

// zone is what the house publishes in the DNS.
func (h *house) zone() zone.Spec {
	port := h.peers.Addr().(*net.TCPAddr).Port
	return zone.Spec{Name: h.domain + ".", Text: fmt.Sprintf("_xmpp-server._tcp SRV 0 0 %d xmpp\nxmpp A 127.0.0.1\n%s\n",
		port, h.tlsa(fmt.Sprintf("_%d._tcp.xmpp", port)))}
}

// tlsa is the TLSA record that proves the house's key.
func (h *house) tlsa(owner string) string {
	return owner + " TLSA " + dane.Of(h.leaf(), dane.DANEEE, dane.SPKI, dane.SHA256).String()
}

func (h *house) leaf() *x509.Certificate { return h.certs.Leaf(h.domain) }

// fingerprint is how clients show a certificate that they ask to be trusted.
func (h *house) fingerprint() string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(h.leaf().Raw)), " ", ":")
}

// login brings one of the people online.
func (h *house) login(p *person) (*client.Client, error) {
	c, err := h.dial(p, p.password)
	if err != nil {
		return nil, err
	}
	return c, c.Online()
}

func (h *house) dial(p *person, password string) (*client.Client, error) {
	own := x509.NewCertPool()
	own.AddCert(h.leaf())
	return client.Dial(context.Background(), client.Config{
		Address: h.clients.Addr().String(), User: p.jid, Password: password,
		Resource: "demo", Roots: own, Timeout: h.patience,
	})
}

func (h *house) close() {
	for _, l := range []net.Listener{h.clients, h.peers} {
		if l != nil {
			l.Close()
		}
	}
	if h.relay != nil {
		h.relay.Shutdown()
	}
	if h.dns != nil {
		h.dns.Close()
	}
}
