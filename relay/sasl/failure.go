package sasl

// Failure is a SASL error condition of RFC 6120 §6.5, the name of the element
// to send.
type Failure string

// The conditions. This package returns IncorrectEncoding never, as base64
// around messages is its caller's, and the others where the section says.
const (
	Aborted              Failure = "aborted"
	AccountDisabled      Failure = "account-disabled"
	CredentialsExpired   Failure = "credentials-expired"
	EncryptionRequired   Failure = "encryption-required"
	IncorrectEncoding    Failure = "incorrect-encoding"
	InvalidAuthzid       Failure = "invalid-authzid"
	InvalidMechanism     Failure = "invalid-mechanism"
	MalformedRequest     Failure = "malformed-request"
	MechanismTooWeak     Failure = "mechanism-too-weak"
	NotAuthorized        Failure = "not-authorized"
	TemporaryAuthFailure Failure = "temporary-auth-failure"
)

func (f Failure) Error() string { return "sasl: " + string(f) }
