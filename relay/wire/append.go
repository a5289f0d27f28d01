package wire

import "math/bits"

// SetFrom makes Append write this from attribute, or none if it is empty.
func (s *Stanza) SetFrom(from string) { s.newFrom, s.setFrom = from, true }

// SetTo makes Append write this to attribute, or none if it is empty.
func (s *Stanza) SetTo(to string) { s.newTo, s.setTo = to, true }

// Sender returns the from attribute that Append writes, decoded; "" for none.
func (s *Stanza) Sender() string {
	if s.setFrom {
		return s.newFrom
	}
	return string(s.From())
}

// SetLang makes Append write this xml:lang if the stanza has none of its own
// (RFC 6120 §8.1.5) and lang is not empty.
func (s *Stanza) SetLang(lang string) { s.otherLang = lang }

// Append appends the stanza as it goes out on a stream whose default and
// content namespace is ns. Only its start tag differs from what was received:
// in what was set, in that the content namespace of the stream it came from is
// now ns (RFC 6120 §4.8.2), and in that what the header of that stream declared
// and the stanza uses is declared again. All behind the tag is copied: a child
// that says itself to be in jabber:client stays there.
func (s *Stanza) Append(dst []byte, ns string) []byte {
	dst = s.appendTag(dst, ns)
	return append(dst, s.raw[s.sc.tagEnd:]...)
}

// AppendForwarded is Append for a place inside another element (XEP-0297 §3.2),
// where ns is the default namespace no more: it is declared, which may take
// [MaxDeclared] bytes more than MaxAppend says.
func (s *Stanza) AppendForwarded(dst []byte, ns string) []byte {
	dst = s.appendTag(dst, ns)
	if sc := s.sc; !sc.ownDefault && sc.isContent(sc.outer[0].name) {
		dst = AppendAttr(dst, "xmlns", ns)
	}
	return append(dst, s.raw[s.sc.tagEnd:]...)
}

// MaxDeclared is how many bytes it takes to declare a content namespace.
const MaxDeclared = len(" xmlns='" + NSClient + "'")

// AppendEdited is Append for a stanza that changes on its way: it leaves out
// those of its Children that drop names, and puts more behind the last one. All
// that stays is copied like by Append. A drop may be nil; more is whole elements
// that declare their namespaces.
func (s *Stanza) AppendEdited(dst []byte, ns string, drop func(Child) bool, more []byte) []byte {
	sc := s.sc
	dst = s.appendTag(dst, ns)
	if s.raw[sc.tagEnd] == '/' { // an empty element
		if len(more) == 0 {
			return append(dst, "/>"...)
		}
		dst = append(append(append(dst, '>'), more...), "</"...)
		return append(append(dst, sc.view.name.name.of(s.raw)...), '>')
	}
	at := sc.tagEnd
	for i := range sc.children {
		if drop != nil && drop(s.child(i)) {
			dst = append(dst, s.raw[at:sc.children[i].raw.from]...)
			at = sc.children[i].raw.to
		}
	}
	dst = append(dst, s.raw[at:sc.endAt]...)
	dst = append(dst, more...)
	return append(dst, s.raw[sc.endAt:]...)
}

// MaxAppendEdited is to AppendEdited what MaxAppend is to Append.
func (s *Stanza) MaxAppendEdited(ns string, more []byte) int {
	name := s.sc.view.name.name
	return s.MaxAppend(ns) + len("></>") + int(name.to-name.from) + len(more)
}

// appendTag appends the start tag up to its > or />.
func (s *Stanza) appendTag(dst []byte, ns string) []byte {
	sc := s.sc
	dst = append(dst, '<')
	dst = append(dst, sc.view.name.name.of(s.raw)...)
	for i := range sc.own {
		dst = s.appendAttr(dst, &sc.own[i], ns)
	}
	dst = s.appendInherited(dst, ns)
	if s.setFrom && s.newFrom != "" && s.From() == nil {
		dst = AppendAttr(dst, "from", s.newFrom)
	}
	if s.setTo && s.newTo != "" && s.To() == nil {
		dst = AppendAttr(dst, "to", s.newTo)
	}
	if s.otherLang != "" && s.Lang() == nil {
		dst = AppendAttr(dst, "xml:lang", s.otherLang)
	}
	return dst
}

// maxEscaped is how many bytes escaping makes of one, at most.
const maxEscaped = len("&quot;")

// MaxAppend returns how many bytes Append may append, given the same ns, at
// most: a little more than it will for what people send, several times as much
// for what is all quotes.
func (s *Stanza) MaxAppend(ns string) int {
	sc := s.sc
	n := len(s.raw) + len(" from='' to='' xml:lang=''") +
		maxEscaped*(len(s.newFrom)+len(s.newTo)+len(s.otherLang))
	for i := range sc.own {
		if sc.own[i].role == roleContent {
			n += maxEscaped * len(ns)
		}
	}
	if deft := sc.outer[0].name; !sc.isContent(deft) {
		n += len(" xmlns=''") + maxEscaped*len(deft)
	}
	for used := sc.used; used != 0; used &= used - 1 {
		d := &sc.outer[bits.TrailingZeros64(used)]
		n += len(" xmlns:=''") + len(d.prefix) + maxEscaped*max(len(d.name), len(ns))
	}
	return n
}

// appendAttr appends an attribute of the stanza, or what comes in its place.
func (s *Stanza) appendAttr(dst []byte, a *attr, ns string) []byte {
	switch {
	case a.role == roleFrom && s.setFrom:
		return appendUnlessEmpty(dst, "from", s.newFrom)
	case a.role == roleTo && s.setTo:
		return appendUnlessEmpty(dst, "to", s.newTo)
	}
	dst = append(dst, ' ')
	if a.role == roleContent && string(s.sc.content) != ns {
		dst = append(dst, a.name.of(s.raw)...)
		return appendQuoted(dst, ns)
	}
	return append(dst, s.raw[a.name.from:a.value.to+1]...)
}

func appendUnlessEmpty(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendAttr(dst, name, value)
}

// appendInherited declares what is in force for the stanza by the header of the
// stream it came from, and would not be on the other stream.
func (s *Stanza) appendInherited(dst []byte, ns string) []byte {
	sc := s.sc
	if deft := sc.outer[0].name; !sc.ownDefault && !sc.isContent(deft) {
		dst = appendQuoted(append(dst, " xmlns"...), deft)
	}
	if sc.used == 0 {
		return dst
	}
	for i := range sc.outer {
		if sc.used&(1<<i) == 0 {
			continue
		}
		d := &sc.outer[i]
		dst = append(append(dst, " xmlns:"...), d.prefix...)
		if sc.isContent(d.name) {
			dst = appendQuoted(dst, ns)
		} else {
			dst = appendQuoted(dst, d.name)
		}
	}
	return dst
}
