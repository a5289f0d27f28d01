package confine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"lethe/relay/need"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attempts is what a confined process is made to try. Each returns what came
// of it.
func attempts(folder, other string, port uint16) map[string]func() error {
	return map[string]func() error{
		"read what a reload needs": func() error { _, err := os.ReadFile(filepath.Join(folder, "file")); return err },
		"read what is replaced": func() error { // as a certificate is: by its parent, while the child runs
			for range 200 {
				if b, err := os.ReadFile(filepath.Join(folder, "new")); err == nil && len(b) > 0 {
					return nil
				}
				time.Sleep(20 * time.Millisecond)
			}
			return errors.New("not seen")
		},
		"connect":    func() error { return connect(port) },
		"thread":     threads,
		"read other": func() error { _, err := os.ReadFile(filepath.Join(other, "file")); return err },
		"write":      func() error { return os.WriteFile(filepath.Join(folder, "file"), []byte("x"), 0o600) },
		"append":     func() error { return open(filepath.Join(folder, "file"), os.O_APPEND|os.O_WRONLY) },
		"create":     func() error { return open(filepath.Join(folder, "created"), os.O_CREATE|os.O_WRONLY) },
		"create tmp": func() error { _, err := os.CreateTemp("", "x"); return err },
		"create old": func() error { return errno(unix.Creat(filepath.Join(folder, "created"), 0o600)) },
		"mkdir":      func() error { return os.Mkdir(filepath.Join(folder, "dir"), 0o700) },
		"remove":     func() error { return os.Remove(filepath.Join(folder, "file")) },
		"rename":     func() error { return os.Rename(filepath.Join(folder, "file"), filepath.Join(folder, "b")) },
		"link":       func() error { return os.Link(filepath.Join(folder, "file"), filepath.Join(folder, "b")) },
		"symlink":    func() error { return os.Symlink("file", filepath.Join(folder, "b")) },
		"truncate":   func() error { return os.Truncate(filepath.Join(folder, "file"), 0) },
		"mode":       func() error { return os.Chmod(filepath.Join(folder, "file"), 0o644) },
		"mode open":  func() error { return onFile(folder, func(fd int) error { return unix.Fchmod(fd, 0o644) }) },
		"attribute":  func() error { return unix.Lsetxattr(filepath.Join(folder, "file"), "user.x", []byte("y"), 0) },
		"attribute open": func() error {
			return onFile(folder, func(fd int) error { return unix.Fsetxattr(fd, "user.x", []byte("y"), 0) })
		},
		"times":       func() error { return os.Chtimes(filepath.Join(folder, "file"), time.Now(), time.Now()) },
		"local":       func() error { return errno(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)) },
		"kernel":      func() error { return errno(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)) },
		"datagram":    func() error { return errno(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)) },
		"multipath":   func() error { return errno(unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)) },
		"unnamed":     func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"program":     func() error { return exec.Command("/bin/true").Run() },
		"program raw": func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
		"fork":        func() error { _, err := syscall.ForkExec("/bin/true", nil, nil); return err },
		"trace":       func() error { return syscall.PtraceAttach(os.Getppid()) },
		"ring":        func() error { return raw(unix.SYS_IO_URING_SETUP) },
		"bpf":         func() error { return raw(unix.SYS_BPF) },
		"listen": func() error {
			var lc net.ListenConfig
			lc.SetMultipathTCP(false) // Landlock sees TCP
			_, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
			return err
		},
		"connect elsewhere": func() error { return connect(port + 1) },
		"dump": func() error {
			var l unix.Rlimit
			unix.Getrlimit(unix.RLIMIT_CORE, &l)
			dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
			return refusedIf(l.Cur == 0 && l.Max == 0 && dumpable == 0)
		},
		"privilege": func() error {
			nnp, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
			return refusedIf(nnp == 1)
		},
	}
}

// permitted is the attempts that must work; all others must be refused.
var permitted = []string{"read what a reload needs", "read what is replaced", "connect", "thread"}

func open(name string, flags int) error { _, err := os.OpenFile(name, flags, 0o600); return err }
func errno(_ int, err error) error      { return err }

