package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/dane/resolve"
)

// book is a DNS as it is written down, and what it was asked.
type book struct {
	mu       sync.Mutex
	services map[string]resolve.Service
	hosts    map[string]resolve.Addresses
	tlsa     map[string]resolve.Associations
	asked    []string // for TLSA, in order
}

func (b *book) Service(_ context.Context, service, _, domain string) resolve.Service {
	if s, ok := b.services[service+" "+domain]; ok {
		return s
	}
	return resolve.Service{Status: resolve.Secure}
}

func (b *book) Addresses(_ context.Context, host string) resolve.Addresses { return b.hosts[host] }

func (b *book) TLSA(_ context.Context, port uint16, host string) resolve.Associations {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := strconv.Itoa(int(port)) + " " + host
	b.asked = append(b.asked, name)
	return b.tlsa[name]
}

func srv(status resolve.Status, targets ...resolve.Target) resolve.Service {
	return resolve.Service{Status: status, Targets: targets}
}

// hosts are the targets of a plan, in order.
func hosts(p Plan) string {
	var list []string
	for _, t := range p.Targets {
		list = append(list, t.Host+":"+strconv.Itoa(int(t.Port)))
	}
	return strings.Join(list, " ")
}

func TestFind(t *testing.T) {
	direct, plain := "xmpps-server a.example", "xmpp-server a.example"
	for _, test := range []struct {
		name     string
		services map[string]resolve.Service
		status   resolve.Status
		declined bool
		want     string
	}{
		{"no SRV: the domain itself", nil, resolve.Secure, false, "a.example:5269"},
		{"no SRV, not signed", map[string]resolve.Service{plain: srv(resolve.Insecure)}, resolve.Insecure, false, "a.example:5269"},
		{"both services by priority", map[string]resolve.Service{
			direct: srv(resolve.Secure, resolve.Target{Host: "c", Port: 3, Priority: 3}, resolve.Target{Host: "a", Port: 1, Priority: 1}),
			plain:  srv(resolve.Secure, resolve.Target{Host: "b", Port: 2, Priority: 2}),
		}, resolve.Secure, false, "a:1 b:2 c:3"},
		{"the worse status counts", map[string]resolve.Service{
			direct: srv(resolve.Insecure, resolve.Target{Host: "a", Port: 1, Priority: 1}),
			plain:  srv(resolve.Secure, resolve.Target{Host: "b", Port: 2, Priority: 2}),
		}, resolve.Insecure, false, "a:1 b:2"},
		{"one bogus: nothing is tried", map[string]resolve.Service{
			direct: srv(resolve.Bogus), plain: srv(resolve.Secure, resolve.Target{Host: "b", Port: 2}),
		}, resolve.Bogus, false, ""},
		{"one without answer: nothing is tried", map[string]resolve.Service{
			direct: srv(resolve.Indeterminate), plain: srv(resolve.Secure, resolve.Target{Host: "b", Port: 2}),
		}, resolve.Indeterminate, false, ""},
		{"one declined", map[string]resolve.Service{
			direct: {Status: resolve.Secure, Declined: true}, plain: srv(resolve.Secure, resolve.Target{Host: "b", Port: 2}),
		}, resolve.Secure, false, "b:2"},
		{"one declined, the other not there", map[string]resolve.Service{
			direct: {Status: resolve.Secure, Declined: true},
		}, resolve.Secure, true, ""},
	} {
		p := Find(t.Context(), &book{services: test.services}, "a.example")
		if p.Status != test.status || p.Declined != test.declined || hosts(p) != test.want {
			t.Errorf("%s: %v, declined %v: %s", test.name, p.Status, p.Declined, hosts(p))
		}
	}
}

// Of a hundred equal targets no more than maxTargets are tried; of two, each
// comes first as often as its weight says.
func TestFindDraws(t *testing.T) {
	var many []resolve.Target
	for i := range 100 {
		many = append(many, resolve.Target{Host: "a", Port: uint16(i)})
	}
	if p := Find(t.Context(), &book{services: map[string]resolve.Service{"xmpp-server a.example": srv(resolve.Secure, many...)}}, "a.example"); len(p.Targets) != maxTargets {
		t.Errorf("%d targets", len(p.Targets))
	}
	first := map[string]int{}
	b := &book{services: map[string]resolve.Service{"xmpp-server a.example": srv(resolve.Secure,
		resolve.Target{Host: "heavy", Weight: 90}, resolve.Target{Host: "light", Weight: 10}, resolve.Target{Host: "none"})}}
	for range 2000 {
		p := Find(t.Context(), b, "a.example")
		first[p.Targets[0].Host]++
	}
	if first["heavy"] < 1600 || first["light"] < 100 || first["none"] > 100 {
		t.Errorf("drawn first: %v", first)
	}
}

