package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The audit reads the code and holds what README.md and SECURITY.md claim of
// all of it. Each claim collects findings, one line each; a claim holds when
// they are the lines it allows. A finding names its place as "room: function",
// so that moving code within a room changes nothing.

// A claim is something that holds for every file.
type claim struct {
	name    string
	find    func(s *source) []string
	allowed []string // findings, unless golden names the file that lists them
	golden  string   // in testdata/audit; a line is a finding, two blanks, its reason
	once    bool     // the same finding twice is one
	tests   bool     // holds for tests too
	mend    string
}

var claims = []claim{
	{
		name: "arrows", find: arrows, golden: "arrows.txt", once: true,
		mend: "a room needs what lies below it, not beside or above: move the code, or add the arrow and say why the design changed",
	},
	{
		name: "apart", find: meetings,
		mend: "these rooms never meet: what one needs of another goes through relay",
	},
	{
		name: "packages", find: guardedPackages,
		mend: "each of these packages has its one room: call that room",
	},
	{
		name: "pure", find: impure,
		mend: "this room touches no socket, file or clock: let its caller hand in what it needs",
	},
	{
		name: "files", find: fileAccess,
		mend: "only relay/operator writes files; reading is os.ReadFile and os.Stat",
	},
	{
		name: "silence", find: output,
		mend: "only main.go logs and owns the standard streams: write to the io.Writer you are given",
	},
	{
		name: "words", find: formatted,
		mend: "what a peer sent must not end in an error or a log: this room makes errors of literal text only",
	},
	{
		name: "variables", find: variables, golden: "variables.txt",
		mend: "state lives in a value that somebody owns: put it in a struct, or list a table that never changes",
	},
	{
		name: "init", find: initFunctions,
		mend: "nothing happens before main: make it a function and call it",
	},
	{
		name: "goroutines", find: goroutines, golden: "goroutines.txt",
		mend: "every goroutine has a reason and an end: list it with both",
	},
	{
		name: "recover", find: calls("recover"), allowed: []string{"relay/stream: Contain"},
		mend: "a defect ends one connection, at its guard, and is nowhere else hidden",
	},
	{
		name: "verification", find: mentions("InsecureSkipVerify"), allowed: []string{"tls: ClientConfig.config"},
		mend: "the check of certificates is replaced in one place only, beside what replaces it",
	},
	{
		name: "unsafe", find: unsafeCode,
		mend: "memory safety rests on this: do without, or keep it in the oracle behind its build tag",
	},
	{
		name: "citations", find: malformedCitations, tests: true,
		mend: "write RFC 6120 §4.9.3.13 or XEP-0368 §3",
	},
}

func TestAudit(t *testing.T) {
	sources := readSources(t)
	_, rooms := binary(t)
	for _, c := range claims {
		t.Run(c.name, func(t *testing.T) {
			var found []string
			for _, s := range sources {
				// A list is about what runs; a room gets its lines once
				// main reaches it.
				listed := c.golden == "" || slices.Contains(rooms, s.room)
				if listed && (c.tests || !s.test) {
					found = append(found, c.find(s)...)
				}
			}
			if c.once {
				slices.Sort(found)
				found = slices.Compact(found)
			}
			less, more := difference(found, c.allows(t))
			for _, f := range more {
				t.Errorf("%s\n\t%s", f, c.mend)
			}
			for _, f := range less {
				t.Errorf("%s\n\tis listed and no longer there: remove the line from %s", f, cmp.Or(c.golden, "claims"))
			}
		})
	}
}

func (c claim) allows(t *testing.T) []string {
	if c.golden == "" {
		return c.allowed
	}
	return golden(t, c.golden)
}

