package sasl

// Failure is a SASL error condition of RFC 6120 §6.5, the name of the element
// to send.
type Failure string

// The conditions. Those this package does not return are its caller's, such
// as IncorrectEncoding for the base64 around messages.
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
