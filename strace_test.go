//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay/need"
	"lethe/relay/wire"
)

// A trace is what strace saw a relay do from the moment that it ran.
type trace struct {
	files   []string // that it may read
	folders []string // whose files it may read
	ports   []string // of 127.0.0.1, that it may connect to
	seen    map[string]int
}

// tracing makes a command run under strace, which writes to a file. The command
// remains the child, strace is its.
func tracing(t testing.TB, cmd *exec.Cmd, file string) {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal(err)
	}
	const unheard = "!futex,nanosleep,epoll_pwait,sched_yield,tgkill,rt_sigreturn,getpid,gettid,madvise"
	cmd.Args = append([]string{"strace", "-D", "-f", "-yy", "-qq", "-s", "100", "-e", "signal=none",
		"-e", "trace=" + unheard, "-o", file, "--", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = path
}

// quietCalls is the calls that touch nothing outside the process, or only read
// what is open. A call that is not here and not judged is a finding.
const quietCalls = " read pread64 readv recvfrom recvmsg accept4 close shutdown " +
	"epoll_create1 epoll_ctl eventfd2 pipe2 fcntl setsockopt getsockopt getsockname getpeername fstat newfstatat lseek " +
	"munmap mprotect brk mlock exit exit_group restart_syscall rt_sigaction rt_sigprocmask sigaltstack rseq " +
	"set_robust_list sched_getaffinity getrandom prctl timer_create timer_settime timer_delete clock_gettime uname "

var (
	callLine   = regexp.MustCompile(`^\d+ +([a-z0-9_]+)\((.*)$`)
	resumed    = regexp.MustCompile(`^\d+ +(<\.\.\. |\+\+\+ |--- )`)
	openedPath = regexp.MustCompile(`^(?:AT_FDCWD[^,]*, )?"([^"]*)", (O_[A-Z_|]+)`)
	socketOrOk = regexp.MustCompile(`^(?:2<|\d+<(?:TCP|UDP)(?:v6)?:|\d+<anon_inode:\[eventfd\]>)`)
	peerPort   = regexp.MustCompile(`sin_port=htons\((\d+)\), sin_addr=inet_addr\("127\.0\.0\.1"\)`)
)

// judge says what is wrong with a line of strace's, "" if nothing is. What a
// call is given stands in its first line, even where others come between.
func (tr *trace) judge(line string) string {
	if resumed.MatchString(line) {
		return ""
	}
	m := callLine.FindStringSubmatch(line)
	if m == nil {
		return "not understood"
	}
	name, args := m[1], m[2]
	tr.seen[name]++
	switch name {
	case "open", "openat":
		return tr.judgeOpen(args)
	case "write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg", "sendmmsg":
		if !socketOrOk.MatchString(args) {
			return "writes to what is no socket"
		}
	case "connect":
		if p := peerPort.FindStringSubmatch(args); p == nil || !slices.Contains(tr.ports, p[1]) {
			return "connects elsewhere"
		}
	case "socket":
		if !strings.HasPrefix(args, "AF_INET") {
			return "opens another kind of socket"
		}
	case "mmap":
		if !strings.Contains(args, "MAP_ANONYMOUS") {
			return "maps a file"
		}
	case "clone", "clone3":
		if !strings.Contains(args, "CLONE_THREAD") {
			return "starts a process"
		}
	default:
		if !strings.Contains(quietCalls, " "+name+" ") {
			return "has no business with this call"
		}
	}
	return ""
}

func (tr *trace) judgeOpen(args string) string {
	m := openedPath.FindStringSubmatch(args)
	if m == nil {
		return "opens what is not understood"
	}
	for flag := range strings.SplitSeq(m[2], "|") {
		if !slices.Contains([]string{"O_RDONLY", "O_CLOEXEC", "O_LARGEFILE", "O_NOCTTY", "O_NONBLOCK", "O_DIRECTORY"}, flag) {
			return "opens with " + flag
		}
	}
	below := func(folder string) bool { return strings.HasPrefix(m[1], folder+"/") }
	if !slices.Contains(tr.files, m[1]) && !slices.ContainsFunc(tr.folders, below) {
		return "opens what a reload does not need"
	}
	tr.seen[filepath.Base(m[1])]++
	return ""
}

// TestWritesNothing has strace watch two relays through all that a day brings:
// logins, messages, rooms, a resumed stream, another domain, one that cannot be
// reached, wrong passwords, reloads good and bad, the end.
func TestWritesNothing(t *testing.T) {
	need.Program(t, "strace", "strace")
	here, there := newRelayFor(t, "here.test", "alice", "bob"), newRelayFor(t, "there.test", "dan")
	dns := federate(t, here, there)
	traces := map[*instance]string{}
	for _, r := range []*instance{here, there} {
		cmd := prepare("serve", "-config", r.file("lethe.toml"))
		traces[r] = filepath.Join(t.TempDir(), "trace")
		tracing(t, cmd, traces[r])
		r.run(t, cmd)
		t.Cleanup(func() { r.cmd.Process.Kill() }) // if the test ends early
		waitFor(t, r, "msg=running")
	}
	day(t, here, there)
	for _, r := range []*instance{here, there} {
		r.end(t)
		tr := trace{seen: map[string]int{}, folders: inspected(), ports: []string{portOf(dns)}}
		if r == here {
			tr.ports = append(tr.ports, portOf(there.peers))
		} else {
			tr.ports = append(tr.ports, portOf(here.peers))
		}
		for _, name := range []string{"lethe.toml", "users.txt", "users.txt.minisig", "fullchain.pem", "privkey.pem"} {
			tr.files = append(tr.files, r.file(name))
		}
		tr.judgeFile(t, r, traces[r])
	}
}

// judgeFile judges all that a relay did after it said that it runs, and holds
// that it was seen to do what it did.
func (tr *trace) judgeFile(t *testing.T, r *instance, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(string(text), "msg=running")
	if tr.judge(before[:strings.IndexByte(before, '\n')]) == "" {
		t.Errorf("%s: that it was started is not found", r.domain)
	}
	_, after, _ = strings.Cut(after, "\n")
	findings := 0
	for line := range strings.Lines(after) {
		if what := tr.judge(strings.TrimSuffix(line, "\n")); what != "" && findings < 20 {
			findings++
			t.Errorf("%s %s: %.300s", r.domain, what, line)
		}
	}
	least := map[string]int{"write": 20, "read": 20, "accept4": 2, "exit_group": 1}
	if r.domain == "here.test" {
		least = map[string]int{"write": 100, "read": 100, "accept4": 8, "connect": 2, "users.txt": 2, "privkey.pem": 1, "exit_group": 1}
	}
	for what, n := range least {
		if tr.seen[what] < n {
			t.Errorf("%s: strace saw %s %d times: it is blind", r.domain, what, tr.seen[what])
		}
	}
	t.Logf("%s: %d lines, %v", r.domain, strings.Count(after, "\n"), tr.seen)
}

// day is all that users and operator do.
func day(t *testing.T, here, there *instance) {
	t.Helper()
	a, b, d := here.online(t, "alice"), here.online(t, "bob"), there.online(t, "dan")
	room := "team@rooms." + here.domain
	enter(t, a, room)
	enter(t, b, room)
	for i := range 10 {
		tell(t, a, b, b.JID().String(), "chat", fmt.Sprint(i), "text")
		tell(t, a, d, d.JID().String(), "chat", fmt.Sprint("d", i), "text")
		tell(t, d, b, b.JID().String(), "chat", fmt.Sprint("b", i), "text")
		tell(t, a, b, room, "groupchat", fmt.Sprint("g", i), "text")
	}
	for _, nobody := range []string{"nobody@" + here.domain, "nobody@nowhere.test"} {
		if err := a.Say(nobody, "back", "text"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Until(func(n *wire.Node) bool { return n.Attr("type") == "error" }); err != nil {
			t.Fatal(err)
		}
	}
	secret := here.secret
	here.secret = "wrong "
	for _, user := range []string{"alice", "nobody"} {
		if c, err := here.dial(t, user); err == nil {
			c.Close()
			t.Error("a wrong password is accepted")
		}
	}
	here.secret = secret
	if err := b.Manage(true); err != nil {
		t.Fatal(err)
	}
	b.Cut()
	if err := a.Say(b.JID().String(), "held", "text"); err != nil {
		t.Fatal(err)
	}
	b, err := b.Resume(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Until(func(n *wire.Node) bool { return n.Attr("id") == "held" }); err != nil {
		t.Fatal(err)
	}
	here.append(t, "users.txt", "# unsigned\n")
	here.reload(t, `level=ERROR .*signature`)
	here.add(t, "carol")
	here.sign(t)
	here.reload(t, `level=INFO msg=reloaded`)
	here.login(t, "carol").Close()
}

// waitFor waits until a relay has logged something.
func waitFor(t testing.TB, r *instance, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(r.log.String(), what); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not log %s, but %s", r.domain, what, r.log.String())
		}
	}
}

// TestTraceIsJudged holds that each wrong line is found, among those that
// strace wrote of a relay.
func TestTraceIsJudged(t *testing.T) {
	tr := trace{seen: map[string]int{}, files: []string{"/etc/lethe/users.txt"}, folders: []string{"/proc"}, ports: []string{"5353"}}
	for line, want := range map[string]string{
		`19036 write(2</dev/null>, "time="..., 82) = 82`:                                                                "",
		`19037 write(7<anon_inode:[eventfd]>, "\1\0\0\0\0\0\0\0", 8 <unfinished ...>`:                                   "",
		`19036 <... write resumed>)              = 8`:                                                                   "",
		`19027 +++ exited with 0 +++`:                                                                                   "",
		`19037 write(12<TCP:[127.0.0.1:15223->127.0.0.1:45908]>, "\26\3\3"..., 761) = 761`:                              "",
		`19037 write(12<TCPv6:[[::1]:15223->[::1]:45908]>, "\26\3\3"..., 761) = 761`:                                    "",
		`19037 write(12</tmp/TCP:[x]>, "\26\3\3"..., 761) = 761`:                                                        "writes to what is no socket",
		`19037 write(12<UNIX-STREAM:[1->2]>, "x", 1) = 1`:                                                               "writes to what is no socket",
		`19037 pwrite64(9</etc/lethe/users.txt>, "x", 1, 0 <unfinished ...>`:                                            "writes to what is no socket",
		`19037 write(1<pipe:[1]>, "x", 1) = 1`:                                                                          "writes to what is no socket",
		`19037 openat(AT_FDCWD</>, "/etc/lethe/users.txt", O_RDONLY|O_CLOEXEC) = 5</etc/x>`:                             "",
		`19037 openat(AT_FDCWD, "/proc/self/maps", O_RDONLY) = 5</proc/1/maps>`:                                         "",
		`19037 openat(AT_FDCWD</>, "/etc/lethe/users.txt", O_RDWR|O_CLOEXEC) = -1 EACCES (x)`:                           "opens with O_RDWR",
		`19037 openat(AT_FDCWD</>, "/etc/lethe/users.txt", O_RDONLY|O_TRUNC <unfinished ...>`:                           "opens with O_TRUNC",
		`19037 openat(AT_FDCWD</>, "/etc/lethe/x", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 5</x>`:                           "opens with O_WRONLY",
		`19037 openat(AT_FDCWD</>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 5</etc/passwd>`:                                 "opens what a reload does not need",
		`19037 openat(5</etc/lethe>, "users.txt", O_RDONLY|O_CLOEXEC) = 6</etc/lethe/users.txt>`:                        "opens what is not understood",
		`19037 connect(9<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(5353), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`: "",
		`19037 connect(9<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`:   "connects elsewhere",
		`19037 connect(9<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(5353), sin_addr=inet_addr("9.9.9.9")}, 16) = 0`:   "connects elsewhere",
		`19037 connect(9<UNIX:[1]>, {sa_family=AF_UNIX, sun_path="/dev/log"}, 16) = 0`:                                  "connects elsewhere",
		`19037 socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0) = 9<UNIX:[1]>`:                                               "opens another kind of socket",
		`19037 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f`:                        "",
		`19037 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED, 5</x>, 0) = 0x7f`:                                    "maps a file",
		`19037 clone(child_stack=0xc0, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 19038`:                                   "",
		`19037 clone(child_stack=NULL, flags=SIGCHLD) = 19038`:                                                          "starts a process",
		`19037 execve("/bin/sh", ["sh"], 0x7ffd /* 3 vars */) = -1 EPERM (not permitted)`:                               "has no business with this call",
		`19037 unlinkat(AT_FDCWD</>, "/etc/lethe/users.txt", 0) = -1 EACCES (Permission denied)`:                        "has no business with this call",
		`19037 renameat(AT_FDCWD</>, "a", AT_FDCWD</>, "b") = 0`:                                                        "has no business with this call",
		`19037 ftruncate(5</x>, 0) = 0`:                                                                                 "has no business with this call",
		`garbage`:                                                                                                       "not understood",
	} {
		if got := tr.judge(line); got != want {
			t.Errorf("%s\nis judged %q, want %q", line, got, want)
		}
	}
}

// portOf is the port of an address.
func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