// The names under which TLSA records are looked for, and whether the target may
// be tried.
func TestPrepare(t *testing.T) {
	ip := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	record := resolve.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)}
	there := resolve.Associations{Status: resolve.Secure, Records: []resolve.TLSA{record}}
	none, elsewhere := resolve.Associations{Status: resolve.Secure}, resolve.Associations{Status: resolve.Insecure}
	direct := resolve.Addresses{Status: resolve.Secure, IPs: ip, Names: []string{"h.example."}}
	alias := resolve.Addresses{Status: resolve.Secure, IPs: ip, Names: []string{"h.example.", "end.example."}}
	for _, test := range []struct {
		name    string
		srv     resolve.Status
		address resolve.Addresses
		end, at resolve.Associations // at the end of the alias, and at the host
		asked   string
		records int
		ready   bool
	}{
		{"at the host", resolve.Secure, direct, none, there, "1 h.example", 1, true},
		{"none published", resolve.Secure, direct, none, none, "1 h.example", 0, true},
		{"lookup fails", resolve.Secure, direct, none, resolve.Associations{}, "1 h.example", 0, false},
		{"at the alias's end", resolve.Secure, alias, there, there, "1 end.example", 1, true},
		{"not at the end, but at the host", resolve.Secure, alias, none, there, "1 end.example, 1 h.example", 1, true},
		{"the end is not signed below", resolve.Secure, alias, elsewhere, there, "1 end.example, 1 h.example", 1, true},
		{"the end fails: no second try", resolve.Secure, alias, resolve.Associations{}, there, "1 end.example", 0, false},
		{"the end is bogus: no second try", resolve.Secure, alias, resolve.Associations{Status: resolve.Bogus}, there, "1 end.example", 0, false},
		{"SRV not signed: not asked", resolve.Insecure, direct, none, there, "", 0, true},
		{"address not signed: not asked", resolve.Secure, resolve.Addresses{Status: resolve.Insecure, IPs: ip}, none, there, "", 0, true},
		{"address bogus", resolve.Secure, resolve.Addresses{Status: resolve.Bogus}, none, there, "", 0, false},
		{"address lookup fails", resolve.Secure, resolve.Addresses{}, none, there, "", 0, false},
		{"no address", resolve.Secure, resolve.Addresses{Status: resolve.Secure, Names: []string{"h.example."}}, none, there, "1 h.example", 1, false},
	} {
		b := &book{hosts: map[string]resolve.Addresses{"h.example": test.address}, tlsa: map[string]resolve.Associations{"1 end.example": test.end, "1 h.example": test.at}}
		target := &Target{Domain: "a.example", Host: "h.example", Port: 1, SRV: test.srv}
		ready := target.Prepare(t.Context(), b)
		if asked := strings.Join(b.asked, ", "); ready != test.ready || asked != test.asked || len(target.Records) != test.records || target.Asked != (asked != "") {
			t.Errorf("%s: ready %v, asked %q, %d records", test.name, ready, asked, len(target.Records))
		}
		// The host's name counts in a certificate only if it is proved.
		if named := slices.Contains(target.names.Hosts, "h.example"); named != (test.srv == resolve.Secure && test.address.Status.Usable()) {
			t.Errorf("%s: the certificate may name %v", test.name, target.names.Hosts)
		}
	}
}

// A connection that hangs holds up the next address by its head start only, and
// one that fails not at all; whoever comes late is closed.
func TestRace(t *testing.T) {
	list := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:1"), netip.MustParseAddrPort("192.0.2.3:1")}
	no := errors.New("no")
	closed := make(chan bool, 1)
	dial := func(behave ...string) func(context.Context, netip.AddrPort) (net.Conn, error) {
		return func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			switch behave[slices.Index(list, to)] {
			case "hangs":
				<-ctx.Done()
				return nil, ctx.Err()
			case "late":
				<-ctx.Done()
				return &late{closed: closed}, nil
			case "fails":
				return nil, no
			}
			return &late{name: to}, nil
		}
	}
	for _, test := range []struct {
		behave []string
		want   int // which answers; -1: none
		starts int // head starts that pass
	}{
		{[]string{"answers", "answers", "answers"}, 0, 0},
		{[]string{"fails", "answers", "answers"}, 1, 0},
		{[]string{"fails", "fails", "answers"}, 2, 0},
		{[]string{"hangs", "answers", "answers"}, 1, 1},
		{[]string{"hangs", "hangs", "answers"}, 2, 2},
		{[]string{"late", "answers", "answers"}, 1, 1},
		{[]string{"fails", "fails", "fails"}, -1, 0},
	} {
		begin := time.Now()
		conn, err := race(t.Context(), list, dial(test.behave...))
		took := time.Since(begin)
		switch {
		case test.want < 0:
			if !errors.Is(err, no) {
				t.Errorf("%v: %v", test.behave, err)
			}
		case err != nil || conn.(*late).name != list[test.want]:
			t.Errorf("%v: %+v, %v", test.behave, conn, err)
		}
		if took < time.Duration(test.starts)*headStart {
			t.Errorf("%v: after %v", test.behave, took)
		}
		if test.behave[0] == "late" {
			<-closed
		}
	}
	if _, err := race(t.Context(), nil, nil); err == nil {
		t.Error("a connection to nowhere")
	}
}

// late is a connection that is only opened and closed.
type late struct {
	net.Conn
	name   netip.AddrPort
	closed chan bool
}

func (l *late) Close() error { l.closed <- true; return nil }
