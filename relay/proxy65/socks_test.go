package proxy65_test

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"lethe/relay/jid"
	"lethe/relay/proxy65"
)

const (
	greeting = "\x05\x01\x00"
	granted  = "\x05\x00"
	digest   = "416781edf1ae50bad01cb8509ba35b43952bc345"
)

// request is a request for a bytestream.
func request(key string) string { return "\x05\x01\x00\x03\x28" + key + "\x00\x00" }

// refusal answers a request that is not granted.
func refusal(code byte) string { return "\x05" + string(code) + "\x00\x01\x00\x00\x00\x00\x00\x00" }

// peer is a connection whose other side has sent all it will.
type peer struct {
	in  *strings.Reader
	out bytes.Buffer
}

func (p *peer) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *peer) Write(b []byte) (int, error) { return p.out.Write(b) }

// The example of XEP-0065 §7.
func TestKey(t *testing.T) {
	requester, target := parse(t, "requester@example.com/foo"), parse(t, "room@conference.example.net/Tget")
	if got := proxy65.KeyOf("yia72g3v49j7", requester, target); got != digest {
		t.Errorf("the digest is %s, want %s", got, digest)
	}
}

func parse(t testing.TB, address string) jid.JID {
	t.Helper()
	j, err := jid.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestHandshake(t *testing.T) {
	for _, tt := range []struct {
		name, in, out string
		key           string // "" is refused
	}{
		{"one method", greeting + request(digest), granted, digest},
		{"several methods", "\x05\x03\x02\x01\x00" + request(digest), granted, digest},
		{"capital digits", greeting + request(strings.ToUpper(digest)), granted, digest},
		{"nothing", "", "", ""},
		{"SOCKS4", "\x04\x01\x00", "", ""},
		{"no method", "\x05\x00", "\x05\xff", ""},
		{"passwords only", "\x05\x01\x02", "\x05\xff", ""},
		{"cut in the methods", "\x05\x02\x00", "", ""},
		{"no request", greeting, granted, ""},
		{"other version", greeting + "\x04\x01\x00\x03\x28", granted, ""},
		{"reserved", greeting + "\x05\x01\x01\x03\x28" + digest + "\x00\x00", granted, ""},
		{"bind", greeting + "\x05\x02\x00\x03\x28" + digest + "\x00\x00", granted + refusal(7), ""},
		{"UDP", greeting + "\x05\x03\x00\x03\x28" + digest + "\x00\x00", granted + refusal(7), ""},
		{"IPv4", greeting + "\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", granted + refusal(8), ""},
		{"IPv6", greeting + "\x05\x01\x00\x04" + strings.Repeat("\x00", 18), granted + refusal(8), ""},
		{"a host", greeting + "\x05\x01\x00\x03\x0bexample.org\x00\x50", granted + refusal(2), ""},
		{"no digits", greeting + request(strings.Repeat("g", 40)), granted + refusal(2), ""},
		{"a port", greeting + "\x05\x01\x00\x03\x28" + digest + "\x00\x50", granted + refusal(2), ""},
		{"cut in the digest", greeting + request(digest)[:30], granted, ""},
	} {
		p := &peer{in: strings.NewReader(tt.in)}
		key, err := proxy65.Handshake(p)
		if key != tt.key || (err == nil) != (tt.key != "") {
			t.Errorf("%s: %q, %v; want %q", tt.name, key, err, tt.key)
		}
		if p.out.String() != tt.out {
			t.Errorf("%s: answered %q, want %q", tt.name, p.out.String(), tt.out)
		}
	}
}

// What is behind the request is not the handshake's to read.
func TestHandshakeLeavesTheRest(t *testing.T) {
	p := &peer{in: strings.NewReader(greeting + request(digest) + "payload")}
	if _, err := proxy65.Handshake(p); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(p.in); string(rest) != "payload" {
		t.Errorf("%q is left", rest)
	}
}

// FuzzHandshake holds that a connection is granted a meeting for one form of
// request only, and that nothing a peer sent comes back to it otherwise.
func FuzzHandshake(f *testing.F) {
	if seeds, _ := os.ReadDir("testdata/fuzz/FuzzHandshake"); len(seeds) == 0 {
		f.Fatal("testdata/fuzz/FuzzHandshake has no seeds")
	}
	form := regexp.MustCompile(`(?s)^\x05\x01\x00\x03\x28[0-9A-Fa-f]{40}\x00\x00`)
	f.Fuzz(func(t *testing.T, in []byte) {
		p := &peer{in: strings.NewReader(string(in))}
		key, err := proxy65.Handshake(p)
		sound := false
		if len(in) > 1 && in[0] == 5 && len(in) >= 2+int(in[1]) {
			n := 2 + int(in[1])
			methods, rest := in[2:n], in[n:]
			sound = bytes.IndexByte(methods, 0) >= 0 && form.Match(rest)
		}
		if sound != (err == nil) || sound != (len(key) == 40) {
			t.Fatalf("sound: %v; %q, %v", sound, key, err)
		}
		switch out := p.out.String(); {
		case out == "", out == granted && in[0] == 5, out == "\x05\xff":
		case !sound && (out == granted+refusal(2) || out == granted+refusal(7) || out == granted+refusal(8)):
		default:
			t.Fatalf("answered %q", out)
		}
	})
}
