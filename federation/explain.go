package federation

import (
	"context"
	"errors"
	"os"

	"lethe/dane/resolve"
	"lethe/federation/dial"
	"lethe/relay/wire"
)

// A failure is what a sender is told when a stanza cannot go to a domain: the
// condition and a sentence that names the step that failed.
type failure struct {
	condition wire.Condition
	text      string
	reason    string // the same for the operator, in half a sentence
}

// A lookupError is a DNS lookup that gave no answer to build on.
type lookupError struct {
	what   string // SRV, address, TLSA
	status resolve.Status
	why    resolve.Reason
}

func (e *lookupError) Error() string {
	return "the " + e.what + " lookup is " + e.status.String() + ": " + e.why.String() + " (" + e.why.Section() + ")"
}

var (
	errDeclined      = errors.New("the domain offers no federation (RFC 2782)")
	errUnreachable   = errors.New("no server of the domain has an address")
	errNoMechanism   = errors.New("the peer offers no authentication that we can use")
	errRefusedUs     = errors.New("the peer does not accept our proof")
	errNoCertificate = errors.New("the peer shows no certificate that could prove it")
	errBadKey        = errors.New("the domain's servers do not know the dialback key")
)

// explain turns what went wrong on the way to a domain into words for the
// sender. None of them comes from the peer.
func explain(domain string, err error) failure {
	condition, reason := whatFailed(err)
	return failure{condition, "The link to " + domain + " failed: " + reason + ".", reason}
}

// whatFailed is the condition for what went wrong, and the reason in lethe's own
// words.
func whatFailed(err error) (wire.Condition, string) {
	var refused *Refusal
	var lookup *lookupError
	var step *dial.Error
	switch {
	case errors.As(err, &refused):
		return refused.Condition(), refused.Error()
	case errors.As(err, &lookup) && lookup.status == resolve.Bogus:
		return wire.CondRemoteServerNotFound, lookup.Error()
	case errors.As(err, &lookup):
		return wire.CondRemoteServerTimeout, lookup.Error()
	case errors.Is(err, errDeclined), errors.Is(err, errUnreachable):
		return wire.CondRemoteServerNotFound, err.Error()
	case errors.Is(err, errNoMechanism), errors.Is(err, errRefusedUs):
		return wire.CondRemoteServerNotFound, err.Error()
	case errors.Is(err, errBadKey), errors.Is(err, errNoCertificate):
		return wire.CondRemoteServerNotFound, err.Error()
	case errors.Is(err, context.Canceled):
		return wire.CondRemoteServerTimeout, "this server is shutting down"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return wire.CondRemoteServerTimeout, "it took too long"
	case errors.As(err, &step):
		return wire.CondRemoteServerTimeout, step.Stage.String() + " did not come about"
	}
	return wire.CondRemoteServerTimeout, "the peer broke off"
}
