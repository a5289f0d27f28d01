package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places maps the path of each key that a file sets, such as listen.client,
// and of each element, such as listen.client[1], to its line.
type places map[string]int

// A locator walks through the syntax of a file, which is the one moment that
// lines are known.
type locator struct {
	file   string
	parser unstable.Parser
	known  []string // paths of keys and tables, without indices
	at     places
}

// locate checks a file's syntax and that it sets known keys only, each once.
func locate(file string, text []byte) (places, error) {
	l := &locator{file: file, at: places{}, known: known(reflect.TypeFor[document](), "")}
	l.parser.Reset(text)
	table := ""
	for l.parser.NextExpression() {
		node := l.parser.Expression()
		var err error
		switch node.Kind {
		case unstable.Table:
			table, err = l.key(node, "")
		case unstable.ArrayTable:
			table, err = l.element(node)
		case unstable.KeyValue:
			err = l.keyValue(node, table)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := l.parser.Error(); err != nil {
		return nil, l.syntax(err, text)
	}
	return l.at, nil
}

// syntax places an error of the parser, whose Highlight is a piece of the text.
func (l *locator) syntax(err error, text []byte) error {
	e := &Error{File: l.file, What: "not TOML: " + err.Error(), Cure: "compare the line with the README's example"}
	if p, ok := err.(*unstable.ParserError); ok {
		e.What = "not TOML: " + p.Message
		e.Line = l.line(l.parser.Range(p.Highlight))
	}
	return e
}

func (l *locator) line(r unstable.Range) int { return l.parser.Shape(r).Start.Line }

// key notes the key of a node inside a table and returns its path.
func (l *locator) key(node *unstable.Node, table string) (string, error) {
	path, line := table, 0
	for it := node.Key(); it.Next(); {
		path = join(path, string(it.Node().Data))
		line = l.line(it.Node().Raw)
		if name := withoutIndices(path); !slices.Contains(l.known, name) {
			return "", &Error{l.file, line, "unknown key " + quote(name), "known there are " + strings.Join(l.siblings(name), ", ")}
		}
	}
	if old, twice := l.at[path]; twice {
		return "", &Error{l.file, line, path + " is set twice", fmt.Sprintf("line %d has it already: remove one", old)}
	}
	l.at[path] = line
	return path, nil
}

// element notes one more [[table]] of a list.
func (l *locator) element(node *unstable.Node) (string, error) {
	first := ""
	for it := node.Key(); it.Next(); {
		first = join(first, string(it.Node().Data))
	}
	n := 0
	for l.at[fmt.Sprintf("%s[%d]", first, n)] != 0 {
		n++
	}
	if n > 0 {
		delete(l.at, first)
	}
	path, err := l.key(node, "")
	if err != nil {
		return "", err
	}
	element := fmt.Sprintf("%s[%d]", path, n)
	l.at[element] = l.at[path]
	return element, nil
}

func (l *locator) keyValue(node *unstable.Node, table string) error {
	path, err := l.key(node, table)
	if err != nil {
		return err
	}
	return l.value(node.Value(), path)
}

// value notes the elements of lists and the keys of inline tables.
func (l *locator) value(node *unstable.Node, path string) error {
	n := 0
	for it := node.Children(); it.Next(); n++ {
		child, err := it.Node(), error(nil)
		switch node.Kind {
		case unstable.InlineTable:
			err = l.keyValue(child, path)
		case unstable.Array:
			element := fmt.Sprintf("%s[%d]", path, n)
			if l.at[element] = l.at[path]; child.Raw.Length > 0 {
				l.at[element] = l.line(child.Raw)
			}
			err = l.value(child, element)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// siblings returns the names of all known keys beside one.
func (l *locator) siblings(path string) []string {
	table := path[:strings.LastIndexByte(path, '.')+1]
	var names []string
	for _, k := range l.known {
		if name, ok := strings.CutPrefix(k, table); ok && name != "" && !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

// known lists the paths of all keys and tables of a document.
func known(t reflect.Type, table string) []string {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var paths []string
	for i := range t.NumField() {
		path := join(table, t.Field(i).Tag.Get("toml"))
		paths = append(append(paths, path), known(t.Field(i).Type, path)...)
	}
	return paths
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

// withoutIndices makes tls.certificates.chain of tls.certificates[0].chain.
func withoutIndices(path string) string {
	for {
		before, after, ok := strings.Cut(path, "[")
		if !ok {
			return path
		}
		_, after, _ = strings.Cut(after, "]")
		path = before + after
	}
}

// quote shows a piece of the file in an error, the start of it when it is
// long.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q...", strings.ToValidUTF8(s[:80], ""))
	}
	return fmt.Sprintf("%q", s)
}
