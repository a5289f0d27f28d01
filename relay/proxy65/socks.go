package proxy65

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"

	"lethe/relay/jid"
)

// keySize is the length of a digest in hexadecimal digits.
const keySize = 2 * sha1.Size

// keyOf is the digest under which two clients meet (XEP-0065 §6.3.2). The
// weakness of SHA-1 is no concern: what is hashed is chosen by those two.
func keyOf(sid string, requester, target jid.JID) string {
	sum := sha1.Sum([]byte(sid + requester.String() + target.String()))
	return hex.EncodeToString(sum[:])
}

// The words of SOCKS5 (RFC 1928) that are spoken here.
const (
	version    = 5
	noLogin    = 0    // the method without authentication, RFC 1928 §3
	noMethod   = 0xFF // none of the client's methods will do, RFC 1928 §3
	connect    = 1    // the command, RFC 1928 §4
	domainName = 3    // the type of address, RFC 1928 §5
)

// A reply answers a request (RFC 1928 §6).
type reply byte

const (
	succeeded  reply = 0
	notAllowed reply = 2
	noCommand  reply = 7
	noAddress  reply = 8
)

var (
	errNotSOCKS = errors.New("proxy65: the peer does not speak SOCKS5")
	errMethod   = errors.New("proxy65: the peer wants to authenticate")
	errRequest  = errors.New("proxy65: the peer asks for something else than a bytestream")
)

// handshake hears what a client wants and returns the digest it names, in lower
// case. A request for anything else is answered; the other one waits for
// [answer].
func handshake(rw io.ReadWriter) (key string, err error) {
	if err := greet(rw); err != nil {
		return "", err
	}
	// RFC 1928 §4: version, command, a zero, the type of address; then the
	// length of the name, the name, a port.
	var b [5 + keySize + 2]byte
	if _, err := io.ReadFull(rw, b[:5]); err != nil {
		return "", err
	}
	if b[0] != version || b[2] != 0 {
		return "", errNotSOCKS
	}
	// XEP-0065 §10.2
	switch {
	case b[1] != connect:
		return "", refuse(rw, noCommand)
	case b[3] != domainName:
		return "", refuse(rw, noAddress)
	case b[4] != keySize:
		return "", refuse(rw, notAllowed)
	}
	if _, err := io.ReadFull(rw, b[5:]); err != nil {
		return "", err
	}
	digits, port := bytes.ToLower(b[5:5+keySize]), b[5+keySize:]
	if _, err := hex.Decode(make([]byte, sha1.Size), digits); err != nil || port[0] != 0 || port[1] != 0 {
		return "", refuse(rw, notAllowed)
	}
	return string(digits), nil
}

// greet agrees on the method (RFC 1928 §3): none, for there is nothing to log
// in to. What proves a client is the digest, and the requester's word.
func greet(rw io.ReadWriter) error {
	var b [255]byte
	if _, err := io.ReadFull(rw, b[:2]); err != nil {
		return err
	}
	if b[0] != version {
		return errNotSOCKS
	}
	methods := b[:b[1]]
	if _, err := io.ReadFull(rw, methods); err != nil {
		return err
	}
	if bytes.IndexByte(methods, noLogin) < 0 {
		rw.Write([]byte{version, noMethod}) // the connection ends anyhow
		return errMethod
	}
	_, err := rw.Write([]byte{version, noLogin})
	return err
}

// refuse answers a request that is not granted.
func refuse(w io.Writer, why reply) error {
	w.Write([]byte{version, byte(why), 0, 1, 0, 0, 0, 0, 0, 0}) // the connection ends anyhow
	return errRequest
}

// accept answers a request that is granted, with the address that it named, as
// clients compare the two (XEP-0065 §6.3.2).
func accept(w io.Writer, key string) error {
	b := append(make([]byte, 0, 5+keySize+2), version, byte(succeeded), 0, domainName, keySize)
	b = append(append(b, key...), 0, 0)
	_, err := w.Write(b)
	return err
}
