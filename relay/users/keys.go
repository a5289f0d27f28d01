package users

import (
	"bytes"
	"slices"
)

// SameKeys reports whether two versions of a user log in in the same ways.
func (u *User) SameKeys(v *User) bool {
	return u.SHA256.same(v.SHA256) && u.SHA1.same(v.SHA1) && slices.Equal(u.Certs, v.Certs)
}

func (v *Verifier) same(w *Verifier) bool {
	if v == nil || w == nil {
		return v == w
	}
	return v.Iterations == w.Iterations && bytes.Equal(v.Salt, w.Salt) &&
		bytes.Equal(v.StoredKey, w.StoredKey) && bytes.Equal(v.ServerKey, w.ServerKey)
}
