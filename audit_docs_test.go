package main

import (
	"go/ast"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lethe/relay/config"
)

// TestDocuments holds what README.md and SECURITY.md say against the code they
// speak of: nothing is named that is not there, nothing is there that has to
// be named and is not.
func TestDocuments(t *testing.T) {
	sources := readSources(t)
	readme, security := page(t, "README.md"), page(t, "SECURITY.md")
	modules, rooms := binary(t)
	var built []*source // what goes into the binary
	for _, s := range sources {
		if !s.test && slices.Contains(rooms, s.room) {
			built = append(built, s)
		}
	}
	t.Run("modules", func(t *testing.T) {
		same(t, "the table under Dependencies", rows(section(readme, "Dependencies")), modules,
			"every module in the binary has its line and its reason: do without, or write it down")
	})
	t.Run("rooms", func(t *testing.T) {
		same(t, "the table of rooms", rows(section(readme, "How it is built")), rooms,
			"every folder with code is a room with one idea: write it down")
	})
	t.Run("configuration", func(t *testing.T) {
		same(t, "the table under Configuration", documentedKeys(readme), templateKeys(),
			"README.md and config.Template must have the same keys with the same defaults")
	})
	t.Run("standards", func(t *testing.T) {
		same(t, "the table under Standards", standards(section(readme, "Standards")), cited(built),
			"what the code cites stands there with what it is for, and nothing else")
	})
	t.Run("references", func(t *testing.T) {
		declared := declarations(sources)
		for _, text := range []string{readme, security} {
			for _, ref := range references(text) {
				if !declared[ref] {
					t.Errorf("%s is named and is not there: name what took its place", ref)
				}
			}
		}
		if len(references(security)) < 20 {
			t.Error("SECURITY.md names next to nothing: every promise has its code and its test")
		}
	})
	t.Run("clauses", func(t *testing.T) { clauses(t, sources, built) })
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// same compares two sets.
func same(t *testing.T, where string, written, real []string, mend string) {
	t.Helper()
	less, more := difference(written, real)
	for _, s := range less {
		t.Errorf("%s lacks %s\n\t%s", where, s, mend)
	}
	for _, s := range more {
		t.Errorf("%s has %s, which is not so\n\t%s", where, s, mend)
	}
	if len(written) == 0 {
		t.Errorf("%s was not found", where)
	}
}

// section is the part of a page below a heading.
func section(page, heading string) string {
	_, after, _ := strings.Cut(page, "\n## "+heading+"\n")
	body, _, _ := strings.Cut(after, "\n## ")
	return body
}

var firstCell = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// rows are the first cells of a table, where they are code.
func rows(text string) []string {
	var cells []string
	for _, m := range firstCell.FindAllStringSubmatch(text, -1) {
		cells = append(cells, m[1])
	}
	return cells
}

// binary lists the modules that go into lethe besides Go's own, and the rooms.
// A room that main does not reach yet is no part of what is promised.
func binary(t *testing.T) (modules, rooms []string) {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		switch pkg, module, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); {
		case pkg == "lethe":
			rooms = append(rooms, "main")
		case module == "lethe":
			rooms = append(rooms, strings.TrimPrefix(pkg, "lethe/"))
		case module != "":
			modules = append(modules, module)
		}
	}
	slices.Sort(modules)
	return slices.Compact(modules), rooms
}

var (
	tableRow    = regexp.MustCompile(`^\| \*\*\[([a-z0-9]+)\]\*\* \|`)
	keyRow      = regexp.MustCompile("^\\| `([a-z0-9_]+)` \\| (?:`([^`]*)`)? ?\\|")
	templateRow = regexp.MustCompile(`^(?:# )?([a-z0-9_]+) *= (.*?)(?: +#.*)?$`)
)

// documentedKeys are the README's, as table.key = default. The three that must
// be set have none.
func documentedKeys(readme string) []string {
	var keys []string
	table := ""
	for line := range strings.Lines(section(readme, "Configuration")) {
		if m := tableRow.FindStringSubmatch(line); m != nil {
			table = m[1] + "."
		} else if m := keyRow.FindStringSubmatch(line); m != nil {
			keys = append(keys, table+m[1]+" = "+m[2])
		}
	}
	return keys
}

