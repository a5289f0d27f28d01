package web_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"lethe/relay/web"
)

// serve answers on loopback.
func serve(t *testing.T, measure func(*web.Page)) (address string) {
	t.Helper()
	return serveWith(t, web.NewMetrics(measure, nil))
}

func serveWith(t *testing.T, m *web.Metrics) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go m.Serve(l)
	t.Cleanup(m.Close)
	return l.Addr().String()
}

func get(t *testing.T, method, url string) (status int, kind, body string) {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), string(text)
}

func TestPage(t *testing.T) {
	address := serve(t, func(p *web.Page) {
		p.Gauge("lethe_one", "Just one.").Is(1)
		f := p.Counter("lethe_some_total", "Some.")
		f.With(2, "kind", "a")
		f.With(3, "kind", "b", "way", "in")
		p.Gauge("lethe_below", "Less than none.").Is(-4)
	})
	status, kind, body := get(t, "GET", "http://"+address+"/metrics")
	want := "# HELP lethe_one Just one.\n# TYPE lethe_one gauge\nlethe_one 1\n" +
		"# HELP lethe_some_total Some.\n# TYPE lethe_some_total counter\n" +
		"lethe_some_total{kind=\"a\"} 2\nlethe_some_total{kind=\"b\",way=\"in\"} 3\n" +
		"# HELP lethe_below Less than none.\n# TYPE lethe_below gauge\nlethe_below -4\n"
	if status != 200 || kind != "text/plain; version=0.0.4; charset=utf-8" || body != want {
		t.Errorf("%d, %s\n%s", status, kind, body)
	}
}

func TestRuntime(t *testing.T) {
	_, _, body := get(t, "GET", "http://"+serve(t, (*web.Page).Runtime)+"/metrics")
	for _, name := range []string{"goroutines", "heap_bytes", "memory_bytes"} {
		if !regexp.MustCompile(`(?m)^lethe_` + name + ` [1-9][0-9]*$`).MatchString(body) {
			t.Errorf("no %s in\n%s", name, body)
		}
	}
}

// There is one thing to ask for, and nothing to send.
func TestNothingElseIsAnswered(t *testing.T) {
	address := serve(t, func(*web.Page) { t.Error("measured") })
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 404}, {"GET", "/metrics/x", 404}, {"GET", "/debug/pprof/", 404}, {"POST", "/metrics", 405}, {"GET", "/links", 404},
	} {
		if status, _, _ := get(t, tt.method, "http://"+address+tt.path); status != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, status, tt.want)
		}
	}
}

// What is no HTTP gets an answer that says nothing of what was sent, and a long
// header is refused.
func TestMalformedRequests(t *testing.T) {
	address := serve(t, func(*web.Page) {})
	for _, request := range []string{
		"SECRET\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nSECRET\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("SECRET", 4<<10) + "\r\n\r\n",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(20 * time.Second))
		c.Write([]byte(request))
		answer, _ := io.ReadAll(c)
		c.Close()
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 4")) || bytes.Contains(answer, []byte("SECRET")) {
			t.Errorf("%.40q is answered %q", request, answer)
		}
	}
}

// A name that resolves to loopback is not how this is asked.
func TestNamesAreRefused(t *testing.T) {
	address := serveWith(t, web.NewMetrics((*web.Page).Runtime, func() []web.Link { return nil }))
	for host, want := range map[string]int{
		address: 200, "127.0.0.1": 200, "[::1]:9100": 200, "localhost:9100": 200, "localhost": 200,
		"evil.example": 403, "evil.example:9100": 403, "localhost.evil.example": 403,
	} {
		for _, page := range []string{"/metrics", "/links"} {
			request, err := http.NewRequest("GET", "http://"+address+page, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = host
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%s of %s: %d, want %d", page, host, answer.StatusCode, want)
			}
		}
	}
}
