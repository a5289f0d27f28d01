package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lethe/relay/circuit"
	"lethe/relay/config"
)

// A port is where one kind of connection arrives.
type port struct {
	name      string // what systemd may call it; "": it opens no such
	addresses []netip.AddrPort
	serve     func(net.Listener, bool) error
	direct    bool // TLS begins with the first byte
	onion     bool // Tor brings the connections
}

func (h *host) ports() []port {
	l, o := h.cfg.Listen, h.cfg.Onion
	ports := []port{
		{name: "client", addresses: l.Client, serve: h.relay.ServeClients},
		{name: "client_tls", addresses: l.ClientTLS, serve: h.relay.ServeClients, direct: true},
		{name: "onion_clients", addresses: o.Clients, serve: h.relay.ServeClients, onion: true},
		{name: "proxy65", addresses: l.Proxy65, serve: h.relay.ServeProxy},
		{addresses: l.Metrics, serve: h.serveMetrics}, // has to be on loopback
	}
	if h.cfg.Federation.Policy == config.Off {
		return ports
	}
	return append(ports,
		port{name: "server", addresses: l.Server, serve: h.relay.ServePeers},
		port{name: "server_tls", addresses: l.ServerTLS, serve: h.relay.ServePeers, direct: true},
		port{name: "onion_relays", addresses: o.Relays, serve: h.relay.ServePeers, onion: true},
	)
}

// A door is an open port, at which nobody is let in before accept.
type door struct {
	net.Listener
	port port
}

// open opens the ports. What systemd has opened under a port's name takes the
// place of its addresses.
func (h *host) open() error {
	ports := h.ports()
	var known []string
	for _, p := range ports {
		if p.name != "" && len(p.addresses) > 0 {
			known = append(known, p.name)
		}
	}
	given, err := inherited(known)
	if err != nil {
		return err
	}
	for _, p := range ports {
		listeners := given[p.name]
		if len(listeners) == 0 {
			if listeners, err = h.listen(p.addresses); err != nil {
				return err
			}
		}
		for _, l := range listeners {
			h.doors = append(h.doors, door{l, p})
		}
	}
	return nil
}

// accept serves on the open ports. Whoever came before has waited meanwhile.
func (h *host) accept() {
	for i, d := range h.doors {
		if d.port.onion {
			d.Listener = circuit.Listen(d.Listener)
			h.doors[i] = d
		}
		go d.port.serve(d.Listener, d.port.direct)
	}
}

// listen opens ports. Dead peers behind NAT are found by keep-alives of TCP; a
// port that another holds is an error that names it.
func (h *host) listen(addresses []netip.AddrPort) (all []net.Listener, err error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 90 * time.Second, Interval: 15 * time.Second, Count: 4,
	}}
	for _, a := range addresses {
		l, err := lc.Listen(context.Background(), "tcp", a.String())
		if errors.Is(err, syscall.EADDRINUSE) {
			return all, fmt.Errorf("%w; stop what holds the port, or change it in %s", err, h.file)
		} else if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	return all, nil
}

// firstSocket is the number of the first open socket that systemd passes on
// (sd_listen_fds(3)).
const firstSocket = 3

// inherited returns the listeners that systemd has opened for this process, by
// the name of the key of [listen] that each stands for, and takes them out of
// the environment. A socket's name is its FileDescriptorName=.
func inherited(known []string) (map[string][]net.Listener, error) {
	defer func() {
		for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
			os.Unsetenv(name) // fails for no name like these
		}
	}()
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	if err != nil || n != len(names) {
		return nil, fmt.Errorf("sockets from systemd have no names; give each socket unit a FileDescriptorName= like a key of [listen]")
	}
	all := make(map[string][]net.Listener)
	for i, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("a socket from systemd is named %q; name it like one of %s", name, strings.Join(known, ", "))
		}
		listens, err := syscall.GetsockoptInt(firstSocket+i, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || listens == 0 {
			return nil, fmt.Errorf("the socket %s from systemd takes no connections; make it ListenStream=, and leave Accept=no", name)
		}
		f := os.NewFile(uintptr(firstSocket+i), name)
		l, err := net.FileListener(f) // has a copy
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("the socket %s from systemd: %w", name, err)
		}
		all[name] = append(all[name], l)
	}
	return all, nil
}
