package rooms

import (
	"lethe/relay/wire"
)

// A form is what somebody has filled in (XEP-0004 §3.2): the values of each
// field that is there.
type form map[string][]string

// parseForm reads an x element, or nothing.
func parseForm(x *wire.Node) form {
	f := form{}
	if x == nil || x.Attr("type") != "submit" {
		return f
	}
	for _, n := range x.Children {
		if n.NS != nsForm || n.Name != "field" {
			continue
		}
		values := []string{}
		for _, value := range n.Children {
			if value.NS == nsForm && value.Name == "value" {
				values = append(values, value.Text)
			}
		}
		f[n.Attr("var")] = values
	}
	return f
}

// is reports whether the form has this type (XEP-0068 §3.1).
func (f form) is(kind string) bool { return f.value("FORM_TYPE") == kind }

// value returns a field's first value, "" if there is none.
func (f form) value(name string) string {
	if values := f[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// yes reports whether a boolean field is set.
func (f form) yes(name string) bool { return f.value(name) == "1" || f.value(name) == "true" }

// A field is one question of a form, or one value in a result.
type field struct {
	name, kind, label string
	values            []string
	options           []option
}

// An option is one answer to choose.
type option struct{ label, value string }

// appendForm appends a form of that type with a FORM_TYPE (XEP-0068 §3.1).
func appendForm(b []byte, typ, kind, title string, fields []field) []byte {
	b = append(open(b, "x", "xmlns", nsForm, "type", typ), '>')
	b = text(b, "title", title)
	b = appendField(b, field{name: "FORM_TYPE", kind: "hidden", values: []string{kind}})
	for _, f := range fields {
		b = appendField(b, f)
	}
	return append(b, "</x>"...)
}

func appendField(b []byte, f field) []byte {
	b = append(open(b, "field", "var", f.name, "type", f.kind, "label", f.label), '>')
	for _, value := range f.values {
		b = wire.AppendText(append(b, "<value>"...), value)
		b = append(b, "</value>"...)
	}
	for _, o := range f.options {
		b = append(open(b, "option", "label", o.label), '>')
		b = append(text(b, "value", o.value), "</option>"...)
	}
	return append(b, "</field>"...)
}
