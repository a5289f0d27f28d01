package tls

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// outcome is what both sides of a handshake made of it.
func outcome(t *testing.T, s *Server, alpn []string, client *tls.Config) (*Conn, error, error) {
	t.Helper()
	ss, cs := sockets(t)
	server, _, serr, cerr := both(
		func() (*Conn, error) { return s.Handshake(ss, patience, alpn...) },
		func() (*tls.Conn, error) {
			c := tls.Client(cs, client)
			err := c.Handshake()
			if err == nil { // in TLS 1.3 a server refuses after the client is done
				c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				if _, err = c.Read(make([]byte, 1)); isTimeout(err) {
					err = nil
				}
			}
			return c, err
		})
	return server, serr, cerr
}

func TestServerPolicy(t *testing.T) {
	xmpp := []string{"xmpp-client"}
	for _, tt := range []struct {
		name   string
		min12  bool
		alpn   []string
		client *tls.Config // nil: crypto/tls's own choice
		want   uint16      // version, 0 for refusal
	}{
		{name: "modern client", want: tls.VersionTLS13},
		{name: "1.2 is off", client: &tls.Config{MaxVersion: tls.VersionTLS12}},
		{name: "1.2 is on", min12: true, client: &tls.Config{MaxVersion: tls.VersionTLS12}, want: tls.VersionTLS12},
		{name: "1.3 is preferred", min12: true, want: tls.VersionTLS13},
		{name: "1.1", min12: true, client: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
		{name: "CBC only", min12: true, client: &tls.Config{MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256}}},
		{name: "P-384 only", client: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}}},
		{name: "P-256 only", client: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, want: tls.VersionTLS13},
		{name: "our protocol", alpn: xmpp, client: &tls.Config{NextProtos: []string{"h2", "xmpp-client"}}, want: tls.VersionTLS13},
		{name: "no protocol", alpn: xmpp, want: tls.VersionTLS13},
		{name: "other protocols", alpn: xmpp, client: &tls.Config{NextProtos: []string{"h2", "xmpp-server"}}},
		{name: "other protocols and we ask for none", client: &tls.Config{NextProtos: []string{"h2"}}, want: tls.VersionTLS13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, tt.min12)
			cfg := cmp.Or(tt.client, &tls.Config{})
			cfg.ServerName, cfg.RootCAs = domain, l.authority.Roots()
			c, serr, cerr := outcome(t, l.server, tt.alpn, cfg)
			if tt.want == 0 {
				if serr == nil || cerr == nil {
					t.Fatal("agreed on", c.Version())
				}
				if !strings.HasPrefix(serr.Error(), "tls handshake: no agreement") {
					t.Error(serr)
				}
				return
			}
			if serr != nil || cerr != nil {
				t.Fatal(serr, cerr)
			}
			if c.Version() != tt.want {
				t.Errorf("version %x", c.Version())
			}
		})
	}
}

func TestProtocolAndName(t *testing.T) {
	l := newLab(t, false)
	ss, cs := sockets(t)
	cfg := l.client()
	cfg.ALPN = []string{"xmpp-client"}
	server, client, serr, cerr := both(
		func() (*Conn, error) { return l.server.Handshake(ss, patience, "xmpp-client") },
		func() (*Conn, error) { return Client(cs, patience, cfg) })
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	if server.Protocol() != "xmpp-client" || client.Protocol() != "xmpp-client" || server.ServerName() != domain {
		t.Error(server.Protocol(), client.Protocol(), server.ServerName())
	}
	if !server.RemoteAddr().IsLoopback() {
		t.Error(server.RemoteAddr())
	}
}

func TestSessionTicketsAreOff(t *testing.T) {
	l := newLab(t, true)
	cfg := &tls.Config{ServerName: domain, RootCAs: l.authority.Roots(), ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for _, cfg.MaxVersion = range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if _, serr, cerr := outcome(t, l.server, nil, cfg); serr != nil || cerr != nil {
			t.Fatal(serr, cerr)
		}
		if _, ok := cfg.ClientSessionCache.Get(domain); ok {
			t.Errorf("%x: the client got a ticket", cfg.MaxVersion)
		}
	}
}

func TestClientCertificate(t *testing.T) {
	l := newLab(t, false)
	own, err := l.authority.Issue([]string{"client.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ask  bool
		show *PEM
		want int
	}{
		{"asked and shown", true, &own, 2},
		{"asked and not shown", true, nil, 0},
		{"not asked", false, &own, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ss, cs := sockets(t)
			cfg := l.client()
			cfg.Certificate = tt.show
			server, _, serr, cerr := both(
				func() (*Conn, error) { return l.server.HandshakeWith(ss, patience, Options{Ask: tt.ask}) },
				func() (*Conn, error) { return Client(cs, patience, cfg) })
			if serr != nil || cerr != nil {
				t.Fatal(serr, cerr)
			}
			if n := len(server.PeerCertificates()); n != tt.want {
				t.Errorf("%d certificates, want %d", n, tt.want)
			}
		})
	}
}

