// Package operator holds the commands of whoever runs a relay: init, user,
// sign, verify, keygen, dns and check. It alone writes files.
//
// Each command is a function of its arguments and three streams that returns
// the exit status: 0 done, 1 the answer is no or it failed, 2 wrong usage. An
// error is one line on Err that says what is wrong, where and what to do.
//
// A file is written whole or not at all: new files never replace old ones, and
// an edited file is written beside the old one, synced and renamed over it.
// What holds a secret has mode 0600. Secrets come from a terminal without
// echo, or as one line of In when that is no terminal; never from arguments,
// which every user of the machine can read.
//
// Of a password the users file keeps a SCRAM-SHA-256 and a SCRAM-SHA-1 verifier
// of [sasl.DefaultIterations] each. RFC 7677 §4 asks for at least 4096 and for
// more where phones bear it. The relay itself never computes them: the cost is
// the client's at login, and that of whoever steals the file and guesses.
package operator

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"

	"lethe/relay/users"
)

// Exit statuses.
const (
	exitDone  = 0
	exitNo    = 1
	exitUsage = 2
)

// Stdio is where a command reads and writes.
type Stdio struct {
	In       io.Reader // secrets are asked for without echo when it is a terminal
	Out, Err io.Writer
}

// A command is one run of one command.
type command struct {
	Stdio
	name  string // as typed, without lethe
	usage string // what -h prints
	flags *flag.FlagSet
	lines *bufio.Reader // of In
}

func newCommand(std Stdio, name, usage string) *command {
	c := &command{Stdio: std, name: name, usage: usage, lines: bufio.NewReader(std.In)}
	c.flags = flag.NewFlagSet(name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard) // the package would print many lines
	return c
}

// anyNumber of operands will do.
const anyNumber = -1

// run reads the flags and does the work if the operands are as many as they
// should be.
func (c *command) run(args []string, operands int, do func(operands []string) error) int {
	err := c.flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(c.Out, c.usage)
		return exitDone
	case err != nil:
		return c.misused(err.Error())
	case operands != anyNumber && c.flags.NArg() != operands:
		return c.misused(fmt.Sprintf("%d operands instead of %d", c.flags.NArg(), operands))
	}
	err = do(c.flags.Args())
	var wrong misuse
	if errors.As(err, &wrong) {
		return c.misused(wrong.Error())
	}
	if err != nil {
		fmt.Fprintf(c.Err, "lethe %s: %v\n", c.name, err)
		return exitNo
	}
	return exitDone
}

// A misuse is an error in how a command was called.
type misuse string

func (m misuse) Error() string { return string(m) }

func (c *command) misused(what string) int {
	fmt.Fprintf(c.Err, "lethe %s: %s; lethe %s -h shows the usage\n", c.name, what, c.name)
	return exitUsage
}

// say prints one line of the answer.
func (c *command) say(format string, args ...any) { fmt.Fprintf(c.Out, format+"\n", args...) }

// in says which file an error is about: "FILE:LINE: what; cure" when the error
// knows the line.
func in(file string, err error) error {
	var line *users.Error
	if errors.As(err, &line) {
		return fmt.Errorf("%s:%d: %s; %s", file, line.Line, line.What, line.Cure)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// about says which file could not be read or written, and the cure.
func about(file string, err error, cure string) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w; %s", file, err, cure)
}
