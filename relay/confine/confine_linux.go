package confine

import (
	"os"
	"syscall"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// Apply confines the process to its needs and returns what it could not do.
// Files must be read and ports open before. It is called once.
func Apply(n Needs) []Gap {
	_ = time.Now().Local().String() // reads the time zone's file, if nothing has yet
	var gaps []Gap
	for _, step := range []struct {
		measure Measure
		take    func(Needs) string
	}{
		{Memory, lockMemory}, // while there may be a privilege for it
		{User, dropRoot},
		{Dumps, noDumps}, // another user makes a process dumpable again
		{Files, restrictFiles},
		{Ports, restrictPorts},
		{Calls, filterCalls},
	} {
		if reason := step.take(n); reason != "" {
			gaps = append(gaps, Gap{step.measure, reason})
		}
	}
	return gaps
}

// dropRoot becomes another user. The runtime sees to it that all threads do.
func dropRoot(n Needs) string {
	if os.Geteuid() != 0 {
		return ""
	}
	if n.UID == 0 {
		return "runs as root; give the files to a user of their own, or name one with user"
	}
	for _, err := range []error{syscall.Setgroups([]int{n.GID}), syscall.Setgid(n.GID), syscall.Setuid(n.UID)} {
		if err != nil {
			return "root cannot be given up; start the relay as another user"
		}
	}
	return ""
}

// lockMemory keeps all of it out of swap, as it comes into use. Where a limit
// would bind the process it does nothing: allocations beyond it would fail.
func lockMemory(n Needs) string {
	const cure = "; set LimitMEMLOCK=infinity, or have no swap"
	root := os.Geteuid() == 0
	var limit unix.Rlimit
	bound := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) != nil || limit.Cur != unix.RLIM_INFINITY
	if bound && root {
		free := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		bound = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &free) != nil && n.UID != 0 // it does not bind root
	}
	if bound {
		return "memory cannot be locked within the limit on it" + cure
	}
	if unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) != nil {
		return "memory cannot be locked" + cure
	}
	return ""
}

func noDumps(Needs) string {
	if unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) != nil ||
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) != nil {
		return "core dumps and debuggers cannot be forbidden"
	}
	return ""
}

// The oldest Landlock that forbids what is promised: writing, creating,
// removing and, from the third version on, truncating.
const leastABI = 3

func restrictFiles(n Needs) string {
	err := landlock.V9.BestEffort().RestrictPaths(landlock.PathAccess(llReadFile|llReadDir, n.Folders...))
	switch {
	case abi() < leastABI:
		return "this kernel has no Landlock, or an old one; from Linux 6.2 on it is complete"
	case err != nil:
		return "a folder with the relay's files cannot be opened"
	}
	return ""
}

// restrictPorts forbids new listeners and, if ports are given, connections to
// others.
func restrictPorts(n Needs) string {
	const missing = "this kernel cannot forbid ports; Linux 6.7 can"
	if abi() < 4 {
		return missing
	}
	rules := []landlock.Rule{}
	access := landlock.AccessNetSet(llBindTCP)
	if n.Connect != nil {
		access |= llConnectTCP
		for _, p := range n.Connect {
			rules = append(rules, landlock.ConnectTCP(p))
		}
	}
	if err := landlock.MustConfig(access).RestrictNet(rules...); err != nil {
		return missing
	}
	return ""
}

// abi is the kernel's version of Landlock, 0 if it has none.
func abi() int {
	version, _, err := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if err != 0 {
		return 0
	}
	return int(version)
}

// What Landlock's interface names by numbers.
const (
	llReadFile   = unix.LANDLOCK_ACCESS_FS_READ_FILE
	llReadDir    = unix.LANDLOCK_ACCESS_FS_READ_DIR
	llBindTCP    = unix.LANDLOCK_ACCESS_NET_BIND_TCP
	llConnectTCP = unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
)
