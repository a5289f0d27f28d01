package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"lethe/relay"
	"lethe/relay/c2s"
	"lethe/relay/config"
	"lethe/relay/operator"
	"lethe/relay/proxy65"
	"lethe/relay/server"
	"lethe/relay/users"
	"lethe/tls"
)

const (
	// expiryNotice is how long before its end a certificate is warned of.
	expiryNotice = 21 * 24 * time.Hour
	// upkeep is how often certificate files are looked at, and events logged.
	upkeep = 30 * time.Second
	// collection is how often memory is collected, if connections have ended
	// since: what was theirs is overwritten then.
	collection = 2 * time.Second
)

const serveUsage = `usage: lethe serve [-config FILE] [-user NAME] [-require-lockdown]

Runs the relay in the foreground. SIGHUP re-reads the configuration, the users
and the certificates; what is wrong with them is logged and the relay keeps
what it has. SIGTERM and SIGINT end every stream in order.

Once files are read and ports open, the kernel is told that this process writes
no file, starts no program and reads only what a reload needs. If it was started
as root, it goes on as somebody else.

`

func serve(args []string, std operator.Stdio) int {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(std.Err)
	flags.Usage = func() {
		fmt.Fprint(std.Err, serveUsage)
		flags.PrintDefaults()
	}
	file := flags.String("config", "lethe.toml", "the configuration `FILE`")
	name := flags.String("user", "", "who to go on as if started as root: a `NAME`; default: the owner of the users file")
	required := flags.Bool("require-lockdown", false, "do not run where the kernel cannot enforce all of it")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintln(std.Err, "lethe serve: takes no argument but its flags")
		return 2
	}
	h := &host{file: *file, log: slog.New(slog.NewTextHandler(std.Err, nil))}
	if err := overwrite(); err != nil {
		h.log.Warn("not locked down", "measure", "freed", "reason", "memory that is freed cannot be overwritten at once: there is no /proc")
	}
	if err := h.start(); err != nil {
		fmt.Fprintln(std.Err, "lethe:", err)
		return 1
	}
	if err := h.lockdown(*name, *required); err != nil {
		fmt.Fprintln(std.Err, "lethe:", err)
		return 1
	}
	h.run()
	return 0
}

// host is a relay that lives on files.
type host struct {
	file  string
	log   *slog.Logger
	cfg   *config.Config
	relay *server.Server

	resolver watched // nil if it does not count
	doors    []door
	changed  time.Time // newest change among the certificate files
	warned   time.Time // when an expiry was last warned of
	events   [relay.Events]atomic.Uint64
	logged   [relay.Events]uint64
	spoken   spoken
}

// start reads the files and opens the ports. Its error is for the operator and
// says what to do.
func (h *host) start() error {
	cfg, set, certs, err := h.read(0)
	if err != nil {
		return err
	}
	world, err := operator.Outside(cfg)
	if err != nil {
		return err
	}
	answers, err := operator.Answers(cfg)
	if err != nil {
		return err
	}
	h.cfg = cfg
	h.resolver, _ = world.Resolver.(watched)
	h.relay = server.New(server.Parts{
		Domains:       cfg.Domains,
		RoomHosts:     cfg.RoomHosts(),
		Users:         set,
		Certificates:  certs,
		TLS12:         cfg.TLS.Allow12,
		Plain:         cfg.Login.Plain,
		StrictBinding: cfg.Login.StrictBinding,
		ForgetAfter:   cfg.ForgetAfter,
		Answers:       answers,
		Report:        func(e relay.Event) { h.events[e].Add(1) },
		Limits:        limits(cfg),
		Federation: &server.Federation{
			Policy: world.Policy, Resolver: world.Resolver, Roots: world.Roots, Dial: world.Dial, Tor: world.Tor,
			Failed: h.linkFailed,
		},
		Proxy: proxy(cfg),
	})
	if err := h.open(); err != nil {
		h.close()
		return err
	}
	return nil
}

