package main

import (
	"lethe/relay/need"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// treesAt in the environment says where testdata/debian/trees has made its
// trees, and deploy/build the package.
const treesAt = "LETHE_TEST_TREES"

// TestDebian builds the package and follows the README with it, and without, in
// clean Debian trees: what stands there is what is done here, word for word.
// Once the trees are made it runs itself again in namespaces of network, mounts
// and processes. Nothing of it touches the machine, and what it mounts or leaves
// running ends with it.
func TestDebian(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		succeed(t, "ip", "link", "set", "lo", "up")
		mount(t, "none", "/", syscall.MS_REC|syscall.MS_PRIVATE)
		at := os.Getenv(treesAt)
		t.Run("package", func(t *testing.T) { followInstall(t, newTree(t, at+"/package"), at+"/dist") })
		t.Run("readme", func(t *testing.T) { followReadme(t, newTree(t, at+"/readme")) })
		return
	}
	if testing.Short() {
		t.Skip("installs Debian twice")
	}
	for program, debian := range map[string]string{
		"debootstrap": "debootstrap", "dpkg-deb": "dpkg", "ip": "iproute2", "git": "git", "tmux": "tmux",
	} {
		need.Program(t, program, debian)
	}
	need.That(t, os.Geteuid() == 0, "to be root, who may make a Debian tree")
	t.Setenv(treesAt, t.TempDir())
	trees := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
		"testdata/debian/trees", os.Getenv(treesAt))
	made := make(chan string)
	go func() {
		out, err := trees.CombinedOutput()
		if err == nil {
			out = nil
		}
		made <- string(out)
	}()
	out := succeed(t, "deploy/build", "-verify", "-o", os.Getenv(treesAt)+"/dist")
	if !strings.Contains(out, "built twice, the same bytes") {
		t.Errorf("deploy/build -verify says\n%s", out)
	}
	if out := <-made; out != "" {
		t.Fatalf("testdata/debian/trees:\n%s", out)
	}
	inOwnNetwork(t)
}

// succeed runs a program that must succeed and returns what it wrote.
func succeed(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func mount(t testing.TB, from, to string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount(from, to, from, flags, ""); err != nil {
		t.Fatalf("mounting %s: %v", to, err)
	}
}

// A tree is a Debian of its own, which programs have for their root.
type tree struct {
	t    *testing.T
	root string // its folder here
}

func newTree(t *testing.T, root string) *tree {
	t.Helper()
	mount(t, "proc", root+"/proc", 0)
	mount(t, "/dev", root+"/dev", syscall.MS_BIND|syscall.MS_REC)
	return &tree{t, root}
}

// lend shows a folder of this machine in the tree, where nobody can write to it.
func (d *tree) lend(folder, at string) {
	d.t.Helper()
	if err := os.MkdirAll(d.root+at, 0o755); err != nil {
		d.t.Fatal(err)
	}
	mount(d.t, folder, d.root+at, syscall.MS_BIND)
	mount(d.t, "none", d.root+at, syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY)
}

// run has root's shell do a line in root's home and returns what it wrote. A
// question for a password is answered.
func (d *tree) run(line string) string {
	d.t.Helper()
	cmd := d.prepare("bash", "-c", line)
	cmd.Stdin = strings.NewReader(sesame + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// sesame is everybody's password.
const sesame = "sesame alice"

// prepare makes a program of the tree, not yet started.
func (d *tree) prepare(args ...string) *exec.Cmd {
	return exec.Command("chroot", append([]string{d.root, "env", "-i", "-C", "/root", "HOME=/root",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}, args...)...)
}

// read is a file of the tree.
func (d *tree) read(file string) string {
	d.t.Helper()
	return page(d.t, d.root+file)
}

// Instructions are followed line by line.
type instructions struct {
	t     *testing.T
	text  string
	lines []string // indented: what to type
}

func newInstructions(t *testing.T, heading string) *instructions {
	t.Helper()
	s := &instructions{t: t, text: section(page(t, "README.md"), heading)}
	for line := range strings.Lines(s.text) {
		if typed, ok := strings.CutPrefix(line, "    "); ok {
			s.lines = append(s.lines, strings.TrimSuffix(typed, "\n"))
		}
	}
	return s
}

// next is the next line to type. The last one has to be asked for.
func (s *instructions) next() string {
	s.t.Helper()
	if len(s.lines) == 0 {
		s.t.Fatal("README.md has fewer lines to type than are done here")
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	return line
}

// within is something to type that stands within a sentence.
func (s *instructions) within(typed string) string {
	s.t.Helper()
	if !strings.Contains(s.text, "`"+typed+"`") {
		s.t.Fatalf("README.md does not say `%s`", typed)
	}
	return typed
}

// end holds that nothing was left out.
func (s *instructions) end() {
	s.t.Helper()
	if len(s.lines) > 0 {
		s.t.Errorf("README.md has lines to type that nobody typed: %q", s.lines)
	}
}
