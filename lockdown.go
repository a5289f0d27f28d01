package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"lethe/relay/config"
	"lethe/relay/confine"
)

// lockdown takes from the process what it needs no more. What cannot be taken
// is warned of, or is an error if the operator requires it.
func (h *host) lockdown(name string, required bool) error {
	needs := confine.Needs{Folders: folders(h.file, h.cfg), Connect: connects(h.cfg)}
	var err error
	if needs.UID, needs.GID, err = runAs(name, h.cfg.Users); err != nil {
		return err
	}
	for _, gap := range confine.Apply(needs) {
		if required {
			return fmt.Errorf("not locked down: %s: %s; or start without -require-lockdown", gap.Measure, gap.Reason)
		}
		h.log.Warn("not locked down", "measure", gap.Measure.String(), "reason", gap.Reason)
	}
	return nil
}

// folders is where the files lie that a reload reads. A file that is a link,
// as renewed certificates often are, lies in more than one.
func folders(file string, cfg *config.Config) []string {
	files := []string{file, cfg.Users, cfg.Signature()}
	for _, p := range cfg.TLS.Certificates {
		files = append(files, p.Chain, p.Key)
	}
	if cfg.Calls.SecretFile != "" {
		files = append(files, cfg.Calls.SecretFile)
	}
	var all []string
	for _, f := range files {
		all = append(all, filepath.Dir(f))
		if real, err := filepath.EvalSymlinks(f); err == nil {
			all = append(all, filepath.Dir(real))
		}
	}
	all = append(all, inspected()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// connects is the TCP ports that the relay connects to: none without
// federation, Tor's if every domain is an onion address, else any.
func connects(cfg *config.Config) []uint16 {
	onion := func(domain string) bool { return strings.HasSuffix(domain, ".onion") }
	switch {
	case cfg.Federation.Policy == config.Off:
		return []uint16{}
	case cfg.Onion.SOCKS.IsValid() && !slices.ContainsFunc(cfg.Domains, func(d string) bool { return !onion(d) }):
		return []uint16{cfg.Onion.SOCKS.Port()}
	}
	return nil
}

// runAs is who a relay goes on as that was started as root: the named user, or
// else the owner of the users file.
func runAs(name, users string) (uid, gid int, err error) {
	if name == "" {
		info, err := os.Stat(users)
		if err != nil {
			return 0, 0, err
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			return int(owner.Uid), int(owner.Gid), nil
		}
		return 0, 0, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, fmt.Errorf("there is no user %s; make one, or name another with -user", name)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(err1, err2)
}
