package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"lethe/relay/users"
)

// A wrong line about somebody is shown to who asks, not written to the log.
func TestLogNamesNobody(t *testing.T) {
	_, err := users.Parse([]byte("lethe-users 1\nserial 1\nuser alice@example.org nickname=Al\n"))
	var line *users.Error
	if !errors.As(err, &line) {
		t.Fatal(err)
	}
	bad := fmt.Errorf("reading: %w", &badLine{"users.txt", line})
	if !strings.Contains(bad.Error(), "nickname") {
		t.Errorf("the operator is not told what is wrong: %v", bad)
	}
	if got := forLog(bad); got != "users.txt:3 is wrong; lethe verify says in what" {
		t.Error(got)
	}
	if got := forLog(errors.New("privkey.pem: permission denied")); got != "privkey.pem: permission denied" {
		t.Error(got)
	}
}
