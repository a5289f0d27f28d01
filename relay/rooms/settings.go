package rooms

import (
	"strconv"

	"lethe/relay/wire"
)

// settings are what an owner may configure (XEP-0045 §10.2).
type settings struct {
	name, description string
	public            bool // on the host's list
	membersOnly       bool
	moderated         bool   // only who is given voice speaks
	password          string // "": none
	realAddresses     bool   // seen by all, not by moderators only
	invites           bool   // by everybody who may speak
	changeSubject     bool   // by everybody who may speak
	maxUsers          int    // clients
	history           int    // messages remembered
}

// temporarySettings are those of a new room.
func temporarySettings() settings {
	return settings{invites: true, changeSubject: true, maxUsers: maxOccupants}
}

const (
	fieldProtected = "muc#roomconfig_passwordprotectedroom"
	fieldMembers   = "muc#roomconfig_membersonly"
	fieldWhois     = "muc#roomconfig_whois"
	fieldSubject   = "muc#roomconfig_changesubject"
)

// A setting is one of them as a field of the form.
type setting struct {
	field // without values
	get   func(*settings) string
	set   func(s *settings, value string) bool // false: cannot be meant
}

// allSettings are the fields of muc#roomconfig (XEP-0045 §16.5.3) that are
// offered. Whatever else a client fills in has no effect: a room cannot be made
// to last, nor to be logged.
func allSettings() []setting {
	return []setting{
		line("muc#roomconfig_roomname", "text-single", "Name", func(s *settings) *string { return &s.name }),
		line("muc#roomconfig_roomdesc", "text-single", "What it is for", func(s *settings) *string { return &s.description }),
		flag("muc#roomconfig_publicroom", "Show it in the list of rooms", func(s *settings) *bool { return &s.public }),
		flag(fieldMembers, "Let only members enter", func(s *settings) *bool { return &s.membersOnly }),
		flag("muc#roomconfig_moderatedroom", "Let newcomers write only when they are allowed to", func(s *settings) *bool { return &s.moderated }),
		protection(),
		line("muc#roomconfig_roomsecret", "text-private", "Password", func(s *settings) *string { return &s.password }),
		whois(),
		flag("muc#roomconfig_allowinvites", "Let everybody invite", func(s *settings) *bool { return &s.invites }),
		flag(fieldSubject, "Let everybody change the subject", func(s *settings) *bool { return &s.changeSubject }),
		count("muc#roomconfig_maxusers", "Most clients at once", 1, maxOccupants, func(s *settings) *int { return &s.maxUsers }),
		count("muc#maxhistoryfetch", "Last messages kept in memory for newcomers", 0, maxHistory, func(s *settings) *int { return &s.history }),
	}
}

func line(name, kind, label string, of func(*settings) *string) setting {
	return setting{field{name: name, kind: kind, label: label},
		func(s *settings) string { return *of(s) },
		func(s *settings, value string) bool {
			*of(s) = value
			return len(value) <= maxText
		}}
}

func flag(name, label string, of func(*settings) *bool) setting {
	return setting{field{name: name, kind: "boolean", label: label},
		func(s *settings) string { return boolean(*of(s)) },
		func(s *settings, value string) bool {
			*of(s) = value == "1" || value == "true"
			return isBoolean(value)
		}}
}

func boolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func isBoolean(value string) bool {
	return value == "0" || value == "1" || value == "false" || value == "true"
}

func count(name, label string, least, most int, of func(*settings) *int) setting {
	return setting{field{name: name, kind: "text-single", label: label},
		func(s *settings) string { return strconv.Itoa(*of(s)) },
		func(s *settings, value string) bool {
			n, err := strconv.Atoi(value)
			*of(s) = n
			return err == nil && n >= least && n <= most
		}}
}

// protection says whether there is a password; without it the password counts
// for nothing.
func protection() setting {
	return setting{field{name: fieldProtected, kind: "boolean", label: "Ask for a password"},
		func(s *settings) string { return boolean(s.password != "") },
		func(_ *settings, value string) bool { return isBoolean(value) }}
}

func whois() setting {
	const some, all = "moderators", "anyone"
	return setting{field{name: fieldWhois, kind: "list-single", label: "Who sees real addresses",
		options: []option{{"Moderators", some}, {"Everybody", all}}},
		func(s *settings) string {
			if s.realAddresses {
				return all
			}
			return some
		},
		func(s *settings, value string) bool {
			s.realAddresses = value == all
			return value == all || value == some
		}}
}

// fields are the settings as a form to fill in.
func (s *settings) fields() []field {
	var fields []field
	for _, f := range allSettings() {
		f.values = []string{f.get(s)}
		fields = append(fields, f.field)
	}
	return fields
}

// with returns the settings as a form changes them. A field that is missing, or
// has no value, changes nothing.
func (s settings) with(f form) (settings, *fault) {
	for _, set := range allSettings() {
		if values := f[set.name]; len(values) > 0 && !set.set(&s, values[0]) {
			return s, &fault{wire.CondNotAcceptable, "A value in this form cannot be meant: " + set.label + "."}
		}
	}
	if _, asked := f[fieldWhois]; !asked && f.yes(fieldMembers) {
		s.realAddresses = true // among members OMEMO should work
	}
	switch _, asked := f[fieldProtected]; {
	case asked && !f.yes(fieldProtected):
		s.password = ""
	case asked && s.password == "":
		// XEP-0045 §10.1.3
		return s, &fault{wire.CondNotAcceptable, "A room that asks for a password needs one."}
	}
	return s, nil
}