// TestAuditFinds breaks every claim.
func TestAuditFinds(t *testing.T) {
	tests := []struct {
		claim string
		path  string
		code  string
	}{
		{"arrows", "relay/jid/x.go", `import "lethe/relay/wire"`},
		{"apart", "relay/c2s/x.go", `import "lethe/relay/account"`},
		{"packages", "relay/c2s/x.go", `import "crypto/tls"`},
		{"packages", "relay/c2s/x.go", `import . "strings"`},
		{"packages", "relay/operator/x.go", `import "net/http/httptest"`},
		{"packages", "relay/operator/x.go", `import "github.com/miekg/dns"`},
		{"packages", "relay/x.go", `import "os/exec"`},
		{"pure", "relay/wire/x.go", `import "net"`},
		{"pure", "relay/sasl/x.go", `import "context"`},
		{"pure", "relay/users/x.go", `import clock "time"; func f() { clock.Now() }`},
		{"files", "main.go", `import "os"; func f() { os.WriteFile("", nil, 0) }`},
		{"files", "tls/x.go", `import fs "os"; var f = fs.OpenFile`},
		{"files", "tls/x.go", `import "syscall"; func f() { syscall.Open("", 0, 0) }`},
		{"files", "tls/x.go", `import "syscall"; func f() { syscall.Exec("", nil, nil) }`},
		{"silence", "relay/c2s/x.go", `import "fmt"; func f() { fmt.Println() }`},
		{"silence", "relay/c2s/x.go", `func f() { println() }`},
		{"silence", "relay/c2s/x.go", `import "os"; var f = os.Stderr`},
		{"words", "relay/wire/x.go", `import "fmt"`},
		{"words", "relay/wire/x.go", `import "errors"; func f(s string) { errors.New("bad " + s) }`},
		{"variables", "relay/x.go", `var cache map[string]int`},
		{"init", "relay/x.go", `func init() {}`},
		{"goroutines", "relay/x.go", `func f() { func() { go f() }() }`},
		{"recover", "relay/x.go", `func f() { defer func() { recover() }() }`},
		{"verification", "relay/x.go", `var f = &Config{InsecureSkipVerify: true}`},
		{"unsafe", "relay/x.go", `import "unsafe"`},
		{"unsafe", "relay/wire/internal/expat/x.go", `import "C"`},
		{"unsafe", "relay/x.go", "//go:linkname f runtime.f\nfunc f()"},
		{"citations", "relay/x.go", "// f is in RFC6120.\nfunc f() {}"},
		{"citations", "relay/x.go", "// f is in RFC 6120, section\n// 4.9.\nfunc f() {}"},
		{"citations", "relay/x.go", "// f is in XEP 199.\nfunc f() {}"},
	}
	for _, tt := range tests {
		c := claims[slices.IndexFunc(claims, func(c claim) bool { return c.name == tt.claim })]
		_, more := difference(c.find(parse(t, tt.path, "package x\n"+tt.code)), c.allows(t))
		if len(more) == 0 {
			t.Errorf("%s: nothing found in %s:\n%s", tt.claim, tt.path, tt.code)
		}
	}
	for _, c := range claims {
		if !slices.ContainsFunc(tests, func(tt struct{ claim, path, code string }) bool { return tt.claim == c.name }) {
			t.Errorf("%s: no case breaks it", c.name)
		}
	}
}

// A source is a Go file.
type source struct {
	room    string // its folder, "main" for the top
	test    bool
	file    *ast.File
	imports []string
	names   map[string]string // the packages it imports by what it calls them
}

func readSources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := os.ReadFile(p)
		if err == nil {
			all = append(all, parse(t, filepath.ToSlash(p), string(text)))
		}
		return err
	})
	if err != nil || len(all) < 2 {
		t.Fatalf("read %d files: %v", len(all), err)
	}
	return all
}

func parse(t *testing.T, name, text string) *source {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{room: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), file: f, names: map[string]string{}}
	if s.room == "." {
		s.room = "main"
	}
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value) // the parser has accepted it
		name := path.Base(p)                  // as far as the claims ask
		if i.Name != nil {
			name = i.Name.Name
		}
		s.names[name] = p
		s.imports = append(s.imports, p)
	}
	return s
}

// golden reads a list: the lines of a file without comments and reasons.
func golden(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "audit", name))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		finding, _, _ := strings.Cut(line, "  ")
		list = append(list, finding)
	}
	return list
}

// difference is what want has and got lacks, and what got has beyond want. A
// line that stands twice counts twice.
func difference(got, want []string) (less, more []string) {
	less = slices.Clone(want)
	for _, g := range got {
		if i := slices.Index(less, g); i >= 0 {
			less = slices.Delete(less, i, i+1)
		} else {
			more = append(more, g)
		}
	}
	return less, more
}
