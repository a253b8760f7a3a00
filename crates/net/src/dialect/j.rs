//! The words of 2000: errors are a number and a text, stamps have no zone, and a question to nobody may mean the server.
//!
//! **Source** the draft and jabberd 1.x: error table 4.2, stamps 6.3.2, questions without `to` 3.2, unknown elements 6.3.1.

use xml::{Builder, Element, Item, Node};
use xmpp::delay::Delay;
use xmpp::stanza::{self, ReadError};
use xmpp::{IqType, Jid, Stanza, StanzaError, delay, ns};

/// What clients of 2000 asked "the server" without saying so.
const ASKED_OF_THE_HOST: [&str; 8] = [
    "jabber:iq:agents",
    "jabber:iq:agent",
    ns::VERSION,
    ns::TIME_LEGACY,
    ns::LAST_ACTIVITY,
    ns::BROWSE,
    ns::SEARCH,
    ns::REGISTER,
];

/// Reads a stanza of a J-stream into the heart's form.
pub(super) fn read(element: Element, host: &Jid) -> Result<Stanza, ReadError> {
    let mut stanza = Stanza::read_legacy(element)?;
    if is_asked_of_the_host(&stanza) {
        stanza.set_to(Some(host.clone()));
    }
    renew_stamps(&mut stanza);
    Ok(stanza)
}

fn is_asked_of_the_host(stanza: &Stanza) -> bool {
    let namespace = || stanza.payload().map(Node::ns).unwrap_or_default();
    let asks = match stanza.iq_type() {
        Some(IqType::Get) => ASKED_OF_THE_HOST.contains(&namespace()),
        // Registrations are changed with a set that has no `to` either (4.1.8).
        Some(IqType::Set) => namespace() == ns::REGISTER,
        _ => false,
    };
    asks && stanza.to().is_none()
}

/// Puts today's stamp in place of the old one.
fn renew_stamps(stanza: &mut Stanza) {
    let is_old = |child: Node<'_>| child.is(ns::DELAY_LEGACY, "x") && Delay::read(child).is_some();
    if !stanza.children().any(is_old) {
        return;
    }
    let renewed: Vec<_> = stanza.children().filter(|child| is_old(*child)).filter_map(Delay::read).collect();
    stanza.remove(is_old);
    renewed.iter().for_each(|delay| stanza.append(delay.to_element()));
}

/// Writes for J-streams.
pub(super) struct Writer;

impl stanza::Dialect for Writer {
    fn looks_into(&self, stanza: &Stanza) -> bool {
        stanza.is_error() || stanza.names_namespace(ns::DELAY)
    }

    fn child(&self, stanza: &Stanza, child: Node<'_>, out: &mut Vec<u8>) -> bool {
        if child.is(ns::CLIENT, "error") && stanza.is_error() {
            StanzaError::read(child).write_legacy(out);
            return true;
        }
        if child.ns() != ns::DELAY {
            return false;
        }
        if delay::has_legacy(stanza) { Delay::read(child).is_some() } else { delay::write_legacy(child, out) }
    }
}

/// Sends an element that is no stanza back, as jabberd did: the same with an error. Errors are not answered.
pub(super) fn bounce_unknown(element: &Element, out: &mut Vec<u8>) {
    let root = element.root();
    if root.attr("type").as_deref() == Some("error") {
        return;
    }
    let mut bounce = Builder::new(root.ns(), root.name()).attr("type", "error");
    for attr in root.attrs().filter(|attr| attr.prefix().is_none() && attr.qname() != "type" && !attr.is_declaration())
    {
        bounce = bounce.attr(attr.name(), &attr.value());
    }
    bounce = root.items().fold(bounce, |bounce, item| match item {
        Item::Text(text) => bounce.text(&text),
        Item::Element(child) => bounce.node(child),
    });
    let error = StanzaError::bad_request();
    let (code, text) = error.to_legacy();
    let bounce = bounce.open(ns::CLIENT, "error").attr("code", &code.to_string()).text(text);
    out.extend_from_slice(bounce.finish().bytes());
}

#[cfg(test)]
mod tests {
    use xml::Limits;
    use xmpp::{Condition, ErrorType};

    use super::*;

