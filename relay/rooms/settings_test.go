package rooms

import (
	"testing"

	"lethe/relay/wire"
)

func submitted(t *testing.T, fields string) form {
	t.Helper()
	st, err := wire.ParseStanza([]byte("<x xmlns='jabber:x:data' type='submit'>"+fields+"</x>"), wire.NSClient)
	if err != nil {
		t.Fatal(err)
	}
	return parseForm(st.Node())
}

func set(name, value string) string {
	return "<field var='" + name + "'><value>" + value + "</value></field>"
}

// What the form shows is what it sets.
func TestSettingsRoundTrip(t *testing.T) {
	want := settings{
		name: "n", description: "d", public: true, membersOnly: true, moderated: true, password: "p",
		realAddresses: true, maxUsers: 7, history: 9,
	}
	f := form{}
	for _, field := range want.fields() {
		f[field.name] = field.values
	}
	got, fault := temporarySettings().with(f)
	if fault != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, fault, want)
	}
	same, fault := want.with(form{})
	if fault != nil || same != want {
		t.Errorf("an empty form changes %+v to %+v", want, same)
	}
}

func TestSettings(t *testing.T) {
	tests := []struct {
		fields string
		change func(*settings) // nil: refused
	}{
		{set("muc#roomconfig_persistentroom", "1") + set("muc#roomconfig_enablelogging", "1"), func(*settings) {}},
		{set(fieldMembers, "true"), func(s *settings) { s.membersOnly, s.realAddresses = true, true }},
		{set(fieldMembers, "1") + set(fieldWhois, "moderators"), func(s *settings) { s.membersOnly = true }},
		{set(fieldMembers, "0"), func(*settings) {}},
		{set(fieldWhois, "anyone"), func(s *settings) { s.realAddresses = true }},
		{set(fieldWhois, "nobody"), nil},
		{set(fieldMembers, "yes"), nil},
		{set(fieldProtected, "1"), nil},
		{set(fieldProtected, "maybe"), nil},
		{set(fieldProtected, "1") + set("muc#roomconfig_roomsecret", "s"), func(s *settings) { s.password = "s" }},
		{set(fieldProtected, "0") + set("muc#roomconfig_roomsecret", "s"), func(*settings) {}},
		{set("muc#roomconfig_roomsecret", "s"), func(s *settings) { s.password = "s" }},
		{set("muc#roomconfig_roomname", long(maxText)), func(s *settings) { s.name = long(maxText) }},
		{set("muc#roomconfig_roomname", long(maxText+1)), nil},
		{set("muc#roomconfig_maxusers", "0"), nil},
		{set("muc#roomconfig_maxusers", "5001"), nil},
		{set("muc#roomconfig_maxusers", "x"), nil},
		{set("muc#roomconfig_maxusers", "20"), func(s *settings) { s.maxUsers = 20 }},
		{set("muc#maxhistoryfetch", "51"), nil},
		{set("muc#maxhistoryfetch", "-1"), nil},
		{"<field var='muc#roomconfig_roomname'/>", func(*settings) {}},
	}
	for _, tt := range tests {
		got, fault := temporarySettings().with(submitted(t, tt.fields))
		if tt.change == nil {
			if fault == nil || fault.condition != wire.CondNotAcceptable || fault.text == "" {
				t.Errorf("%s: %+v", tt.fields, fault)
			}
			continue
		}
		want := temporarySettings()
		tt.change(&want)
		if fault != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", tt.fields, got, fault, want)
		}
	}
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}
