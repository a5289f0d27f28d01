package operator

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"aead.dev/minisign"

	"lethe/relay/users"
)

const signUsage = `usage: lethe sign -key FILE USERS

Checks the users file USERS and signs it as minisign -S would: writes
USERS.minisig. The passphrase of the key, if it has one, comes from the
terminal or as one line on stdin. The serial stays as it is.

  -key FILE   secret key made by lethe keygen or minisign -G

example: lethe sign -key signer.key users.txt
`

// Sign runs lethe sign.
func Sign(args []string, std Stdio) int {
	c := newCommand(std, "sign", signUsage)
	key := c.flags.String("key", "", "")
	return c.run(args, 1, func(operands []string) error { return c.sign(*key, operands[0]) })
}

func (c *command) sign(keyFile, usersFile string) error {
	if keyFile == "" {
		return misuse("-key FILE is missing")
	}
	text, set, err := readUsers(usersFile)
	if err != nil {
		return err
	}
	key, err := c.secretKey(keyFile)
	if err != nil {
		return err
	}
	sig := signature(key, text, filepath.Base(usersFile), time.Now())
	if err := replace(file{usersFile + ".minisig", sig, public}); err != nil {
		return err
	}
	c.say("%s.minisig: serial %d with %d users, signed by key %016X. A running relay reads it on SIGHUP.", usersFile, set.Serial(), set.Len(), key.ID())
	return nil
}

// readUsers reads a users file, which must be sound.
func readUsers(path string) ([]byte, *users.Set, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, about(path, err, "name the users file, or make one with lethe init")
	}
	set, err := users.Parse(text)
	if err != nil {
		return nil, nil, in(path, err)
	}
	return text, set, nil
}

// secretKey reads a key and asks for its passphrase if it has one.
func (c *command) secretKey(path string) (minisign.PrivateKey, error) {
	var key minisign.PrivateKey
	text, err := os.ReadFile(path)
	if err != nil {
		return key, about(path, err, "name a secret key with -key")
	}
	text = bytes.TrimSpace(text)
	if !minisign.IsEncrypted(text) {
		if err := key.UnmarshalText(text); err != nil {
			return key, fmt.Errorf("%s: not a secret key of minisign; name the one that lethe keygen or minisign -G made", path)
		}
		return key, nil
	}
	passphrase, err := c.ask("Passphrase of " + path + ": ")
	if err != nil {
		return key, err
	}
	if key, err = minisign.DecryptKey(passphrase, text); err != nil {
		return key, fmt.Errorf("%s: wrong passphrase, or a damaged key; try again", path)
	}
	return key, nil
}

// signature signs a text in minisign's own manner: over its hash, with the
// same two comments.
func signature(key minisign.PrivateKey, text []byte, name string, now time.Time) []byte {
	r := minisign.NewReader(bytes.NewReader(text))
	io.Copy(io.Discard, r) // a bytes.Reader does not fail
	trusted := fmt.Sprintf("timestamp:%d\tfile:%s\thashed", now.Unix(), name)
	return r.SignWithComments(key, trusted, "signature from minisign secret key")
}

const keygenUsage = `usage: lethe keygen -out NAME

Makes a key pair that signs users files, in minisign's formats: NAME.key, to
be kept secret, and NAME.pub, whose second line goes to signers in lethe.toml.
The passphrase of NAME.key comes from the terminal, or as one line on stdin;
an empty one leaves the key unencrypted. Nothing is ever overwritten.

  -out NAME   where to write, without .key and .pub

example: lethe keygen -out signer
`

// Keygen runs lethe keygen.
func Keygen(args []string, std Stdio) int {
	c := newCommand(std, "keygen", keygenUsage)
	out := c.flags.String("out", "", "")
	return c.run(args, 0, func([]string) error { return c.keygen(*out) })
}

func (c *command) keygen(name string) error {
	if name == "" {
		return misuse("-out NAME is missing")
	}
	pub, key, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	passphrase, err := c.choose("Passphrase for " + name + ".key, empty for none")
	if err != nil {
		return err
	}
	keyText, pubText, err := keyFiles(pub, key, passphrase)
	if err != nil {
		return err
	}
	if err := create(file{name + ".key", keyText, secret}, file{name + ".pub", pubText, public}); err != nil {
		return err
	}
	kind := "encrypted"
	if passphrase == "" {
		kind = "without passphrase"
	}
	c.say("%s.key (%s) signs what this line in lethe.toml trusts:", name, kind)
	c.say("signers = [%q]", pub.String())
	return nil
}

// keyFiles writes a key pair in minisign's formats, the secret half encrypted
// unless the passphrase is empty.
func keyFiles(pub minisign.PublicKey, key minisign.PrivateKey, passphrase string) (keyText, pubText []byte, err error) {
	if pubText, err = pub.MarshalText(); err != nil {
		return nil, nil, err
	}
	if passphrase == "" {
		keyText, err = key.MarshalText()
	} else {
		keyText, err = minisign.EncryptKey(passphrase, key)
	}
	return append(keyText, '\n'), append(pubText, '\n'), err
}
