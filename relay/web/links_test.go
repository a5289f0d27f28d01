package web_test

import (
	"net"
	"net/netip"
	"reflect"
	"testing"

	"lethe/relay/web"
)

func TestLinks(t *testing.T) {
	all := []web.Link{
		{Domain: "a.example", Direction: "out", State: "standing", Proof: "dane", Seconds: 3},
		{Domain: "b.example", Direction: "out", State: "failed", Reason: `it "broke"`, Seconds: 4},
		{Domain: "a.example", Direction: "in", State: "standing", Proof: "dialback", Seconds: 5},
	}
	at := serveWith(t, web.NewMetrics(func(*web.Page) {}, func() []web.Link { return all }))
	want := `{"domain":"a.example","direction":"out","state":"standing","proof":"dane","seconds":3}
{"domain":"b.example","direction":"out","state":"failed","reason":"it \"broke\"","seconds":4}
{"domain":"a.example","direction":"in","state":"standing","proof":"dialback","seconds":5}
`
	if status, kind, body := get(t, "GET", "http://"+at+"/links"); status != 200 || kind != "application/x-ndjson" || body != want {
		t.Errorf("%d, %s\n%s", status, kind, body)
	}
	for domain, want := range map[string][]web.Link{"a.example": {all[0], all[2]}, "b.example": {all[1]}, "c.example": {}} {
		if got, err := web.Links(t.Context(), netip.MustParseAddrPort(at), domain); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", domain, got, err)
		}
	}
}

// A relay that tells nothing, nobody at all, and another program are errors,
// none of which waits.
func TestLinksOfNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		c, err := other.Accept()
		if err == nil {
			c.Write([]byte("HTTP/1.0 200 OK\r\n\r\nnot one of ours\n"))
			c.Close()
		}
	}()
	for name, at := range map[string]string{
		"switched off": serve(t, func(*web.Page) {}), "closed": silent.Addr().String(), "another": other.Addr().String(),
	} {
		if links, err := web.Links(t.Context(), netip.MustParseAddrPort(at), "a.example"); err == nil {
			t.Errorf("%s: %v", name, links)
		}
	}
}
