package operator

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"lethe/relay/jid"
	"lethe/relay/users"
)

const userUsage = `usage: lethe user COMMAND, where COMMAND is one of

  add     adds a user
  passwd  changes a user's password
  remove  removes a user
  list    shows the users
  import  adds many users at once

lethe user COMMAND -h shows more. All edit the users file and leave every line
they need not touch as it is; the file must then be signed.
`

const userAddUsage = `usage: lethe user add [-users FILE] [-name NAME] [-groups A,B] JID

Adds a user. The password comes from the terminal without echo, or as one line
on stdin when that is no terminal. The file keeps salted verifiers of it, never
the password.

  -users FILE   users file, users.txt by default
  -name NAME    what others see
  -groups A,B   all in a group are contacts of each other

example: lethe user add -name "Alice Müller" -groups board,sales alice@example.org
`

const userPasswdUsage = `usage: lethe user passwd [-users FILE] JID

Changes a user's password, which comes from the terminal without echo, or as
one line on stdin when that is no terminal.

  -users FILE   users file, users.txt by default

example: lethe user passwd alice@example.org
`

const userRemoveUsage = `usage: lethe user remove [-users FILE] JID

Removes a user, and the user's lines and places in contacts, blocks and rooms.

  -users FILE   users file, users.txt by default

example: lethe user remove alice@example.org
`

const userListUsage = `usage: lethe user list [-users FILE]

Shows the users as a table.

  -users FILE   users file, users.txt by default

example: lethe user list -users /etc/lethe/users.txt
`

const userImportUsage = `usage: lethe user import [-users FILE] < LINES

Adds many users at once, or none if a line is wrong. Each line of stdin has
JID, password, name and groups, separated by tabs; name and groups may be
empty or missing, several groups are separated by commas.

  -users FILE   users file, users.txt by default

example: printf 'bob@example.org\tS3cret!\tBob\tsales\n' | lethe user import
`

// User runs lethe user.
func User(args []string, std Stdio) int {
	commands := map[string]func([]string, Stdio) int{
		"add": userAdd, "passwd": userPasswd, "remove": userRemove, "list": userList, "import": userImport,
	}
	if len(args) > 0 {
		if run, ok := commands[args[0]]; ok {
			return run(args[1:], std)
		}
	}
	c := newCommand(std, "user", userUsage)
	if err := c.flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.Out, c.usage)
		return exitDone
	}
	return c.misused("no such command")
}

func (c *command) usersFlag() *string { return c.flags.String("users", "users.txt", "") }

func userAdd(args []string, std Stdio) int {
	c := newCommand(std, "user add", userAddUsage)
	path, name, groups := c.usersFlag(), c.flags.String("name", "", ""), c.flags.String("groups", "", "")
	return c.run(args, 1, func(operands []string) error {
		u, err := newUser(operands[0], *name, *groups)
		if err != nil {
			return err
		}
		text, set, err := readUsers(*path)
		if err != nil {
			return err
		}
		if _, there := set.Lookup(u.JID); there {
			return fmt.Errorf("%s has %s already; change the password with lethe user passwd", *path, u.JID)
		}
		password, err := c.choose("Password for " + u.JID.String())
		if err != nil {
			return err
		}
		if u.SHA256, u.SHA1, err = derive(password); err != nil {
			return err
		}
		text, err = users.Add(text, u)
		return c.edited(*path, text, err, "added "+u.JID.String())
	})
}

func userPasswd(args []string, std Stdio) int {
	c := newCommand(std, "user passwd", userPasswdUsage)
	path := c.usersFlag()
	return c.run(args, 1, func(operands []string) error {
		text, j, err := existing(*path, operands[0])
		if err != nil {
			return err
		}
		password, err := c.choose("New password for " + j.String())
		if err != nil {
			return err
		}
		sha256, sha1, err := derive(password)
		if err != nil {
			return err
		}
		text, err = users.SetPassword(text, j, sha256, sha1)
		return c.edited(*path, text, err, "changed the password of "+j.String())
	})
}

func userRemove(args []string, std Stdio) int {
	c := newCommand(std, "user remove", userRemoveUsage)
	path := c.usersFlag()
	return c.run(args, 1, func(operands []string) error {
		text, j, err := existing(*path, operands[0])
		if err != nil {
			return err
		}
		text, also, err := users.Remove(text, j)
		done := "removed " + j.String()
		if len(also) > 0 {
			done += fmt.Sprintf(" and what named it in lines %v", also)
		}
		return c.edited(*path, text, err, done)
	})
}

func userList(args []string, std Stdio) int {
	c := newCommand(std, "user list", userListUsage)
	path := c.usersFlag()
	return c.run(args, 0, func([]string) error {
		_, set, err := readUsers(*path)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ADDRESS\tNAME\tGROUPS\tLOGIN")
		for u := range set.Users() {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.JID, dash(u.Name), dash(strings.Join(u.Groups, ",")), logins(u))
		}
		return w.Flush()
	})
}

// logins lists the ways in which a user can log in.
func logins(u *users.User) string {
	var ways []string
	if u.SHA256 != nil {
		ways = append(ways, "scram-sha-256")
	}
	if u.SHA1 != nil {
		ways = append(ways, "scram-sha-1")
	}
	if len(u.Certs) > 0 {
		ways = append(ways, "certificate")
	}
	return dash(strings.Join(ways, ", "))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// newUser makes a user of what was typed, still without password, and checks
// that a file can have it.
func newUser(address, name, groups string) (*users.User, error) {
	j, err := account(address)
	if err != nil {
		return nil, err
	}
	u := &users.User{JID: j, Name: name}
	if groups != "" {
		u.Groups = strings.Split(groups, ",")
	}
	if _, err := users.Format(u); err != nil {
		var line *users.Error
		if errors.As(err, &line) {
			return nil, fmt.Errorf("%s; %s", line.What, line.Cure)
		}
		return nil, err
	}
	return u, nil
}

// account reads the address of a user in any spelling.
func account(s string) (jid.JID, error) {
	j, err := jid.Parse(s)
	if err != nil || j.Local() == "" || !j.IsBare() {
		return jid.JID{}, fmt.Errorf("%q is no user's address; write e.g. alice@example.org", s)
	}
	return j, nil
}

// existing reads a users file that must have a user.
func existing(path, address string) ([]byte, jid.JID, error) {
	j, err := account(address)
	if err != nil {
		return nil, j, err
	}
	text, set, err := readUsers(path)
	if err != nil {
		return nil, j, err
	}
	if _, ok := set.Lookup(j); !ok {
		return nil, j, fmt.Errorf("%s has no user %s; lethe user list shows them", path, j)
	}
	return text, j, nil
}

// edited writes a users file after a change that may have failed, and says what
// is left to do.
func (c *command) edited(path string, text []byte, err error, done string) error {
	if err != nil {
		return in(path, err)
	}
	set, err := users.Parse(text)
	if err != nil {
		return in(path, err)
	}
	if err := replace(file{path, text, public}); err != nil {
		return err
	}
	c.say("%s; %s has serial %d now. It counts once it is signed:", done, path, set.Serial())
	c.say("  lethe sign -key %s %s", keyBeside(path), path)
	return nil
}

// keyBeside guesses the signing key's file: the one beside the users file.
func keyBeside(path string) string {
	keys, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.key"))
	if len(keys) != 1 {
		return "FILE"
	}
	if _, err := os.Stat(keys[0]); err != nil {
		return "FILE"
	}
	return keys[0]
}
