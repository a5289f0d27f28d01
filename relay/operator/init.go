package operator

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aead.dev/minisign"

	"lethe/relay/config"
	"lethe/relay/jid"
	"lethe/tls"
)

const initUsage = `usage: lethe init [-onion] DIR DOMAIN

Writes a ready configuration for DOMAIN to DIR, which is made if need be:

  lethe.toml              the configuration, every key explained
  users.txt               the users file, still without users
  users.txt.minisig       its signature
  signer.key, signer.pub  the key pair that signs it
  fullchain.pem           a certificate for DOMAIN that signs itself, and
  privkey.pem             its key

Nothing is ever overwritten. The signing key has no passphrase yet:
minisign -C -s signer.key gives it one.

  -onion   DOMAIN is an onion service: listen on loopback only

example: lethe init /etc/lethe example.org
`

// certLife is how long a certificate made by init is valid.
const certLife = 365 * 24 * time.Hour

// Init runs lethe init.
func Init(args []string, std Stdio) int {
	c := newCommand(std, "init", initUsage)
	onion := c.flags.Bool("onion", false, "")
	return c.run(args, 2, func(operands []string) error {
		return c.init(operands[0], operands[1], *onion)
	})
}

func (c *command) init(dir, name string, onion bool) error {
	domain, err := jid.Domain(name)
	if err != nil || strings.HasPrefix(domain, "[") { // no room host fits under an IPv6 address
		return fmt.Errorf("%q is no domain; write e.g. example.org", name)
	}
	if onion && !strings.HasSuffix(domain, ".onion") {
		return fmt.Errorf("%q is no onion address; take it from the file hostname of Tor's hidden service", name)
	}
	files, err := initFiles(dir, domain, onion)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return about(dir, err, "choose a folder that you may make")
	}
	if err := create(files...); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	c.say("%s is ready for %s. Next:", dir, domain)
	c.say("  lethe user add -users %s -name Alice alice@%s", at("users.txt"), domain)
	c.say("  lethe sign -key %s %s", at("signer.key"), at("users.txt"))
	c.say("  lethe serve -config %s", at("lethe.toml"))
	c.say("Clients warn of fullchain.pem, as it signs itself: put a certificate for %s in its place.", domain)
	c.say("Whoever has signer.key decides who may log in: keep it on another machine.")
	return nil
}

// initFiles makes the contents of a new configuration.
func initFiles(dir, domain string, onion bool) ([]file, error) {
	pub, key, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	keyText, pubText, err := keyFiles(pub, key, "")
	if err != nil {
		return nil, err
	}
	decoy := make([]byte, 32)
	rand.Read(decoy)
	text := []byte(strings.NewReplacer("DOMAIN", domain, "DECOY", base64.StdEncoding.EncodeToString(decoy)).Replace(usersTemplate))
	chain, tlsKey, err := tls.Generate([]string{domain, "rooms." + domain}, time.Now(), certLife)
	if err != nil {
		return nil, errors.New("cannot make a certificate for this domain; choose a shorter one")
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return []file{
		{at("lethe.toml"), []byte(config.Fill([]string{domain}, []string{pub.String()}, onion)), public},
		{at("users.txt"), text, secret}, // verifiers invite guessing
		{at("users.txt.minisig"), signature(key, text, "users.txt", time.Now()), public},
		{at("signer.key"), keyText, secret},
		{at("signer.pub"), pubText, public},
		{at("fullchain.pem"), chain, public},
		{at("privkey.pem"), tlsKey, secret},
	}, nil
}

// usersTemplate is the users file of a new relay.
const usersTemplate = `lethe-users 1
serial 1

# A secret: it makes a login as somebody who does not exist look like any other.
decoy DECOY

# The users of DOMAIN. Whatever changes here counts once the serial is higher,
# the file is signed (lethe sign) and the relay has read it (SIGHUP).
# lethe user add, passwd, remove and import edit the file and raise the serial.
#
# user ADDRESS [name="..."] [groups=A,B] [scram-sha-256=...] [scram-sha-1=...] [cert=sha256:HEX,...]
#   An account; lethe user add writes the line. All in a group are contacts.
#
# group NAME name="..."
#   What contact lists call the group:
#   group sales name="Sales and Service"
#
# contact USER ADDRESS [name="..."]
#   Two who share no group see each other. name= is for addresses elsewhere:
#   contact alice@DOMAIN carol@partner.example name="Carol"
#
# room ADDRESS [name="..."] [groups=A,B] [members=ADDRESS,...] [owners=ADDRESS,...]
#   A room that always stands, who belongs to it, and who configures it:
#   room board@rooms.DOMAIN name="Board" groups=board
#
# block USER ADDRESS
#   Nothing passes between the user and this address or domain:
#   block alice@DOMAIN spam.example
`
