package main

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// What the claims of audit_test.go look for.

// warden is the one room that speaks with the kernel about the process itself.
const warden = "relay/confine"

// oracle is the one room with unsafe code: expat, to test the parser against.
const oracle = "relay/wire/internal/expat"

// apart are the rooms that only relay connects.
var apart = []string{"relay/account", "relay/c2s", "relay/proxy65", "relay/rooms", "federation"}

// guarded packages and the rooms that may import them, or what is below them.
var guarded = []struct {
	pkg   string
	rooms []string
}{
	{"crypto/tls", []string{"tls"}},
	{"net/http", []string{"relay/web"}},
	{"log", []string{"main", "relay/web"}}, // there to silence net/http
	{"github.com/miekg/dns", []string{"dane", "dane/resolve", "dane/zone"}},
	{"encoding/xml", nil},                      // re-encodes what it read: relay/wire frames
	{"math/rand", []string{"federation/dial"}}, // elsewhere what is drawn must not be guessed
	{"os/exec", []string{"relay/need"}},        // for tests; an arrow to it from the binary would be listed
	{"plugin", nil},
	{"testing", []string{"relay/need"}},
}

// pure rooms touch no socket, file or clock.
var pure = []string{
	"relay", "relay/buffer", "relay/config", "relay/jid", "relay/pep", "relay/sasl", "relay/users", "relay/wire", "dane",
}

// worldly packages reach sockets, files or the clock.
var worldly = []string{"net", "os", "io/ioutil", "syscall", "context", "golang.org/x/sys"}

// harmless is what a pure room may use of packages that can do more.
var harmless = map[string][]string{
	"net/netip": nil, // all of it
	"time": {
		"Time", "Duration", "ParseDuration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour",
	},
	"path/filepath": {"Join", "Dir", "IsAbs"},
}

// listening rooms see what peers send before anybody else.
var listening = []string{
	"relay", "relay/account", "relay/buffer", "relay/c2s", "relay/jid", "relay/pep", "relay/proxy65",
	"relay/rooms", "relay/sasl", "relay/stream", "relay/wire",
}

// arrows are imports of one room by another.
func arrows(s *source) []string {
	var found []string
	for _, p := range s.imports {
		if to, ok := strings.CutPrefix(p, "lethe/"); ok {
			found = append(found, s.room+" -> "+to)
		}
	}
	return found
}

func meetings(s *source) []string {
	var found []string
	for _, arrow := range arrows(s) {
		from, to, _ := strings.Cut(arrow, " -> ")
		if slices.Contains(apart, from) && slices.Contains(apart, to) {
			found = append(found, arrow)
		}
	}
	return found
}

func guardedPackages(s *source) []string {
	var found []string
	for _, p := range s.imports {
		for _, g := range guarded {
			if within(p, g.pkg) && !slices.Contains(g.rooms, s.room) {
				found = append(found, s.room+" imports "+p)
			}
		}
	}
	for name, p := range s.names {
		if name == "." || name == "_" {
			found = append(found, s.room+" imports "+p+" without a name")
		}
	}
	return found
}

func impure(s *source) []string {
	if !slices.Contains(pure, s.room) {
		return nil
	}
	var found []string
	for _, p := range s.imports {
		names, limited := harmless[p]
		switch {
		case limited && names != nil:
			for _, n := range s.uses(p) {
				if !slices.Contains(names, n) {
					found = append(found, s.room+" uses "+p+"."+n)
				}
			}
		case limited:
		case slices.ContainsFunc(worldly, func(pkg string) bool { return within(p, pkg) }):
			found = append(found, s.room+" imports "+p)
		}
	}
	return found
}

// fileAccess is what another room than relay/operator uses of the system and
// is not known to leave files as they are. The room that forbids writing needs
// the system's calls for it.
func fileAccess(s *source) []string {
	if s.room == "relay/operator" || s.room == warden {
		return nil
	}
	reading := []string{"ReadFile", "Stat", "NewFile", "Getenv", "Unsetenv", "Environ", "Executable", "Getpid", "File", "Args", "Exit", "Signal", "Interrupt", "Stdin", "Stdout", "Stderr", "NewSyscallError", "SyscallError"}
	sockets := []string{"Conn", "RawConn", "Read", "Write", "Stat_t", "GetsockoptInt", "SOL_SOCKET", "SO_ACCEPTCONN"}
	var found []string
	for _, n := range s.uses("os") {
		if !slices.Contains(reading, n) && !strings.HasPrefix(n, "Err") {
			found = append(found, s.room+" uses os."+n)
		}
	}
	for _, n := range s.uses("syscall") {
		again := s.room == "main" && n == "Exec" // itself, before anything else
		constant := n == strings.ToUpper(n) && (n[0] == 'E' || strings.HasPrefix(n, "SIG"))
		if !constant && !again && !slices.Contains(sockets, n) {
			found = append(found, s.room+" uses syscall."+n)
		}
	}
	if slices.Contains(s.imports, "io/ioutil") || slices.Contains(s.imports, "golang.org/x/sys/unix") {
		found = append(found, s.room+" imports what writes files")
	}
	return found
}

