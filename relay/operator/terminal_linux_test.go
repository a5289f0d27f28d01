package operator_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"lethe/relay/need"
	"lethe/relay/operator"
)

// ioctl calls the kernel about a terminal.
func ioctl(t *testing.T, f *os.File, request uintptr, arg unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		t.Fatal(errno)
	}
}

// newTerminal makes a pseudo-terminal: what is written to user is typed, what
// is read from it is shown; the command has the other end.
func newTerminal(t *testing.T) (user, command *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	need.That(t, err == nil, "pseudo-terminals (/dev/ptmx)")
	t.Cleanup(func() { user.Close() })
	var n, locked int32
	ioctl(t, user, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	ioctl(t, user, syscall.TIOCGPTN, unsafe.Pointer(&n))
	command, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Close() })
	return user, command
}

// A screen is an Err that says when something was written.
type screen struct {
	bytes.Buffer
	wrote chan string
}

func (s *screen) Write(p []byte) (int, error) {
	s.wrote <- string(p)
	return s.Buffer.Write(p)
}

// answer types a line once a question stands on the screen and the terminal
// has stopped echoing.
func answer(t *testing.T, user, command *os.File, secret string) {
	for range 2000 {
		var state syscall.Termios
		ioctl(t, command, syscall.TCGETS, unsafe.Pointer(&state))
		if state.Lflag&syscall.ECHO == 0 {
			fmt.Fprintln(user, secret)
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the terminal went on echoing")
	command.Close()
}

// onTerminal runs a command whose user types secrets, and returns what was
// said on Err and what the terminal showed.
func onTerminal(t *testing.T, secrets []string, cmd command, args ...string) (code int, errs, shown string) {
	t.Helper()
	user, tty := newTerminal(t)
	e := &screen{wrote: make(chan string)}
	done := make(chan int)
	go func() {
		defer close(e.wrote)
		done <- cmd(args, operator.Stdio{In: tty, Out: io.Discard, Err: e})
	}()
	for {
		select {
		case s := <-e.wrote:
			if strings.HasSuffix(s, ": ") && len(secrets) > 0 {
				answer(t, user, tty, secrets[0])
				secrets = secrets[1:]
			}
			continue
		case code = <-done:
		}
		break
	}
	fmt.Fprint(tty, ".") // something to read, whatever was shown
	b := make([]byte, 4096)
	n, _ := user.Read(b)
	return code, e.String(), string(b[:n])
}

func TestTerminal(t *testing.T) {
	_, file, _, _ := fresh(t)
	code, errs, shown := onTerminal(t, []string{"geheim", "geheim"}, operator.User, "add", "-users", file, "bob@example.org")
	if code != 0 || !strings.HasPrefix(errs, "Password for bob@example.org: \nPassword for bob@example.org, again: \n") {
		t.Errorf("status %d, %q", code, errs)
	}
	if strings.Contains(shown, "geheim") {
		t.Errorf("the terminal showed the password: %q", shown)
	}
	knows(t, file, "geheim")
	before := read(t, file)
	code, errs, _ = onTerminal(t, []string{"one", "two"}, operator.User, "passwd", "-users", file, "bob@example.org")
	if code != 1 || !strings.HasSuffix(errs, "the two differ; try again\n") || read(t, file) != before {
		t.Errorf("status %d, %q", code, errs)
	}
	name := filepath.Join(filepath.Dir(file), "second")
	if code, errs, _ = onTerminal(t, []string{"", ""}, operator.Keygen, "-out", name); code != 0 {
		t.Errorf("keygen: status %d, %q", code, errs)
	}
	must(t, operator.Sign, "", "-key", name+".key", file)
}
