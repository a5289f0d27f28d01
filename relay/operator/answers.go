package operator

import (
	"bytes"
	"errors"
	"os"

	accounts "lethe/relay/account"
	"lethe/relay/config"
)

// Answers is what the tables [calls] and [contact] say, with the secret from
// its file. The error names the file and the key.
func Answers(cfg *config.Config) (accounts.Answers, error) {
	calls := accounts.Calls{Lifetime: cfg.Calls.Lifetime}
	for _, s := range cfg.Calls.Services {
		calls.Services = append(calls.Services, accounts.CallService(s))
	}
	answers := accounts.Answers{Calls: calls, Contact: accounts.Contact(cfg.Contact)}
	if cfg.Calls.SecretFile == "" {
		return answers, nil
	}
	text, err := os.ReadFile(cfg.Calls.SecretFile)
	if err == nil {
		answers.Calls.Secret, err = secretOf(text)
	}
	if err != nil {
		return accounts.Answers{}, about(cfg.Calls.SecretFile, err, "see secret_file in [calls]")
	}
	return answers, nil
}

// secretOf reads a file that holds one line.
func secretOf(text []byte) ([]byte, error) {
	secret := bytes.TrimSpace(text)
	switch {
	case len(secret) == 0:
		return nil, errors.New("there is no secret in it")
	case bytes.ContainsAny(secret, "\r\n"):
		return nil, errors.New("it has more than one line")
	}
	return secret, nil
}