func raw(call uintptr) error {
	if _, _, e := unix.Syscall(call, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// onFile opens the file for reading.
func onFile(folder string, f func(fd int) error) error {
	file, err := os.Open(filepath.Join(folder, "file"))
	if err != nil {
		return fmt.Errorf("cannot be tried: %v", err)
	}
	defer file.Close()
	return f(int(file.Fd()))
}

func refusedIf(b bool) error {
	if b {
		return unix.EPERM
	}
	return nil
}

func connect(port uint16) error {
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err == nil {
		c.Close()
	}
	return err
}

// TestDropRoot lets a child begin as root and looks who it goes on as.
func TestDropRoot(t *testing.T) {
	const nobody = 65534
	if os.Getenv("CONFINED") != "" {
		for _, gap := range Apply(Needs{UID: nobody, GID: nobody, Folders: []string{"/proc"}}) {
			if gap.Measure == User {
				t.Fatal(gap.Reason)
			}
		}
		if err := syscall.Setuid(0); err == nil {
			t.Error("root again")
		}
		tasks, err := filepath.Glob("/proc/self/task/*/status")
		if err != nil || len(tasks) < 2 {
			t.Fatalf("%d threads, %v", len(tasks), err)
		}
		for _, task := range tasks {
			b, err := os.ReadFile(task)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{
				"Uid:\t65534\t65534\t65534\t65534\n", "Gid:\t65534\t65534\t65534\t65534\n",
				"CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
			} {
				if !bytes.Contains(b, []byte(want)) {
					t.Errorf("a thread lacks %q:\n%s", want, b)
				}
			}
		}
		return
	}
	need.That(t, os.Geteuid() == 0, "to be root, who alone can give that up")
	cmd := exec.Command(os.Args[0], "-test.run", "^TestDropRoot$")
	cmd.Env = append(os.Environ(), "CONFINED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// threads blocks so many goroutines in system calls that the runtime needs new
// threads.
func threads() error {
	done := make(chan error)
	for range 30 {
		go func() {
			t := unix.Timespec{Nsec: 50_000_000}
			done <- unix.Nanosleep(&t, nil)
		}()
	}
	for range 30 {
		if err := <-done; err != nil && err != unix.EINTR {
			return err
		}
	}
	return nil
}

// TestConfined starts this test binary again, confines it, and lets it try.
func TestConfined(t *testing.T) {
	if os.Getenv("CONFINED") != "" {
		confined(t)
		return
	}
	need.That(t, abi() >= 4, "a kernel with Landlock of version 4 (Linux 6.7)")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	folder, other := t.TempDir(), t.TempDir()
	for _, dir := range []string{folder, other} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestConfined$", "-test.v")
	cmd.Env = append(os.Environ(), "CONFINED=1", "FOLDER="+folder, "OTHER="+other, "PORT="+strconv.Itoa(int(port)))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	// A renewed certificate comes as a new file in place of the old one.
	if err := os.WriteFile(filepath.Join(other, "new"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other, "new"), filepath.Join(folder, "new")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	for name := range attempts("", "", 0) {
		if !strings.Contains(out.String(), "tried "+name+"\n") {
			t.Errorf("%s was not tried:\n%s", name, out.String())
		}
	}
	if b, err := os.ReadFile(filepath.Join(folder, "file")); string(b) != "text" {
		t.Errorf("the file is %q, %v", b, err)
	}
	entries, _ := os.ReadDir(folder)
	if len(entries) != 2 {
		t.Errorf("the folder has %d entries, 2 were put there", len(entries))
	}
}

// confined is the child.
func confined(t *testing.T) {
	port, _ := strconv.Atoi(os.Getenv("PORT"))
	folder, other := os.Getenv("FOLDER"), os.Getenv("OTHER")
	for _, gap := range Apply(Needs{Folders: []string{folder}, Connect: []uint16{uint16(port)}}) {
		if gap.Measure != User && gap.Measure != Memory { // the tester may be root, or have limits
			t.Fatalf("%v: %s", gap.Measure, gap.Reason)
		}
	}
	for name, try := range attempts(folder, other, uint16(port)) {
		err := try()
		may := false
		for _, p := range permitted {
			may = may || p == name
		}
		switch {
		case may && err != nil:
			t.Errorf("%s: %v", name, err)
		case !may && err == nil:
			t.Errorf("%s: done", name)
		case !may && !errors.Is(err, fs.ErrPermission):
			t.Errorf("%s fails for another reason: %v", name, err)
		}
		fmt.Printf("tried %s\n", name)
	}
}
