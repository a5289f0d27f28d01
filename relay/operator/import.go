package operator

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"lethe/relay/jid"
	"lethe/relay/users"
)

// An entry is one line of an import.
type entry struct {
	line     int
	user     *users.User
	password string
}

func userImport(args []string, std Stdio) int {
	c := newCommand(std, "user import", userImportUsage)
	path := c.usersFlag()
	return c.run(args, 0, func([]string) error {
		text, set, err := readUsers(*path)
		if err != nil {
			return err
		}
		entries, err := c.entries(set)
		if err != nil {
			return err
		}
		more := make([]*users.User, len(entries))
		for i, e := range entries {
			if e.user.SHA256, e.user.SHA1, err = derive(e.password); err != nil {
				return fmt.Errorf("stdin:%d: %w", e.line, err)
			}
			more[i] = e.user
		}
		text, err = users.Add(text, more...)
		return c.edited(*path, text, err, fmt.Sprintf("added %d users", len(more)))
	})
}

// entries reads and checks all lines of stdin before the first password costs
// time.
func (c *command) entries(set *users.Set) ([]entry, error) {
	var entries []entry
	lines := map[jid.JID]int{}
	for n := 1; ; n++ {
		line, err := c.line()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("stdin:%d: %w", n, err)
		}
		if line == "" {
			continue
		}
		e, err := parseEntry(n, line)
		if err != nil {
			return nil, fmt.Errorf("stdin:%d: %w", n, err)
		}
		if _, there := set.Lookup(e.user.JID); there {
			return nil, fmt.Errorf("stdin:%d: the users file has %s already; remove the line", n, e.user.JID)
		}
		if old, twice := lines[e.user.JID]; twice {
			return nil, fmt.Errorf("stdin:%d: line %d adds %s already; remove one of the two", n, old, e.user.JID)
		}
		lines[e.user.JID] = n
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, errors.New("no lines on stdin; write JID, password, name and groups with tabs between")
	}
	return entries, nil
}

func parseEntry(n int, line string) (entry, error) {
	fields := strings.Split(line, "\t")
	if len(fields) < 2 || len(fields) > 4 {
		return entry{}, fmt.Errorf("%d fields; write JID, password, name and groups with tabs between", len(fields))
	}
	fields = append(fields, "", "")
	u, err := newUser(fields[0], fields[2], fields[3])
	if err != nil {
		return entry{}, err
	}
	return entry{n, u, fields[1]}, checkPassword(fields[1])
}
