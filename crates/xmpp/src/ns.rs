//! The namespaces of the protocol, sorted by name, each with the document that defines it.

/// One service of 2000 (XEP-0094).
pub const AGENT: &str = "jabber:iq:agent";
/// The list of services of 2000 (XEP-0094).
pub const AGENTS: &str = "jabber:iq:agents";
/// Message archive (XEP-0313).
pub const ARCHIVE: &str = "urn:xmpp:mam:2";
/// Attention (XEP-0224).
pub const ATTENTION: &str = "urn:xmpp:attention:0";
/// Login of 2000 (XEP-0078).
pub const AUTH: &str = "jabber:iq:auth";
/// Stream feature of the login of 2000 (XEP-0078).
pub const AUTH_FEATURE: &str = "http://jabber.org/features/iq-auth";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Bind 2 (XEP-0386).
pub const BIND2: &str = "urn:xmpp:bind:0";
/// Blocking command (XEP-0191).
pub const BLOCKING: &str = "urn:xmpp:blocking";
/// Errors of the blocking command (XEP-0191).
pub const BLOCKING_ERRORS: &str = "urn:xmpp:blocking:errors";
/// Bookmarks in private pubsub (XEP-0402).
pub const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
/// Bookmarks in private XML (XEP-0048).
pub const BOOKMARKS_LEGACY: &str = "storage:bookmarks";
/// XMPP over HTTP (XEP-0124).
pub const BOSH: &str = "http://jabber.org/protocol/httpbind";
/// Browsing of 2000 (XEP-0011).
pub const BROWSE: &str = "jabber:iq:browse";
/// Bytes beside the stream (XEP-0065).
pub const BYTESTREAMS: &str = "http://jabber.org/protocol/bytestreams";
/// Entity capabilities (XEP-0115).
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// Message carbons (XEP-0280).
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// Channel-binding types that a server offers (XEP-0440).
pub const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// How far a conversation was read (XEP-0333).
pub const CHAT_MARKERS: &str = "urn:xmpp:chat-markers:0";
/// Chat states (XEP-0085).
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// Stanzas between client and server (RFC 6120).
pub const CLIENT: &str = "jabber:client";
/// Client state indication (XEP-0352).
pub const CLIENT_STATE: &str = "urn:xmpp:csi:0";
/// Ad-hoc commands (XEP-0050).
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
/// Stanzas between component and server (XEP-0114).
pub const COMPONENT: &str = "jabber:component:accept";
/// Stream compression (XEP-0138).
pub const COMPRESS: &str = "http://jabber.org/protocol/compress";
/// Invitation to a room (XEP-0249).
pub const CONFERENCE: &str = "jabber:x:conference";
/// Data forms (XEP-0004).
pub const DATA_FORM: &str = "jabber:x:data";
/// Delayed delivery (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// Delayed delivery of 2000 (XEP-0091).
pub const DELAY_LEGACY: &str = "jabber:x:delay";
/// Server dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// Stream feature of dialback (XEP-0220).
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
/// What an entity is and can (XEP-0030).
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// What an entity has (XEP-0030).
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Encryption of 2000 with OpenPGP (XEP-0027).
pub const ENCRYPTED: &str = "jabber:x:encrypted";
/// Who sent a message on, and from whom it was, in 2000.
pub const ENVELOPE: &str = "jabber:x:envelope";
/// Message events (XEP-0022).
pub const EVENT: &str = "jabber:x:event";
/// Message expiry (XEP-0023).
pub const EXPIRE: &str = "jabber:x:expire";
/// External services (XEP-0215).
pub const EXTERNAL_SERVICES: &str = "urn:xmpp:extdisco:2";
/// Fast authentication with tokens (XEP-0484).
pub const FAST: &str = "urn:xmpp:fast:0";
/// Filters of 2000, kept by the server.
pub const FILTER: &str = "jabber:iq:filter";
/// Forwarded stanzas (XEP-0297).
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// Rooms of 1999, as a name in browsing and discovery (XEP-0045 §17).
pub const GROUPCHAT: &str = "gc-1.0";
/// Hash functions (XEP-0300).
pub const HASHES: &str = "urn:xmpp:hashes:2";
/// Hints for storing and copying messages (XEP-0334).
pub const HINTS: &str = "urn:xmpp:hints";
/// Uploading files (XEP-0363).
pub const HTTP_UPLOAD: &str = "urn:xmpp:http:upload:0";
/// A file that expires when its uploader says (XEP-0363 §5.3).
pub const HTTP_UPLOAD_EPHEMERAL: &str = "urn:xmpp:http:upload:purpose:0#ephemeral";
/// A file that goes with a message (XEP-0363 §5.1).
pub const HTTP_UPLOAD_MESSAGE: &str = "urn:xmpp:http:upload:purpose:0#message";
/// What a file is uploaded for (XEP-0363 §5).
pub const HTTP_UPLOAD_PURPOSE: &str = "urn:xmpp:http:upload:purpose:0";
/// Idle since (XEP-0319).
pub const IDLE: &str = "urn:xmpp:idle:1";
/// Invisible command (XEP-0186).
pub const INVISIBLE: &str = "urn:xmpp:invisible:1";
/// Last activity (XEP-0012).
pub const LAST_ACTIVITY: &str = "jabber:iq:last";
/// Rooms (XEP-0045).
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// Affiliations and roles in rooms (XEP-0045).
pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// Configuration of rooms (XEP-0045).
pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// What a room tells its occupants (XEP-0045).
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// Nickname (XEP-0172).
pub const NICK: &str = "http://jabber.org/protocol/nick";
/// Anonymous occupant identifiers (XEP-0421).
pub const OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";
/// Flexible offline retrieval (XEP-0013).
pub const OFFLINE: &str = "http://jabber.org/protocol/offline";
/// Offline messages are stored, as a feature (XEP-0160).
pub const OFFLINE_FEATURE: &str = "msgoffline";
/// A file elsewhere, asked for (XEP-0066).
pub const OOB: &str = "jabber:iq:oob";
/// A file elsewhere, in a message (XEP-0066).
pub const OOB_MESSAGE: &str = "jabber:x:oob";
/// Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Stream feature of subscription pre-approval (RFC 6121 §3.4).
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
/// Privacy lists (XEP-0016).
pub const PRIVACY: &str = "jabber:iq:privacy";
/// Private XML storage (XEP-0049).
pub const PRIVATE: &str = "jabber:iq:private";
/// Publish and subscribe (XEP-0060).
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// Errors of publish and subscribe (XEP-0060).
pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// Notifications of publish and subscribe (XEP-0060).
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// Owning a node (XEP-0060).
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// Push notifications (XEP-0357).
pub const PUSH: &str = "urn:xmpp:push:0";
/// Delivery receipts (XEP-0184).
pub const RECEIPTS: &str = "urn:xmpp:receipts";
/// In-band registration (XEP-0077).
pub const REGISTER: &str = "jabber:iq:register";
/// Stream feature of registration (XEP-0077).
pub const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";
/// Stream feature of registration by invitation (XEP-0445).
pub const IBR_TOKEN: &str = "urn:xmpp:ibr-token:0";
/// A token shown ahead of registration, or with a subscription (XEP-0445, XEP-0379).
pub const PREAUTH: &str = "urn:xmpp:pars:0";
/// The contact list (RFC 6121 §2).
pub const ROSTER: &str = "jabber:iq:roster";
/// Contacts in a message (XEP-0093).
pub const ROSTER_EXCHANGE: &str = "jabber:x:roster";
/// Stream feature of roster versions (RFC 6121 §2.6).
pub const ROSTER_VERSIONS: &str = "urn:xmpp:features:rosterver";
/// Result set management (XEP-0059).
pub const RSM: &str = "http://jabber.org/protocol/rsm";
/// Authentication (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Extensible SASL profile (XEP-0388).
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// Searching for people (XEP-0055).
pub const SEARCH: &str = "jabber:iq:search";
/// Stanzas between servers (RFC 6120).
pub const SERVER: &str = "jabber:server";
/// Contact addresses of a service (XEP-0157).
pub const SERVER_CONTACT: &str = "http://jabber.org/network/serverinfo";
/// The session that older clients start (RFC 3921 §3).
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Signed presence of 2000 with OpenPGP (XEP-0027).
pub const SIGNED: &str = "jabber:x:signed";
/// Conditions of stanza errors (RFC 6120 §8.3).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// Unique and stable stanza ids (XEP-0359).
pub const STANZA_ID: &str = "urn:xmpp:sid:0";
/// STARTTLS (RFC 6120 §5).
pub const STARTTLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// The stream itself (RFC 6120 §4).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// Conditions of stream errors (RFC 6120 §4.9).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Stream management (XEP-0198).
pub const STREAM_MANAGEMENT: &str = "urn:xmpp:sm:3";
/// Entity time (XEP-0202).
pub const TIME: &str = "urn:xmpp:time";
/// Entity time of 2000 (XEP-0090).
pub const TIME_LEGACY: &str = "jabber:iq:time";
/// Visiting cards (XEP-0054).
pub const VCARD: &str = "vcard-temp";
/// Avatars in visiting cards (XEP-0153).
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// Software version (XEP-0092).
pub const VERSION: &str = "jabber:iq:version";
/// Framing on WebSocket (RFC 7395).
pub const WEBSOCKET: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// The prefix `xml` (Namespaces in XML 1.0).
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
