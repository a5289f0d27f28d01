package main

import (
	"context"
	"errors"
	"lethe/relay/need"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a client; on a quiet machine each takes a
// second or two.
const patience = 40 * time.Second

// A screen is a terminal program running in a tmux server of its own.
type screen struct {
	t      testing.TB
	name   string // for failure messages
	socket string // tmux's
	pid    int    // the program's
}

// newScreen starts program with nothing but the given environment in a fresh
// home, and makes sure that it has ended when the test has.
func newScreen(t testing.TB, home string, env []string, program string, args ...string) *screen {
	t.Helper()
	need.Program(t, "tmux", "tmux")
	// A socket's path has little room: t.TempDir's would not always fit.
	dir, err := os.MkdirTemp("", "screen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte("set -g remain-on-exit on\nset -s escape-time 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, name: program, socket: filepath.Join(dir, "s")}
	command := append([]string{"-f", conf, "new-session", "-d", "-x", "160", "-y", "48", "--",
		"env", "-i", "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=screen-256color",
		"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/.config", "XDG_DATA_HOME=" + home + "/.local/share",
		"XDG_CACHE_HOME=" + home + "/.cache"}, env...)
	s.tmux(append(append(command, program), args...)...)
	if s.pid, err = strconv.Atoi(strings.TrimSpace(s.tmux("display", "-p", "#{pane_pid}"))); err != nil {
		t.Fatalf("%s: no process: %v", program, err)
	}
	t.Cleanup(s.end)
	return s
}

// tmux runs one tmux command and returns what it printed.
func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: tmux %s: %v: %s", s.name, args[0], err, out)
	}
	return string(out)
}

// end hangs up on the program, and kills it when it does not mind.
func (s *screen) end() {
	if s.t.Failed() {
		s.t.Logf("%s shows at the end:\n%s", s.name, s.text())
	}
	exec.Command("tmux", "-S", s.socket, "kill-server").Run()
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if errors.Is(syscall.Kill(s.pid, 0), syscall.ESRCH) {
			return
		}
	}
	syscall.Kill(s.pid, syscall.SIGKILL)
}

// enter types a line and, once it is to be seen, the Enter key: together they
// would be text pasted to some programs.
func (s *screen) enter(line string) {
	s.t.Helper()
	s.tmux("send-keys", "-l", "--", line)
	s.sees(regexp.QuoteMeta(line))
	s.keys("Enter")
}

// keys presses keys by tmux's names for them.
func (s *screen) keys(names ...string) {
	s.t.Helper()
	s.tmux(append([]string{"send-keys"}, names...)...)
}

// text is what the terminal shows.
func (s *screen) text() string {
	s.t.Helper()
	return strings.TrimRight(s.tmux("capture-pane", "-p"), "\n")
}

// sees waits until the terminal shows something that pattern matches.
func (s *screen) sees(pattern string) {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if re.MatchString(s.text()) {
			return
		}
	}
	s.t.Fatalf("%s does not show %q within %v", s.name, pattern, patience)
}
