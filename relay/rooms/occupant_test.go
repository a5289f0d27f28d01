package rooms

import (
	"fmt"
	"testing"
)

// The tables of XEP-0045 §5.1.2, §5.1.3 and §5.2.2, one case each.

func TestDefaultRoles(t *testing.T) {
	tests := []struct {
		a               affiliation
		open, moderated role
	}{
		{none, participant, visitor},
		{member, participant, participant},
		{admin, moderator, moderator},
		{owner, moderator, moderator},
	}
	for _, tt := range tests {
		if got := defaultRole(tt.a, false); got != tt.open {
			t.Errorf("%s enters an open room as %s", tt.a, got)
		}
		if got := defaultRole(tt.a, true); got != tt.moderated {
			t.Errorf("%s enters a moderated room as %s", tt.a, got)
		}
	}
}

func TestMayAffiliate(t *testing.T) {
	for by := outcast; by < affiliations; by++ {
		for from := outcast; from < affiliations; from++ {
			for to := outcast; to < affiliations; to++ {
				want := by == owner || by == admin && from < admin && to < admin
				if got := mayAffiliate(by, from, to); got != want {
					t.Errorf("%s may make %s from %s: %v", by, to, from, got)
				}
			}
		}
	}
}

func TestMayRole(t *testing.T) {
	mod := rank{moderator, none}
	tests := []struct {
		by, of rank
		to     role
		may    bool
	}{
		{rank{participant, member}, rank{visitor, none}, participant, false},
		{rank{participant, member}, rank{visitor, none}, gone, false},
		{mod, rank{visitor, none}, participant, true},
		{mod, rank{participant, none}, visitor, true},
		{mod, rank{participant, none}, gone, true},
		{mod, rank{participant, none}, moderator, false},
		{mod, rank{participant, member}, gone, false}, // stands higher
		{mod, rank{moderator, none}, gone, false},
		{mod, rank{gone, none}, participant, false},
		{rank{moderator, admin}, rank{participant, member}, moderator, true},
		{rank{moderator, admin}, rank{moderator, none}, participant, true},
		{rank{moderator, admin}, rank{moderator, admin}, gone, true},
		{rank{moderator, admin}, rank{moderator, admin}, visitor, false},
		{rank{moderator, admin}, rank{moderator, owner}, gone, false},
		{rank{moderator, owner}, rank{moderator, admin}, gone, true},
		{rank{moderator, owner}, rank{moderator, admin}, participant, false}, // admins are moderators
		{rank{gone, owner}, rank{participant, none}, gone, false},            // not in the room
	}
	for _, tt := range tests {
		if got := mayRole(tt.by, tt.of, tt.to); got != tt.may {
			t.Errorf("%v makes %v a %s: %v", tt.by, tt.of, tt.to, got)
		}
	}
}

func TestRoleAfter(t *testing.T) {
	tests := []struct {
		as        role
		was, is   affiliation
		moderated bool
		want      role
	}{
		{visitor, none, member, true, participant},
		{participant, member, none, true, participant},
		{visitor, none, admin, true, moderator},
		{moderator, admin, none, true, visitor},
		{moderator, admin, member, true, participant},
		{moderator, none, member, false, moderator},
	}
	for _, tt := range tests {
		if got := roleAfter(tt.as, tt.was, tt.is, tt.moderated); got != tt.want {
			t.Errorf("a %s who was %s and is %s becomes %s", tt.as, tt.was, tt.is, got)
		}
	}
}

func TestNames(t *testing.T) {
	for a := outcast; a < affiliations; a++ {
		if got, ok := parseAffiliation(fmt.Sprint(a)); !ok || got != a {
			t.Errorf("%d is not its name", a)
		}
	}
	for r := gone; r < roles; r++ {
		if got, ok := parseRole(fmt.Sprint(r)); !ok || got != r {
			t.Errorf("%d is not its name", r)
		}
	}
	if _, ok := parseAffiliation(""); ok {
		t.Error("no name is an affiliation")
	}
	if _, ok := parseRole(""); ok {
		t.Error("no name is a role")
	}
}
