//! Errors of both ages, and delay stamps.

use proptest::prelude::*;
use xml::{Builder, Element, Limits};
use xmpp::delay::{self, Delay};
use xmpp::{Condition, ErrorType, Jid, StanzaError, StreamCondition, StreamError, Timestamp, ns};

fn element(text: &str) -> Element {
    Element::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn legacy(error: &StanzaError) -> String {
    let mut out = Vec::new();
    error.write_legacy(&mut out);
    String::from_utf8(out).unwrap()
}

/// The table of section 4.2: number, text, condition, type, and the conditions that become this number.
#[test]
fn numbers_and_conditions_translate_both_ways() {
    use Condition::*;
    use ErrorType::*;
    let table: [(u16, &str, Condition, ErrorType, &[Condition]); 17] = [
        (302, "Redirect", Condition::Redirect, Modify, &[Condition::Redirect, Gone]),
        (400, "Bad Request", BadRequest, Modify, &[BadRequest, JidMalformed, UnexpectedRequest]),
        (401, "Unauthorized", NotAuthorized, Auth, &[NotAuthorized]),
        (402, "Payment Required", PaymentRequired, Auth, &[PaymentRequired]),
        (403, "Forbidden", Forbidden, Auth, &[Forbidden]),
        (404, "Not Found", ItemNotFound, Cancel, &[ItemNotFound, RecipientUnavailable, RemoteServerNotFound]),
        (405, "Not Allowed", NotAllowed, Cancel, &[NotAllowed]),
        (406, "Not Acceptable", NotAcceptable, Modify, &[NotAcceptable]),
        (407, "Registration Required", RegistrationRequired, Auth, &[RegistrationRequired, SubscriptionRequired]),
        (408, "Request Timeout", RemoteServerTimeout, Wait, &[]),
        (409, "Conflict", Conflict, Cancel, &[Conflict]),
        (
            500,
            "Internal Server Error",
            InternalServerError,
            Wait,
            &[InternalServerError, ResourceConstraint, UndefinedCondition, PolicyViolation],
        ),
        (501, "Not Implemented", FeatureNotImplemented, Cancel, &[FeatureNotImplemented]),
        (502, "Remote Server Error", ServiceUnavailable, Wait, &[]),
        (503, "Service Unavailable", ServiceUnavailable, Cancel, &[ServiceUnavailable]),
        (504, "Remote Server Timeout", RemoteServerTimeout, Wait, &[RemoteServerTimeout]),
        (510, "Disconnected", ServiceUnavailable, Cancel, &[]),
    ];
    for (code, text, condition, kind, into) in table {
        let read = StanzaError::read(element(&format!("<error code='{code}'>{text}</error>")).root());
        assert_eq!(
            (read.condition, read.kind, read.code, read.text.as_deref()),
            (condition, kind, Some(code), Some(text))
        );
        assert_eq!(legacy(&read), format!("<error code='{code}'>{text}</error>"));
        for &condition in into {
            assert_eq!(legacy(&condition.into()), format!("<error code='{code}'>{text}</error>"));
        }
    }
    let covered: usize = table.iter().map(|row| row.4.len()).sum();
    assert_eq!(covered, Condition::ALL.len());
}

#[test]
fn unknown_numbers_and_custom_texts() {
    let read = |text: &str| StanzaError::read(element(text).root());
    for (text, kind, again) in [
        ("<error code='499'>Odd</error>", ErrorType::Cancel, "<error code='499'>Odd</error>"),
        ("<error code='599'>Odd</error>", ErrorType::Wait, "<error code='599'>Odd</error>"),
        ("<error>Odd</error>", ErrorType::Cancel, "<error code='500'>Odd</error>"),
        ("<error code='x'/>", ErrorType::Cancel, "<error code='500'>Internal Server Error</error>"),
        ("<error code='499'/>", ErrorType::Cancel, "<error code='499'>Internal Server Error</error>"),
    ] {
        let error = read(text);
        assert_eq!((error.condition, error.kind), (Condition::UndefinedCondition, kind), "{text}");
        assert_eq!(legacy(&error), again);
    }
    assert_eq!(
        legacy(&StanzaError::conflict().with_text("Username <Not> Available")),
        "<error code='409'>Username &lt;Not&gt; Available</error>"
    );
    let bounce = StanzaError::remote_server_not_found().with_code(502).with_text("Unable to resolve hostname.");
    assert_eq!(legacy(&bounce), "<error code='502'>Unable to resolve hostname.</error>");
}

#[test]
fn typed_errors_are_read_leniently() {
    let s = ns::STANZA_ERRORS;
    let read = |text: String| StanzaError::read(element(&text).root());
    let unknown = read(format!("<error type='wait'><teapot xmlns='{s}'/></error>"));
    assert_eq!((unknown.condition, unknown.kind), (Condition::UndefinedCondition, ErrorType::Wait));
    let untyped = read(format!("<error><forbidden xmlns='{s}'/></error>"));
    assert_eq!(untyped, StanzaError::forbidden());
    let full = read(format!(
        "<error type='cancel' by='h'><text xmlns='{s}'>t</text><gone xmlns='{s}'>xmpp:a@b</gone><x xmlns='app'/></error>"
    ));
    assert_eq!(
        full,
        StanzaError::gone().with_text("t").with_address("xmpp:a@b").with_application(element("<x xmlns='app'/>"))
    );
    assert_eq!(full.to_string(), "gone: t");
    for condition in Condition::ALL {
        assert_eq!(Condition::from_name(condition.name()), Some(*condition));
    }
}

#[test]
fn stream_errors_of_both_ages() {
    let write = |error: &StreamError, old: bool| {
        let mut out = Vec::new();
        if old {
            error.write_legacy(&mut out)
        } else {
            error.write(&mut out)
        }
        String::from_utf8(out).unwrap()
    };
    let conflict = StreamError::conflict().with_text("Replaced by new connection");
    assert_eq!(
        write(&conflict, false),
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text \
         xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Replaced by new connection</text></stream:error>"
    );
    assert_eq!(
        write(&StreamError::see_other_host().with_address("h:1").with_application(element("<x xmlns='app'/>")), false),
        "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>h:1</see-other-host><x xmlns='app'/></stream:error>"
    );
    for (error, text) in [
        (conflict, "Disconnected"),
        (StreamError::reset(), "Disconnected"),
        (StreamError::system_shutdown(), "Disconnected"),
        (StreamError::invalid_namespace(), "Invalid Namespace"),
        (StreamError::invalid_stream_namespace(), "Invalid Stream Namespace"),
        (StreamError::host_unknown(), "Did not specify a valid to argument"),
        (StreamError::improper_addressing(), "Did not specify a valid to argument"),
        (StreamError::connection_timeout(), "Timeout waiting for authentication"),
        (StreamError::over_limit(), "Invalid XML"),
        (StreamError::from(xml::Error::TooDeep), "Invalid XML"),
        (StreamError::from(xml::Error::NotWellFormed("x")), "Invalid XML"),
        (StreamError::policy_violation(), "Policy Violation"),
    ] {
        assert_eq!(write(&error, true), format!("<stream:error>{text}</stream:error>"));
    }
    for condition in StreamCondition::ALL {
        assert_eq!(StreamCondition::from_name(condition.name()), Some(*condition));
        assert!(!condition.legacy_text().is_empty());
    }
    assert_eq!(StreamError::from(xml::Error::TooDeep).condition, StreamCondition::PolicyViolation);
    assert_eq!(StreamError::from(xml::Error::RestrictedXml("x")).condition, StreamCondition::RestrictedXml);
}

#[test]
fn sasl_failures_are_elements() {
    assert_eq!(
        xmpp::sasl::Failure::NotAuthorized.to_element().as_str(),
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"
    );
}

#[test]
fn stamps_of_both_ages() {
    let since = Timestamp::parse("2002-09-10T23:08:25Z").unwrap();
    let host = Jid::parse("capulet.com").unwrap();
    let stamp = delay::element(&host, since, "Offline Storage");
    assert_eq!(
        stamp.as_str(),
        "<delay xmlns='urn:xmpp:delay' from='capulet.com' stamp='2002-09-10T23:08:25Z'>Offline Storage</delay>"
    );
    let read = Delay::read(stamp.root()).unwrap();
    assert_eq!(read, Delay { from: Some(host), stamp: since, reason: "Offline Storage".into() });
    let old = read.to_legacy();
    assert_eq!(
        old.as_str(),
        "<x xmlns='jabber:x:delay' from='capulet.com' stamp='20020910T23:08:25'>Offline Storage</x>"
    );
    assert_eq!(Delay::read(old.root()), Some(read));
    for (from, reason) in [(Some("capulet.com"), "Offline Storage"), (None, ""), (Some("o'neil&co@h/<x>"), "a < b & c")]
    {
        let delay = Delay { from: from.and_then(|from| Jid::parse(from).ok()), stamp: since, reason: reason.into() };
        for form in [delay.to_element(), delay.to_legacy()] {
            let mut written = Vec::new();
            assert!(delay::write_legacy(form.root(), &mut written));
            assert_eq!(String::from_utf8(written).unwrap(), delay.to_legacy().as_str());
        }
    }
    let odd = element("<x xmlns='jabber:x:delay' stamp='2002-09-10T23:08:25Z' from='@'/>");
    assert_eq!(Delay::read(odd.root()), Some(Delay { from: None, stamp: since, reason: String::new() }));
    for none in [
        "<x xmlns='jabber:x:delay'/>",
        "<x xmlns='other' stamp='20020910T23:08:25'/>",
        "<delay xmlns='urn:xmpp:delay' stamp='soon'/>",
    ] {
        assert_eq!(Delay::read(element(none).root()), None, "{none}");
        assert!(!delay::write_legacy(element(none).root(), &mut Vec::new()), "{none}");
    }
}

#[test]
fn stamps_made_one_after_the_other_are_those_made_alone() {
    let mut stamps = delay::Stamps::new("Offline Storage");
    let people = ["capulet.com", "capulet.com", "juliet@capulet.com", "juliet@capulet.com", "h/<o'neil & co>"];
    for from in people.into_iter().map(|from| Jid::parse(from).unwrap()) {
        for millis in [1_031_699_305_000, 1_031_699_305_001, 1_031_699_305_999, 0, -1, i64::MAX] {
            let stamp = Timestamp::from_millis(millis);
            let (one, alone) = (stamps.element(&from, stamp), delay::element(&from, stamp, "Offline Storage"));
            assert_eq!(one.as_str(), alone.as_str());
            assert_eq!(Delay::read(one.root()), Delay::read(alone.root()));
            assert_eq!(one.root().attr("from").as_deref(), Some(from.as_str()));
        }
    }
}

fn any_error() -> impl Strategy<Value = StanzaError> {
    let kinds = [ErrorType::Auth, ErrorType::Cancel, ErrorType::Continue, ErrorType::Modify, ErrorType::Wait];
    let texts = proptest::option::of("[a-zäß<&>'\" ]{1,9}");
    let codes = proptest::option::of(0..1000u16);
    (
        proptest::sample::select(Condition::ALL),
        proptest::sample::select(kinds.to_vec()),
        texts.clone(),
        codes,
        texts,
        any::<bool>(),
    )
        .prop_map(|(condition, kind, text, code, address, application)| StanzaError {
            kind,
            condition,
            text: text.map(Into::into),
            code,
            address: address.map(Into::into),
            application: application.then(|| Builder::new("app", "own").attr("a", "<").text("t").finish()),
        })
}

proptest! {
    #[test]
    fn typed_errors_come_back(error in any_error()) {
        prop_assert_eq!(StanzaError::read(error.to_element().root()), error);
    }

    #[test]
    fn numbers_and_texts_come_back(error in any_error()) {
        let once = legacy(&error);
        let read = StanzaError::read(element(&once).root());
        prop_assert_eq!(legacy(&read), once);
    }
}
