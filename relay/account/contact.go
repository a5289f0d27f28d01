package account

import "lethe/relay/wire"

// Contact is where to turn to about a domain: URIs, by what they are for.
type Contact struct {
	Abuse, Admin, Feedback, Sales, Security, Status, Support []string
}

// form returns the addresses as XEP-0157 §3 wants them shown, nil if there are
// none.
func (c *Contact) form() *form {
	f := &form{typ: "http://jabber.org/network/serverinfo"}
	for _, a := range [...]struct {
		name      string
		addresses []string
	}{
		{"abuse", c.Abuse}, {"admin", c.Admin}, {"feedback", c.Feedback}, {"sales", c.Sales},
		{"security", c.Security}, {"status", c.Status}, {"support", c.Support},
	} {
		if len(a.addresses) > 0 {
			f.fields = append(f.fields, formField{a.name + "-addresses", "list-multi", a.addresses})
		}
	}
	if f.fields == nil {
		return nil
	}
	return f
}

// A form is shown in an answer, not to be filled in (XEP-0128).
type form struct {
	typ    string // FORM_TYPE
	fields []formField
}

type formField struct {
	name, typ string
	values    []string
}

// append appends the form as XEP-0004 §3.2 has it.
func (f *form) append(dst []byte) []byte {
	dst = append(dst, "<x xmlns='jabber:x:data' type='result'>"...)
	dst = formField{"FORM_TYPE", "hidden", []string{f.typ}}.append(dst)
	for _, field := range f.fields {
		dst = field.append(dst)
	}
	return append(dst, "</x>"...)
}

func (f formField) append(dst []byte) []byte {
	dst = append(dst, "<field"...)
	dst = wire.AppendAttr(dst, "var", f.name)
	dst = wire.AppendAttr(dst, "type", f.typ)
	dst = append(dst, '>')
	for _, v := range f.values {
		dst = wire.AppendText(append(dst, "<value>"...), v)
		dst = append(dst, "</value>"...)
	}
	return append(dst, "</field>"...)
}