func limits(cfg *config.Config) c2s.Limits {
	return c2s.Limits{
		StanzaBytes:           cfg.Limits.LargestStanza(),
		BytesPerSecond:        cfg.Limits.BytesPerSecond,
		LoginsPerMinute:       cfg.Limits.LoginsPerMinute,
		ConnectionsPerAddress: cfg.Limits.ConnectionsPerAddress,
		OutboxBytes:           cfg.Limits.OutboxBytes,
		Resume:                cfg.Limits.Resume,
	}
}

// proxy is the bytestreams proxy, if there is a port for it.
func proxy(cfg *config.Config) *server.Proxy {
	if len(cfg.Listen.Proxy65) == 0 {
		return nil
	}
	return &server.Proxy{Label: config.ProxyLabel, Host: cfg.Proxy65.Host, Limits: proxy65.Limits{
		BytesPerSecond:        cfg.Limits.ProxyBytesPerSecond,
		Bytes:                 cfg.Limits.ProxyBytes,
		ConnectionsPerAddress: cfg.Limits.ConnectionsPerAddress,
	}}
}

// read reads everything a reload may change, without changing anything.
func (h *host) read(serial uint64) (*config.Config, *users.Set, *tls.Certificates, error) {
	text, err := os.ReadFile(h.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, fmt.Errorf("%w; make one with lethe init, or name it with -config", err)
	} else if err != nil {
		return nil, nil, nil, err
	}
	cfg, err := config.Parse(h.file, text)
	if err != nil {
		return nil, nil, nil, err
	}
	set, err := readUsers(cfg, serial)
	if err != nil {
		return nil, nil, nil, err
	}
	certs, err := readCertificates(cfg)
	return cfg, set, certs, err
}

func readUsers(cfg *config.Config, serial uint64) (*users.Set, error) {
	text, err := os.ReadFile(cfg.Users)
	if err != nil {
		return nil, fmt.Errorf("%w; let users in lethe.toml name a file lethe may read", err)
	}
	signature, err := os.ReadFile(cfg.Signature())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; sign the users file with lethe sign", err)
	} else if err != nil {
		return nil, err
	}
	set, err := users.Load(text, signature, users.Terms{
		Signers: cfg.Signers, Domains: cfg.Domains, Rooms: cfg.RoomHosts(), Serial: serial,
	})
	var line *users.Error
	if errors.As(err, &line) {
		return nil, &badLine{cfg.Users, line}
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Users, err)
	}
	return set, nil
}

// badLine is a wrong line of the users file.
type badLine struct {
	file string
	err  *users.Error
}

func (e *badLine) Error() string {
	return fmt.Sprintf("%s:%d: %s; %s", e.file, e.err.Line, e.err.What, e.err.Cure)
}

// forLog is an error as the log may have it: the users file's lines are about
// people, who have no place there.
func forLog(err error) string {
	var bad *badLine
	if errors.As(err, &bad) {
		return fmt.Sprintf("%s:%d is wrong; lethe verify says in what", bad.file, bad.err.Line)
	}
	return err.Error()
}

func readCertificates(cfg *config.Config) (*tls.Certificates, error) {
	pairs := make([]tls.Pair, len(cfg.TLS.Certificates))
	for i, p := range cfg.TLS.Certificates {
		pairs[i] = tls.Pair(p)
	}
	return tls.Load(pairs, cfg.Domains, time.Now())
}

func (h *host) close() {
	for _, d := range h.doors {
		d.Close()
	}
}

