package users_test

import (
	"strings"
	"testing"

	"lethe/relay/users"
)

const (
	head  = "lethe-users 1\nserial 1\n"
	decoy = "decoy AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
)

func TestDecoyLasts(t *testing.T) {
	a := parse(t, head+decoy+"user alice@example.org\n")
	b := parse(t, head+decoy+"user bob@example.org\nuser carol@example.org\n")
	if a.Decoy() != b.Decoy() {
		t.Error("the decoy changes with the users")
	}
	if a.Decoy() == parse(t, head+"user alice@example.org\n").Decoy() {
		t.Error("the decoy record has no effect")
	}
}

func TestDecoyWithoutRecordDependsOnTheFirstVerifier(t *testing.T) {
	line := func(salt string) string {
		return "user alice@example.org scram-sha-1=4096:" + salt + ":AAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	}
	a, b := parse(t, head+line("MTIzNDU2Nzg=")), parse(t, head+line("ODc2NTQzMjE="))
	if a.Decoy() == b.Decoy() {
		t.Error("two files without decoy record make the same salts up")
	}
}

func TestBadDecoy(t *testing.T) {
	for _, line := range []string{"decoy\n", "decoy AA==\n", "decoy !\n", decoy + decoy, strings.TrimSuffix(decoy, "\n") + " x\n"} {
		if _, err := users.Parse([]byte(head + line)); err == nil {
			t.Errorf("%q is accepted", line)
		}
	}
}
