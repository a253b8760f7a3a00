//! What a modern stream is offered: first encryption, then ways to log in, then an address.
//!
//! **Source** RFC 6120 §4.3.2, in the order of XEP-0170 §2.1; XEP-0440; XEP-0078 §3.

use im::{FeaturesAt, Host};
use xmpp::ns;

use super::party::Party;

/// Writes the features for a stream on which nobody has logged in.
pub(super) fn write_before_login(out: &mut Vec<u8>, party: &Party, host: &Host) {
    begin(out);
    if party.may_start_tls() {
        let required = if party.listener.require_tls { "<required/>" } else { "" };
        element(out, "starttls", ns::STARTTLS, required);
    }
    if party.may_send_secrets() {
        let mechanism = |mechanism: xmpp::sasl::Mechanism| format!("<mechanism>{}</mechanism>", mechanism.name());
        element(out, "mechanisms", ns::SASL, &party.mechanisms().map(mechanism).collect::<String>());
        if !party.bindings.is_empty() {
            let binding = |kind: xmpp::sasl::Binding| format!("<channel-binding type='{}'/>", kind.name());
            element(
                out,
                "sasl-channel-binding",
                ns::CHANNEL_BINDING,
                &party.bindings.kinds().map(binding).collect::<String>(),
            );
        }
        if party.may_use_iq_auth() {
            element(out, "auth", ns::AUTH_FEATURE, "");
        }
        plugged(out, host, FeaturesAt::BeforeLogin);
    }
    end(out);
}

/// Writes the features after SASL: an address, the session of RFC 3921 that nothing depends on any more, and what the stream itself can do.
pub(super) fn write_after_login(out: &mut Vec<u8>, host: &Host) {
    begin(out);
    element(out, "bind", ns::BIND, "");
    element(out, "session", ns::SESSION, "<optional/>");
    element(out, "sm", ns::STREAM_MANAGEMENT, "");
    element(out, "csi", ns::CLIENT_STATE, "");
    plugged(out, host, FeaturesAt::AfterLogin);
    end(out);
}

/// The prefix is the one that our header declares.
fn begin(out: &mut Vec<u8>) {
    out.extend_from_slice(b"<stream:features>");
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</stream:features>");
}

/// Writes an element of names that are known here, none of which needs escaping: each login hears of a dozen of them.
fn element(out: &mut Vec<u8>, name: &str, ns: &str, content: &str) {
    for piece in ["<", name, " xmlns='", ns] {
        out.extend_from_slice(piece.as_bytes());
    }
    if content.is_empty() {
        return out.extend_from_slice(b"'/>");
    }
    for piece in ["'>", content, "</", name, ">"] {
        out.extend_from_slice(piece.as_bytes());
    }
}

fn plugged(out: &mut Vec<u8>, host: &Host, at: FeaturesAt) {
    host.stream_features(at).iter().for_each(|feature| out.extend_from_slice(feature.bytes()));
}
