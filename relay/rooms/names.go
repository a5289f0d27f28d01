package rooms

// The namespaces of what is read and written here.
const (
	nsMUC        = "http://jabber.org/protocol/muc"         // XEP-0045
	nsUser       = "http://jabber.org/protocol/muc#user"    // XEP-0045
	nsAdmin      = "http://jabber.org/protocol/muc#admin"   // XEP-0045
	nsOwner      = "http://jabber.org/protocol/muc#owner"   // XEP-0045
	nsRequest    = "http://jabber.org/protocol/muc#request" // XEP-0045
	nsStableID   = "http://jabber.org/protocol/muc#stable_id"
	nsSelfPing   = "http://jabber.org/protocol/muc#self-ping-optimization" // XEP-0410
	nsOccupantID = "urn:xmpp:occupant-id:0"                                // XEP-0421
	nsStanzaID   = "urn:xmpp:sid:0"                                        // XEP-0359
	nsDelay      = "urn:xmpp:delay"                                        // XEP-0203
	nsHints      = "urn:xmpp:hints"                                        // XEP-0334
	nsForm       = "jabber:x:data"                                         // XEP-0004
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"                 // XEP-0030
	nsDiscoItems = "http://jabber.org/protocol/disco#items"                // XEP-0030
	nsPing       = "urn:xmpp:ping"                                         // XEP-0199
	nsVCard      = "vcard-temp"                                            // XEP-0054
	nsRegister   = "jabber:iq:register"                                    // XEP-0077
)

// The status codes that rooms use (XEP-0045 §16.6.2).
const (
	codeRealAddresses = "100" // on entering: everybody sees it
	codeSelf          = "110" // this is about yourself
	codeConfigured    = "104" // other settings have changed
	codeNowReal       = "172" // addresses are shown from now on
	codeNowHidden     = "173" // addresses are for moderators from now on
	codeCreated       = "201"
	codeNickChanged   = "210" // by the room
	codeBanned        = "301"
	codeNewNick       = "303"
	codeKicked        = "307"
	codeNoMember      = "321" // removed: no longer a member
	codeMembersOnly   = "322" // removed: the room is for members now
	codeShutdown      = "332"
	codeFailed        = "333" // removed: could not be reached
)
