//go:build expat

package expat

/*
#cgo LDFLAGS: -lexpat
#include <stdlib.h>
#include <expat.h>

static void XMLCALL start(void *count, const XML_Char *name, const XML_Char **atts) {
	++*(unsigned long *)count;
}

static void XMLCALL end(void *count, const XML_Char *name) {}

// The separator cannot occur in XML.
static XML_Parser create(unsigned long *count) {
	XML_Parser p = XML_ParserCreateNS(NULL, '\x01');
	XML_SetUserData(p, count);
	XML_SetElementHandler(p, start, end);
	return p;
}
*/
import "C"

import (
	"errors"
	"unsafe"
)

// A Parser is an expat parser with namespaces, and with handlers in C that
// count start tags.
type Parser struct {
	p     C.XML_Parser
	count *C.ulong
}

// New returns a Parser, which must be freed.
func New() *Parser {
	count := (*C.ulong)(C.calloc(1, C.sizeof_ulong))
	return &Parser{C.create(count), count}
}

// Free gives its memory back.
func (p *Parser) Free() {
	C.XML_ParserFree(p.p)
	C.free(unsafe.Pointer(p.count))
}

// Parse feeds b, in one call; final says that the document ends with it.
func (p *Parser) Parse(b []byte, final bool) error {
	last := C.int(0)
	if final {
		last = 1
	}
	data := (*C.char)(unsafe.Pointer(unsafe.SliceData(b)))
	if C.XML_Parse(p.p, data, C.int(len(b)), last) != C.XML_STATUS_OK {
		return errors.New(C.GoString(C.XML_ErrorString(C.XML_GetErrorCode(p.p))))
	}
	return nil
}

// Elements returns how many start tags were seen.
func (p *Parser) Elements() int { return int(*p.count) }