func templateKeys() []string {
	var keys []string
	table := ""
	for line := range strings.Lines(config.Template) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "[") {
			table, _, _ = strings.Cut(line[1:], "]")
			table += "."
		} else if m := templateRow.FindStringSubmatch(line); m != nil {
			value := m[2]
			if !strings.HasPrefix(line, "# ") {
				value = ""
			}
			keys = append(keys, table+m[1]+" = "+value)
		}
	}
	return keys
}

var document = regexp.MustCompile(`\b(RFC [0-9]{4}|XEP-[0-9]{4})\b`)

// standards are the documents that a text names.
func standards(text string) []string {
	list := document.FindAllString(text, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

// cited are the documents that comments name.
func cited(sources []*source) []string {
	var text strings.Builder
	for _, s := range sources {
		text.WriteString(s.comments())
	}
	return standards(text.String())
}

// comments are all of a file's, each on a line.
func (s *source) comments() string {
	var b strings.Builder
	for _, g := range s.file.Comments {
		b.WriteString(oneLine(g.Text()) + "\n")
	}
	return b.String()
}

var reference = regexp.MustCompile("`((?:main|relay|tls|dane|federation)[a-z0-9/]*: [A-Za-z0-9_.]+(?:/[a-z]+)?)`")

// references are the places a page names, as "room: name".
func references(text string) []string {
	var refs []string
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		refs = append(refs, m[1])
	}
	return refs
}

// declarations are all functions, methods, types, tests and claims, as
// references name them.
func declarations(sources []*source) map[string]bool {
	all := map[string]bool{}
	for _, s := range sources {
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				all[s.room+": "+declName(d)] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if typ, ok := spec.(*ast.TypeSpec); ok {
						all[s.room+": "+typ.Name.Name] = true
					}
				}
			}
		}
	}
	for _, c := range claims {
		all["main: TestAudit/"+c.name] = true
	}
	return all
}

// clauses holds that every clause the code cites stands in clauses.txt with a
// test that exists, or with the reason why none is needed.
func clauses(t *testing.T, sources, built []*source) {
	tests := map[string]bool{}
	for ref := range declarations(sources) {
		if room, name, _ := strings.Cut(ref, ": "); strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") {
			tests[room+": "+name] = true
		}
	}
	listed := map[string]bool{}
	text := page(t, filepath.Join("testdata", "audit", "clauses.txt"))
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		clause, held, ok := strings.Cut(line, "  ")
		held = strings.TrimSpace(held)
		listed[clause] = true
		switch {
		case !ok || held == "":
			t.Errorf("%s: say which test holds it, or why none is needed", clause)
		case strings.HasPrefix(held, "("):
		default:
			for ref := range strings.SplitSeq(held, ", ") {
				if !tests[ref] {
					t.Errorf("%s: there is no test %s", clause, ref)
				}
			}
		}
	}
	same(t, "clauses.txt", slices.Sorted(maps.Keys(listed)), citedClauses(built),
		"a clause that code enforces is held by a test: write room: TestName behind two blanks, or a reason in brackets")
}

var (
	clauseList = regexp.MustCompile(`\b(RFC [0-9]{4}|XEP-[0-9]{4})((?:,? (?:and )?§[0-9A-Z]+(?:\.[0-9A-Z]+)*)+)`)
	clauseEach = regexp.MustCompile(`§[0-9A-Z]+(?:\.[0-9A-Z]+)*`)
)

// citedClauses are the sections that comments cite.
func citedClauses(sources []*source) []string {
	set := map[string]bool{}
	for _, s := range sources {
		for _, m := range clauseList.FindAllStringSubmatch(s.comments(), -1) {
			for _, section := range clauseEach.FindAllString(m[2], -1) {
				set[m[1]+" "+section] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}