func TestClientChecksTheServer(t *testing.T) {
	l, other := newLab(t, false), newLab(t, false)
	no := errors.New("no")
	for _, tt := range []struct {
		name string
		cfg  ClientConfig
		want string // in the error; "" for success
	}{
		{"right", l.client(), ""},
		{"zero value", ClientConfig{}, "no agreement"},
		{"wrong name", ClientConfig{ServerName: "other.example", Roots: l.authority.Roots()}, "another name"},
		{"wrong authority", ClientConfig{ServerName: domain, Roots: other.authority.Roots()}, "unknown authority"},
		{"Verify accepts", ClientConfig{Verify: func(chain []*x509.Certificate) error {
			if len(chain) != 2 {
				return no
			}
			return nil
		}}, ""},
		{"Verify refuses", ClientConfig{ServerName: domain, Roots: l.authority.Roots(),
			Verify: func([]*x509.Certificate) error { return no }}, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ss, cs := sockets(t)
			_, _, _, err := both(
				func() (*Conn, error) { return l.server.Handshake(ss, patience) },
				func() (*Conn, error) { return Client(cs, patience, tt.cfg) })
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v; want %q", err, tt.want)
			}
			if tt.name == "Verify refuses" && !errors.Is(err, no) {
				t.Error("Verify's reason is lost")
			}
		})
	}
}

func TestHandshakeErrors(t *testing.T) {
	l := newLab(t, false)
	secret := "peer-chosen"
	for _, tt := range []struct {
		name string
		peer func(nc net.Conn)
		want string
	}{
		{"silence", func(net.Conn) {}, "tls handshake: not finished in time"},
		{"end", func(nc net.Conn) { nc.Close() }, "tls handshake: the connection ended"},
		{"half a hello", func(nc net.Conn) { nc.Write([]byte{22, 3, 1, 2, 0, 1}); nc.Close() }, "tls handshake: the connection ended"},
		{"plain XMPP", func(nc net.Conn) { nc.Write([]byte("<stream " + secret)) }, "tls handshake: the peer does not speak TLS"},
		{"HTTP", func(nc net.Conn) { nc.Write([]byte("GET / " + secret)) }, "tls handshake: the peer does not speak TLS"},
		{"protocols", func(nc net.Conn) {
			tls.Client(nc, &tls.Config{ServerName: secret, NextProtos: []string{secret}}).Handshake()
		}, "tls handshake: no agreement on version, protocol or cipher"},
		{"distrust", func(nc net.Conn) {
			tls.Client(nc, &tls.Config{ServerName: secret, RootCAs: x509.NewCertPool()}).Handshake()
		}, "tls handshake: refused by the peer: tls: bad certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ss, cs := sockets(t)
			go tt.peer(cs)
			_, err := l.server.Handshake(ss, 200*time.Millisecond, "xmpp-client")
			if err == nil || err.Error() != tt.want {
				t.Errorf("%v; want %s", err, tt.want)
			}
			if _, err := ss.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Error("the connection is still open")
			}
		})
	}
	t.Run("no certificate", func(t *testing.T) {
		ss, cs := sockets(t)
		go bareAttempt(cs)
		if _, err := NewServer(nil, false).Handshake(ss, patience); !errors.Is(err, errNoCertificate) {
			t.Error(err)
		}
	})
	t.Run("not a socket", func(t *testing.T) {
		a, _ := net.Pipe()
		if _, err := l.server.Handshake(a, patience); !errors.Is(err, errNoSocket) {
			t.Error(err)
		}
	})
}

func bareAttempt(nc net.Conn) { tls.Client(nc, &tls.Config{ServerName: domain}).Handshake() }

func TestBindings(t *testing.T) {
	for _, min12 := range []bool{false, true} {
		l := newLab(t, min12)
		ss, cs := sockets(t)
		version := uint16(tls.VersionTLS13)
		if min12 {
			version = tls.VersionTLS12
		}
		server, client, serr, cerr := both(
			func() (*Conn, error) { return l.server.Handshake(ss, patience) },
			func() (*tls.Conn, error) {
				c := tls.Client(cs, &tls.Config{ServerName: domain, RootCAs: l.authority.Roots(), MaxVersion: version})
				return c, c.Handshake()
			})
		if serr != nil || cerr != nil {
			t.Fatal(serr, cerr)
		}
		state := client.ConnectionState()
		want, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := server.Exporter(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("tls-exporter: %x, %v; want %x", got, err, want)
		}
	}
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	a, aerr := server.EndPoint()
	b, berr := client.EndPoint()
	if aerr != nil || berr != nil || !bytes.Equal(a, b) || len(a) != 32 {
		t.Errorf("tls-server-end-point: %x, %v; %x, %v", a, aerr, b, berr)
	}
}

// RFC 5929 §4.1
func TestEndPointHash(t *testing.T) {
	for a, size := range map[x509.SignatureAlgorithm]int{
		x509.MD5WithRSA: 32, x509.SHA1WithRSA: 32, x509.ECDSAWithSHA1: 32,
		x509.SHA256WithRSA: 32, x509.ECDSAWithSHA256: 32, x509.SHA256WithRSAPSS: 32,
		x509.SHA384WithRSA: 48, x509.ECDSAWithSHA384: 48, x509.SHA384WithRSAPSS: 48,
		x509.SHA512WithRSA: 64, x509.ECDSAWithSHA512: 64, x509.SHA512WithRSAPSS: 64,
		x509.PureEd25519: 0, x509.UnknownSignatureAlgorithm: 0,
	} {
		b, err := endPoint(&x509.Certificate{SignatureAlgorithm: a, Raw: []byte("x")})
		if len(b) != size || (err == nil) != (size > 0) {
			t.Errorf("%v: %d bytes, %v; want %d", a, len(b), err, size)
		}
	}
}