// run keeps the relay until a signal ends it.
func (h *host) run() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	tick, collect := time.NewTicker(upkeep), time.NewTicker(collection)
	ended := uint64(0)
	h.changed = certificatesChanged(h.cfg)
	h.log.Info("running", "users", h.relay.Users().Len(), "serial", h.relay.Users().Serial(), "listeners", len(h.doors))
	h.accept()
	h.warnOfExpiry(time.Now())
	for {
		select {
		case <-collect.C:
			if n := h.relay.Ended(); n != ended {
				ended = n
				collectAll()
			}
		case now := <-tick.C:
			h.logEvents()
			h.warnOfExpiry(now)
			if t := certificatesChanged(h.cfg); t.After(h.changed) {
				h.changed = t
				h.reloadCertificates()
			}
		case s := <-signals:
			if s == syscall.SIGHUP {
				h.reload()
				continue
			}
			h.log.Info("shutting down")
			h.close()
			collectAll() // what was delivered is gone before the last client is
			h.relay.Shutdown()
			h.logEvents()
			return
		}
	}
}

// collectAll frees, and so overwrites, all that nobody holds. What lies in a
// pool of somebody's outlives one collection.
func collectAll() {
	runtime.GC()
	runtime.GC()
}

// reload puts new files in force, each as a checked whole, or keeps what runs.
func (h *host) reload() {
	cfg, set, certs, err := h.read(h.relay.Users().Serial())
	if err != nil {
		h.log.Error("reload refused, the running state is kept", "error", forLog(err))
		return
	}
	answers, err := operator.Answers(cfg)
	if err != nil {
		h.log.Error("reload refused, the running state is kept", "error", err)
		return
	}
	if !sameButReloadable(h.cfg, cfg) {
		h.log.Warn("only users, certificates, [federation], [calls] and [contact] are put in force now; the rest of the changes takes a restart")
	}
	h.relay.SetAnswers(answers)
	h.relay.SetCertificates(certs)
	h.relay.SetUsers(set)
	h.relay.Peers().SetPolicy(operator.Policy(cfg))
	h.cfg.TLS.Certificates, h.cfg.Federation = cfg.TLS.Certificates, cfg.Federation
	h.changed = certificatesChanged(cfg)
	h.log.Info("reloaded", "users", set.Len(), "serial", set.Serial())
}

// sameButReloadable reports whether two configurations differ at most in what a
// running relay can change. Being switched on or off is not of that kind.
func sameButReloadable(a, b *config.Config) bool {
	x, y := *a, *b
	x.Signers, y.Signers = nil, nil
	x.TLS.Certificates, y.TLS.Certificates = nil, nil
	x.Calls, y.Calls = config.Calls{}, config.Calls{}
	x.Contact, y.Contact = config.Contact{}, config.Contact{}
	if (x.Federation.Policy == config.Off) == (y.Federation.Policy == config.Off) {
		x.Federation, y.Federation = config.Federation{}, config.Federation{}
	}
	return reflect.DeepEqual(x, y)
}

func (h *host) reloadCertificates() {
	certs, err := readCertificates(h.cfg)
	if err != nil {
		h.log.Error("certificates refused, the running ones are kept", "error", err)
		return
	}
	h.relay.SetCertificates(certs)
	h.log.Info("certificates reloaded")
}

// certificatesChanged is when the newest of the certificate files changed.
func certificatesChanged(cfg *config.Config) time.Time {
	var newest time.Time
	for _, p := range cfg.TLS.Certificates {
		for _, name := range []string{p.Chain, p.Key} {
			if info, err := os.Stat(name); err == nil && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
	}
	return newest
}

// warnOfExpiry warns once a day.
func (h *host) warnOfExpiry(now time.Time) {
	if now.Sub(h.warned) < 24*time.Hour {
		return
	}
	for _, e := range h.relay.Certificates().Expiring(now, expiryNotice) {
		h.warned = now
		h.log.Warn("a certificate ends soon", "file", e.Name, "days", int(e.NotAfter.Sub(now).Hours()/24))
	}
}

// logEvents writes what happened since the last time, as numbers.
func (h *host) logEvents() {
	for e := range h.events {
		n := h.events[e].Load()
		if n > h.logged[e] {
			h.log.Warn(relay.Event(e).String(), "count", n-h.logged[e])
			h.logged[e] = n
		}
	}
}
