//! What a modern stream is offered: first encryption, then ways to log in, then an address.
//!
//! **Source** RFC 6120 §4.3.2, in the order of XEP-0170 §2.1; XEP-0440; XEP-0078 §3.

use im::{FeaturesAt, Host};
use xml::{Builder, Element};
use xmpp::ns;

use super::party::Party;

/// Writes the features for a stream on which nobody has logged in.
pub(super) fn write_before_login(out: &mut Vec<u8>, party: &Party, host: &Host) {
    let mut features = Vec::new();
    if party.may_start_tls() {
        features.push(starttls(party.listener.require_tls));
    }
    if party.may_send_secrets() {
        features.push(mechanisms(party));
        features.extend(channel_bindings(party));
        features.extend(party.may_use_iq_auth().then(|| Builder::new(ns::AUTH_FEATURE, "auth").finish()));
        features.extend_from_slice(host.stream_features(FeaturesAt::BeforeLogin));
    }
    write(out, &features);
}

/// Writes the features after SASL: an address, the session of RFC 3921 that nothing depends on any more, and what the stream itself can do.
pub(super) fn write_after_login(out: &mut Vec<u8>, host: &Host) {
    let mut features = vec![
        Builder::new(ns::BIND, "bind").finish(),
        Builder::new(ns::SESSION, "session").leaf(ns::SESSION, "optional").finish(),
    ];
    features.push(Builder::new(ns::STREAM_MANAGEMENT, "sm").finish());
    features.push(Builder::new(ns::CLIENT_STATE, "csi").finish());
    features.extend_from_slice(host.stream_features(FeaturesAt::AfterLogin));
    write(out, &features);
}

fn starttls(required: bool) -> Element {
    let starttls = Builder::new(ns::STARTTLS, "starttls");
    if required { starttls.leaf(ns::STARTTLS, "required").finish() } else { starttls.finish() }
}

fn mechanisms(party: &Party) -> Element {
    let name = |list: Builder, name: &str| list.text_child(ns::SASL, "mechanism", name);
    let list = Builder::new(ns::SASL, "mechanisms");
    party.mechanisms().fold(list, |list, mechanism| name(list, mechanism.name())).finish()
}

fn channel_bindings(party: &Party) -> Option<Element> {
    const NS: &str = ns::CHANNEL_BINDING;
    let list = Builder::new(NS, "sasl-channel-binding");
    let binding = |list: Builder, name| list.open(NS, "channel-binding").attr("type", name).close();
    let list = party.bindings.kinds().fold(list, |list, kind| binding(list, kind.name()));
    (!party.bindings.is_empty()).then(|| list.finish())
}

fn write(out: &mut Vec<u8>, features: &[Element]) {
    // The prefix is the one that our header declares.
    out.extend_from_slice(b"<stream:features>");
    for feature in features {
        out.extend_from_slice(feature.bytes());
    }
    out.extend_from_slice(b"</stream:features>");
}
