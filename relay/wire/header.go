package wire

import "bytes"

// A Header is what a peer said when it opened its stream (RFC 6120 §4.7). The
// values are decoded; what is absent is "".
type Header struct {
	To, From, ID, Lang, Version string

	// NS is the content namespace: the default one or, if that is none of
	// the two of RFC 6120 §4.8.2, one of them that has a prefix, or else the
	// default one after all. Whether it is wanted here is for the caller to say.
	NS string
}

// Open reads the header of the stream, after an XML declaration if there is
// one. The error is ErrMore or a StreamError.
func (r *Reader) Open() (*Header, error) {
	if r.err != nil {
		return nil, r.err
	}
	h, err := r.open()
	if err != nil && err != ErrMore {
		r.err = err
	}
	return h, err
}

func (r *Reader) open() (*Header, error) {
	if r.phase >= opened {
		return nil, BadFormat
	}
	if r.Buffered() == 0 {
		return nil, ErrMore
	}
	if r.phase == fresh {
		if err := r.declaration(); err != nil {
			return nil, err
		}
		r.phase = prolog
	}
	if r.w.state == between {
		if !r.skipSpace() {
			return nil, ErrMore
		}
		// Also a byte order mark: RFC 6120 §11.6 has it read as text.
		if r.w.unread()[0] != '<' {
			return nil, NotWellFormed
		}
		r.w.begin(true)
	}
	if err := r.scan(); err != nil {
		return nil, err
	}
	h, err := r.header()
	if err != nil {
		return nil, err
	}
	r.recall()
	r.consume()
	r.phase = opened
	return h, nil
}

// header reads the start tag that was scanned.
func (r *Reader) header() (*Header, error) {
	w := r.w
	ns, _ := w.lookup(w.tag.prefix(w.b))
	if string(w.spell(ns)) != NSStream {
		return nil, InvalidNamespace // RFC 6120 §4.9.3.10
	}
	if string(w.tag.local(w.b)) != "stream" {
		return nil, BadFormat // RFC 6120 §4.9.3.1
	}
	r.name = bytes.Clone(w.tag.name.of(w.b))
	r.outer = make([]decl, 1, 1+len(w.binds))
	for _, b := range w.binds {
		d := decl{bytes.Clone(b.prefix.of(w.b)), bytes.Clone(w.spell(b.name))}
		if len(d.prefix) == 0 {
			r.outer[0] = d
		} else {
			r.outer = append(r.outer, d)
		}
	}
	r.content = contentOf(r.outer)
	h := &Header{NS: string(r.content)}
	for i := range w.attrs {
		a := &w.attrs[i]
		var to *string
		switch string(a.name.of(w.b)) {
		case "to":
			to = &h.To
		case "from":
			to = &h.From
		case "id":
			to = &h.ID
		case "version":
			to = &h.Version
		case "xml:lang":
			to = &h.Lang
		default:
			continue
		}
		*to = string(w.valueOf(a))
	}
	return h, nil
}

// contentOf chooses the content namespace among a header's declarations.
func contentOf(outer []decl) []byte {
	for _, d := range outer {
		if string(d.name) == NSClient || string(d.name) == NSServer {
			return d.name
		}
	}
	return outer[0].name
}

// maxDeclaration is how many bytes an XML declaration may have. It needs 60.
const maxDeclaration = 256

// declaration skips the XML declaration, if there is one. What it decides
// depends on no more than maxDeclaration bytes, so it may begin anew each time.
func (r *Reader) declaration() error {
	const mark = "<?xml"
	b := r.w.unread()
	if n := min(len(b), len(mark)); string(b[:n]) != mark[:n] {
		return nil
	}
	if len(b) <= len(mark) {
		return ErrMore
	}
	if !isSpace(b[len(mark)]) {
		return RestrictedXML // a processing instruction whose name begins with xml
	}
	b = b[:min(len(b), maxDeclaration)]
	end := bytes.Index(b, []byte("?>"))
	if end < 0 && len(b) == maxDeclaration {
		return PolicyViolation
	}
	if end < 0 {
		return ErrMore
	}
	r.w.start += end + len("?>")
	return checkDeclaration(b[len(mark):end])
}

// checkDeclaration checks what stands between <?xml and ?>, by production [23]
// of XML 1.0.
func checkDeclaration(b []byte) error {
	version, b, ok := pseudoAttr(b, "version")
	if !ok || string(version) != "1.0" {
		return NotWellFormed // RFC 6120 §11.8: XML 1.0
	}
	encoding, b, ok := pseudoAttr(b, "encoding")
	if ok && !bytes.EqualFold(encoding, []byte("UTF-8")) {
		return UnsupportedEncoding // RFC 6120 §11.6
	}
	standalone, b, ok := pseudoAttr(b, "standalone")
	if ok && string(standalone) != "yes" && string(standalone) != "no" {
		return NotWellFormed
	}
	if skipSpace(b, 0) != len(b) {
		return NotWellFormed
	}
	return nil
}

// pseudoAttr reads white space, the name, = and a quoted value off b. If they
// are not there it returns b and false.
func pseudoAttr(b []byte, name string) (value, rest []byte, ok bool) {
	p := skipSpace(b, 0)
	if p == 0 || !bytes.HasPrefix(b[p:], []byte(name)) {
		return nil, b, false
	}
	if p = skipSpace(b, p+len(name)); p == len(b) || b[p] != '=' {
		return nil, b, false
	}
	if p = skipSpace(b, p+1); p == len(b) || b[p] != '"' && b[p] != '\'' {
		return nil, b, false
	}
	end := bytes.IndexByte(b[p+1:], b[p])
	if end < 0 {
		return nil, b, false
	}
	return b[p+1:][:end], b[p+1:][end+1:], true
}