func output(s *source) []string {
	var found []string
	for _, n := range s.uses("fmt") {
		if strings.HasPrefix(n, "Print") {
			found = append(found, s.room+" uses fmt."+n)
		}
	}
	for _, n := range s.uses("os") {
		if strings.HasPrefix(n, "Std") && s.room != "main" {
			found = append(found, s.room+" uses os."+n)
		}
	}
	return append(found, slices.Concat(calls("print")(s), calls("println")(s))...)
}

// formatted is where a listening room could put what it heard into an error.
func formatted(s *source) []string {
	if !slices.Contains(listening, s.room) {
		return nil
	}
	var found []string
	if slices.Contains(s.imports, "fmt") {
		found = append(found, s.room+" imports fmt")
	}
	s.each(func(where string, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 || !s.isErrorsNew(call) {
			return
		}
		if _, literal := call.Args[0].(*ast.BasicLit); !literal {
			found = append(found, where+" makes an error of more than a literal")
		}
	})
	return found
}

// variables are those of packages, save errors that name themselves.
func variables(s *source) []string {
	var found []string
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				sentinel := len(v.Values) == len(v.Names) && s.isErrorsNew(v.Values[i])
				if name.Name != "_" && !sentinel {
					found = append(found, s.room+": "+name.Name)
				}
			}
		}
	}
	return found
}

func (s *source) isErrorsNew(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && s.names[x.Name] == "errors" && sel.Sel.Name == "New"
}

func initFunctions(s *source) []string {
	var found []string
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			found = append(found, s.room+": init")
		}
	}
	return found
}

func goroutines(s *source) []string {
	var found []string
	s.each(func(where string, n ast.Node) {
		if _, ok := n.(*ast.GoStmt); ok {
			found = append(found, where)
		}
	})
	return found
}

// calls finds calls of a built-in function.
func calls(name string) func(s *source) []string {
	return func(s *source) []string {
		var found []string
		s.each(func(where string, n ast.Node) {
			if call, ok := n.(*ast.CallExpr); ok {
				if f, ok := call.Fun.(*ast.Ident); ok && f.Name == name {
					found = append(found, where)
				}
			}
		})
		return found
	}
}

// mentions finds an identifier, however it is used.
func mentions(name string) func(s *source) []string {
	return func(s *source) []string {
		var found []string
		s.each(func(where string, n ast.Node) {
			if id, ok := n.(*ast.Ident); ok && id.Name == name {
				found = append(found, where)
			}
		})
		return found
	}
}

func unsafeCode(s *source) []string {
	var found []string
	for _, p := range s.imports {
		filter := s.room == warden && p == "unsafe" // one argument of seccomp(2)
		if (p == "unsafe" || p == "C") && !filter && !(s.room == oracle && s.needsTag("expat")) {
			found = append(found, s.room+" imports "+p)
		}
	}
	for _, g := range s.file.Comments {
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, "//go:linkname") {
				found = append(found, s.room+" reaches into another package: "+c.Text)
			}
		}
	}
	return found
}

// needsTag reports whether the file is not built without a build tag.
func (s *source) needsTag(tag string) bool {
	for _, g := range s.file.Comments {
		for _, c := range g.List {
			if c.Pos() > s.file.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			if x, err := constraint.Parse(c.Text); err == nil {
				return !x.Eval(func(t string) bool { return t != tag })
			}
		}
	}
	return false
}

var (
	citationLike = regexp.MustCompile(`(?i)\b(RFC|XEP)s?[ -]?[0-9]+(,? (section|sec\.|clause)|,? § )?`)
	citation     = regexp.MustCompile(`^(RFC [0-9]{4}|XEP-[0-9]{4})$`)
)

func malformedCitations(s *source) []string {
	var found []string
	for _, g := range s.file.Comments {
		for _, c := range citationLike.FindAllString(oneLine(g.Text()), -1) {
			if !citation.MatchString(c) {
				found = append(found, s.room+" cites "+c)
			}
		}
	}
	return found
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// within reports whether p is the package pkg or lies below it.
func within(p, pkg string) bool { return p == pkg || strings.HasPrefix(p, pkg+"/") }

// uses lists the names that the file uses of a package.
func (s *source) uses(pkg string) []string {
	var names []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && s.names[x.Name] == pkg {
				names = append(names, sel.Sel.Name)
			}
		}
		return true
	})
	return names
}

// each calls f for every node of every declaration, where it is "room" or
// "room: function".
func (s *source) each(f func(where string, n ast.Node)) {
	for _, d := range s.file.Decls {
		where := s.room
		if fd, ok := d.(*ast.FuncDecl); ok {
			where += ": " + declName(fd)
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if n != nil {
				f(where, n)
			}
			return true
		})
	}
}

// declName is the name of a function, with its receiver's type if it is a
// method.
func declName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	name := ""
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name // the type; what follows are its parameters
		}
		return name == ""
	})
	return name + "." + d.Name.Name
}
