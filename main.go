// Lethe is an XMPP relay that forgets.
//
// This package is the command line, the files and signals of a running relay,
// and the only log. What a relay does is in relay/, how it speaks with other
// domains in federation/ and dane/, how it encrypts in tls/.
package main

import (
	"fmt"
	"os"

	"lethe/relay/demo"
	"lethe/relay/operator"
)

const usage = `lethe is an XMPP relay that forgets.

	lethe demo [-once]                  see it work, nothing to set up
	lethe init [-onion] DIR DOMAIN      write a ready configuration
	lethe serve [-config FILE]          run the relay
	lethe user add|passwd|remove|list|import ...
	lethe sign -key FILE USERS          sign the users file
	lethe verify [-config FILE] [-pub KEY] USERS
	lethe keygen -out NAME              make a signing key pair
	lethe dns [-config FILE]            print the DNS records to publish
	lethe check [-config FILE] [-json] [DOMAIN...]
	                                    is this relay's set-up sound; what would
	                                    federation with DOMAIN rest on
	lethe version

Each command explains itself with -h.
`

// command runs with the arguments behind its name and returns the exit status:
// 0 done, 1 the answer is no or it failed, 2 wrong usage.
type command func(args []string, std operator.Stdio) int

func main() {
	os.Exit(run(os.Args[1:], operator.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

func run(args []string, std operator.Stdio) int {
	commands := map[string]command{
		"demo":    func(args []string, std operator.Stdio) int { return demo.Command(args, std.Out, std.Err) },
		"serve":   serve,
		"version": version,
		"init":    operator.Init,
		"user":    operator.User,
		"sign":    operator.Sign,
		"verify":  operator.Verify,
		"keygen":  operator.Keygen,
		"dns":     operator.DNS,
		"check":   operator.Check,
	}
	if len(args) == 0 {
		fmt.Fprint(std.Err, usage)
		return 2
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		fmt.Fprint(std.Out, usage)
		return 0
	}
	c, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(std.Err, "lethe: there is no command %q; lethe -h lists them\n", args[0])
		return 2
	}
	return c(args[1:], std)
}
