package main

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

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
		return nil, fmt.Errorf("sockets from systemd have no names; give each socket unit FileDescriptorName=client, client_tls, ...")
	}
	all := make(map[string][]net.Listener)
	for i, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("a socket from systemd is named %q; name it like one of %s", name, strings.Join(known, ", "))
		}
		f := os.NewFile(uintptr(firstSocket+i), name)
		l, err := net.FileListener(f) // has a copy
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("the socket %s from systemd takes no connections; make it ListenStream=", name)
		}
		all[name] = append(all[name], l)
	}
	return all, nil
}