    fn element(text: &str) -> Element {
        Element::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn heard(text: &str) -> Stanza {
        read(element(text), &Jid::parse("h").unwrap()).unwrap()
    }

    fn written(stanza: &Stanza) -> String {
        let mut out = Vec::new();
        stanza.write_with(&mut out, &Writer);
        String::from_utf8(out).unwrap()
    }

    fn forwarded(text: &str) -> String {
        written(&Stanza::read(element(text)).unwrap())
    }

    /// The table of 4.2, from today's condition to the number and text of 2000.
    #[test]
    fn each_condition_has_its_number() {
        let rows: [(u16, &str, &[&str]); 15] = [
            (302, "Redirect", &["redirect", "gone"]),
            (400, "Bad Request", &["bad-request", "jid-malformed", "unexpected-request"]),
            (401, "Unauthorized", &["not-authorized"]),
            (402, "Payment Required", &["payment-required"]),
            (403, "Forbidden", &["forbidden"]),
            (404, "Not Found", &["item-not-found", "recipient-unavailable", "remote-server-not-found"]),
            (405, "Not Allowed", &["not-allowed"]),
            (406, "Not Acceptable", &["not-acceptable"]),
            (407, "Registration Required", &["registration-required", "subscription-required"]),
            (409, "Conflict", &["conflict"]),
            (
                500,
                "Internal Server Error",
                &["internal-server-error", "resource-constraint", "undefined-condition", "policy-violation"],
            ),
            (501, "Not Implemented", &["feature-not-implemented"]),
            (503, "Service Unavailable", &["service-unavailable"]),
            (504, "Remote Server Timeout", &["remote-server-timeout"]),
            (500, "Internal Server Error", &["something-nobody-knows"]),
        ];
        for (code, text, conditions) in rows {
            for condition in conditions {
                let typed = format!(
                    "<message type='error' id='m1'><body>hi</body><error type='cancel'>\
                     <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
                );
                let expected = format!(
                    "<message type='error' id='m1'><body>hi</body><error code='{code}'>{text}</error></message>"
                );
                assert_eq!(forwarded(&typed), expected);
            }
        }
    }

    /// The table of 4.2, from the number of 2000 to today's condition and type.
    #[test]
    fn each_number_has_its_condition() {
        use {Condition as C, ErrorType as T};
        let rows = [
            (302, C::Redirect, T::Modify),
            (400, C::BadRequest, T::Modify),
            (401, C::NotAuthorized, T::Auth),
            (402, C::PaymentRequired, T::Auth),
            (403, C::Forbidden, T::Auth),
            (404, C::ItemNotFound, T::Cancel),
            (405, C::NotAllowed, T::Cancel),
            (406, C::NotAcceptable, T::Modify),
            (407, C::RegistrationRequired, T::Auth),
            (408, C::RemoteServerTimeout, T::Wait),
            (409, C::Conflict, T::Cancel),
            (500, C::InternalServerError, T::Wait),
            (501, C::FeatureNotImplemented, T::Cancel),
            (502, C::ServiceUnavailable, T::Wait),
            (503, C::ServiceUnavailable, T::Cancel),
            (504, C::RemoteServerTimeout, T::Wait),
            (510, C::ServiceUnavailable, T::Cancel),
            (499, C::UndefinedCondition, T::Cancel),
            (599, C::UndefinedCondition, T::Wait),
        ];
        for (code, condition, kind) in rows {
            let heard = heard(&format!("<iq type='error' id='1' to='a@b/c'><error code='{code}'>words</error></iq>"));
            let error = heard.reported_error().unwrap();
            assert_eq!((error.condition, error.kind, error.code), (condition, kind, Some(code)));
            assert_eq!(error.text.as_deref(), Some("words"));
            // Another client of 2000 sees what the first one said.
            assert!(written(&heard).contains(&format!("<error code='{code}'>words</error>")));
        }
    }

    #[test]
    fn an_error_that_carries_a_code_keeps_it_and_loses_its_children() {
        let typed = "<iq type='error' id='1'><error code='502' type='wait'><service-unavailable \
                     xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>\
                     Server Connect Failed</text><a xmlns='b'/></error></iq>";
        assert_eq!(forwarded(typed), "<iq type='error' id='1'><error code='502'>Server Connect Failed</error></iq>");
    }

    #[test]
    fn stamps_change_their_form_both_ways() {
        let new = "<message><delay xmlns='urn:xmpp:delay' from='h' stamp='2002-09-10T23:08:25Z'>Kept</delay></message>";
        let old = "<message><x xmlns='jabber:x:delay' from='h' stamp='20020910T23:08:25'>Kept</x></message>";
        assert_eq!(forwarded(new), old);
        let heard = heard(old);
        assert_eq!(heard.children().map(|child| child.ns()).collect::<Vec<_>>(), ["urn:xmpp:delay"]);
        assert_eq!(written(&heard), old);
    }

    #[test]
    fn a_stamp_that_cannot_be_read_is_passed_on() {
        let text = "<message><x xmlns='jabber:x:delay' stamp='yesterday'/></message>";
        assert_eq!(written(&heard(text)), text);
    }

    #[test]
    fn two_stamps_in_both_forms_become_old_ones_once() {
        let both = "<message><x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/>\
                    <delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/></message>";
        assert_eq!(forwarded(both), "<message><x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/></message>");
    }

    #[test]
    fn questions_to_nobody_may_mean_the_host() {
        for namespace in ASKED_OF_THE_HOST {
            let asked = heard(&format!("<iq type='get' id='1'><query xmlns='{namespace}'/></iq>"));
            assert_eq!(asked.to().map(Jid::as_str), Some("h"), "{namespace}");
        }
        for other in [
            "<iq type='get'><query xmlns='jabber:iq:roster'/></iq>",
            "<iq type='set'><query xmlns='jabber:iq:browse'/></iq>",
            "<iq type='result'><query xmlns='jabber:iq:version'/></iq>",
            "<message><query xmlns='jabber:iq:version'/></message>",
        ] {
            assert_eq!(heard(other).to(), None, "{other}");
        }
        let elsewhere = heard("<iq type='get' to='a@b/c'><query xmlns='jabber:iq:version'/></iq>");
        assert_eq!(elsewhere.to().map(Jid::as_str), Some("a@b/c"));
    }

    #[test]
    fn available_is_no_type_and_ids_may_be_missing() {
        assert_eq!(
            written(&heard("<presence type='available'><show>away</show></presence>")),
            "<presence><show>away</show></presence>"
        );
        assert!(heard("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>").check_iq(false).is_ok());
    }

    /// T-6.3.1, last sentence of the rule
    #[test]
    fn an_unknown_element_comes_back_with_an_error() {
        let mut out = Vec::new();
        bounce_unknown(&element("<route to='x' type='get' id='7'>text<packet/></route>"), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<route type='error' to='x' id='7'>text<packet/><error code='400'>Bad Request</error></route>"
        );
        let mut out = Vec::new();
        bounce_unknown(&element("<route type='error'/>"), &mut out);
        assert!(out.is_empty());
        bounce_unknown(&element("<xml:a><b/></xml:a>"), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<xml:a type='error'><b/><error code='400'>Bad Request</error></xml:a>"
        );
    }
}
