//! Addresses: section 2 of the draft of 2000, read with RFC 7622.

use std::collections::HashMap;

use proptest::prelude::*;
use xmpp::jid::{NewAccount, NewAccountError};
use xmpp::{Jid, JidError, JidRef};

fn jid(text: &str) -> Jid {
    Jid::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn parts(text: &str) -> (Option<String>, String, Option<String>) {
    let jid = jid(text);
    (jid.local().map(Into::into), jid.domain().into(), jid.resource().map(Into::into))
}

fn refused(text: &str) -> JidError {
    Jid::parse(text).expect_err(text)
}

#[test]
fn t_2_1_1_the_first_slash_cuts_and_then_the_first_at() {
    assert_eq!(parts("a@b/c@d/e"), (Some("a".into()), "b".into(), Some("c@d/e".into())));
}

#[test]
fn t_2_1_2_an_at_behind_the_slash_makes_no_localpart() {
    assert_eq!(parts("b/c@d"), (None, "b".into(), Some("c@d".into())));
}

#[test]
fn t_2_1_3_nothing_before_the_at_is_malformed() {
    assert_eq!(refused("@b"), JidError::EmptyLocal);
    assert_eq!(refused("@b/r"), JidError::EmptyLocal);
}

#[test]
fn t_2_1_4_an_empty_resource_is_none_only_on_old_streams() {
    assert_eq!(refused("a@b/"), JidError::EmptyResource);
    assert_eq!(Jid::parse_legacy("a@b/").unwrap(), "a@b");
    assert_eq!(Jid::parse_legacy("a@b/c").unwrap(), "a@b/c");
    assert_eq!(Jid::parse_legacy("a@b//").unwrap(), "a@b//");
}

#[test]
fn t_2_1_5_two_ats_are_malformed() {
    assert_eq!(refused("a@@b"), JidError::BadDomain);
    assert_eq!(refused("a@b@c"), JidError::BadDomain);
    assert_eq!(refused("jabber:bob@h"), JidError::BadLocal);
    assert_eq!(refused(""), JidError::EmptyDomain);
    assert_eq!(refused("a@"), JidError::EmptyDomain);
    assert_eq!(refused("a@/r"), JidError::EmptyDomain);
}

#[test]
fn t_2_2_1_the_host_ignores_case() {
    assert_eq!(jid("bob@EXAMPLE.Org"), "bob@example.org");
    assert_eq!(jid("EXAMPLE.ORG").domain(), "example.org");
}

#[test]
fn t_2_2_3_a_host_of_256_bytes_is_refused() {
    let label = "a".repeat(63);
    let host = [&*label, &label, &label, &label].join(".");
    assert_eq!(host.len(), 255);
    assert_eq!(jid(&format!("a@{host}")).domain(), host);
    assert_eq!(refused(&format!("a@{host}a")), JidError::TooLong);
    assert_eq!(jid(&format!("a@{host}.")).domain(), host);
    assert_eq!(refused(&format!("a@{}", "é.".repeat(60))), JidError::TooLong);
}

#[test]
fn t_2_2_4_a_host_may_hold_an_underscore() {
    assert_eq!(jid("a@My_Host.example"), "a@my_host.example");
    assert_eq!(jid("_bücher.ch"), "_bücher.ch");
}

#[test]
fn hosts_have_one_form() {
    for (raw, canonical) in [
        ("example.org.", "example.org"),
        ("xn--bcher-kva.ch", "bücher.ch"),
        ("XN--BCHER-KVA.CH", "bücher.ch"),
        ("BÜCHER。ch", "bücher.ch"),
        ("ＥＸ.com", "ex.com"),
        ("ß.de", "ß.de"),
        ("a--b.example", "a--b.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("[::1]", "[::1]"),
        ("[2001:DB8:0:0::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(jid(raw), canonical);
    }
    for raw in
        ["a..b", ".a", "a..", ".", "[::1", "[::g]", "[1.2.3.4]", "a b", "a:5222", "xn--a.b", "a／b", "a\u{202e}b", "[]"]
    {
        assert!(matches!(refused(raw), JidError::BadDomain | JidError::EmptyDomain), "{raw}");
    }
}

#[test]
fn t_2_3_1_names_ignore_case() {
    assert_eq!(jid("bOB@h"), jid("BOB@h"));
    let new = NewAccount::check("Bob").unwrap();
    assert_eq!((new.local(), new.spelling()), ("bob", "Bob"));
}

#[test]
fn t_2_3_2_another_spelling_is_the_same_account() {
    let (first, second) = (NewAccount::check("Bob").unwrap(), NewAccount::check("bob").unwrap());
    assert_eq!(first.local(), second.local());
}

#[test]
fn t_2_3_3_what_no_name_may_hold() {
    for c in (1..=32).chain(b":@<>'\"&/\x7f".iter().copied()).map(char::from) {
        for name in [format!("{c}"), format!("a{c}b"), format!("a{c}"), format!("é{c}")] {
            assert_eq!(NewAccount::check(&name), Err(NewAccountError::Forbidden), "{name:?}");
            if !matches!(c, '@' | '/') {
                assert_eq!(refused(&format!("{name}@h")), JidError::BadLocal);
            }
            assert_eq!(Jid::new(Some(&name), "h", None), Err(JidError::BadLocal));
        }
    }
    assert_eq!(NewAccount::check(""), Err(NewAccountError::Empty));
    assert_eq!(NewAccount::check("\u{85}"), Err(NewAccountError::Forbidden));
}

#[test]
fn t_2_3_4_255_characters_and_never_cut() {
    let longest = "é".repeat(255);
    assert_eq!(NewAccount::check(&longest).unwrap().local(), longest);
    assert_eq!(NewAccount::check(&"é".repeat(256)), Err(NewAccountError::TooLong));
    assert_eq!(NewAccount::check(&"a".repeat(256)), Err(NewAccountError::TooLong));
    assert_eq!(NewAccount::check(&"丽".repeat(255)).unwrap().local().len(), 765);
    assert!(jid(&format!("{}@h", "a".repeat(1023))).local().unwrap().len() == 1023);
    assert_eq!(refused(&format!("{}@h", "a".repeat(1024))), JidError::TooLong);
    assert_eq!(refused(&format!("{}@h", "é".repeat(512))), JidError::TooLong);
    assert_eq!(refused(&format!("{}@h", "é".repeat(100_000))), JidError::TooLong);
}

#[test]
fn t_2_3_5_accents_ignore_case() {
    assert_eq!(jid("É@h"), jid("é@h"));
    assert_eq!(jid("e\u{301}@h"), jid("é@h"));
}

#[test]
fn t_2_3_6_wide_letters_are_no_disguise() {
    assert_eq!(jid("ｂｏｂ@h"), "bob@h");
    assert_eq!(NewAccount::check("ｂｏｂ").unwrap().local(), "bob");
    assert_eq!(refused("a＠b@h"), JidError::BadLocal);
}

#[test]
fn new_names_are_read_alike_by_old_and_new_programs() {
    for name in ["straße", "ς", "a\u{200d}b", "🤔", "ﬁ", "\u{1e9e}"] {
        let verdict = NewAccount::check(name);
        assert!(matches!(verdict, Err(NewAccountError::Ambiguous | NewAccountError::Forbidden)), "{name} {verdict:?}");
    }
    for name in ["алиса", "משה", "李", "bob.smith", "o+o", "ünal"] {
        assert_eq!(NewAccount::check(name).unwrap().local(), name);
    }
}

#[test]
fn t_2_4_1_resources_heed_case() {
    assert_ne!(jid("a@b/Home"), jid("a@b/home"));
}

#[test]
fn t_2_4_2_resources_hold_nearly_everything() {
    for resource in ["a/b", "@", " a  b ", "\"'<>&", "🤔", "☃ 🐒", "registered", "日本", "~"] {
        let jid = jid("a@b").with_resource(resource).unwrap();
        assert_eq!(jid.resource(), Some(resource));
        assert_eq!(Jid::parse(jid.as_str()).unwrap(), jid);
    }
    assert_eq!(jid("a@b/x\u{a0}y"), "a@b/x y");
    assert_eq!(jid("a@b/👩\u{200d}💻"), "a@b/👩💻");
    for resource in ["a\tb", "\u{7f}", "a\u{85}", "\u{e000}", "\u{fffe}", "\u{202e}a"] {
        assert_eq!(jid("a@b").with_resource(resource), Err(JidError::BadResource), "{resource:?}");
    }
}

#[test]
fn t_2_4_3_a_resource_of_1024_bytes_is_refused() {
    assert!(jid("a@b").with_resource(&"r".repeat(1023)).is_ok());
    assert_eq!(jid("a@b").with_resource(&"r".repeat(1024)), Err(JidError::TooLong));
}

#[test]
fn t_2_4_4_an_empty_resource_is_refused() {
    assert_eq!(jid("a@b").with_resource(""), Err(JidError::EmptyResource));
}

#[test]
fn t_2_4_5_spaces_around_a_resource_count() {
    assert_ne!(jid("a@b/ c"), jid("a@b/c"));
    assert_ne!(jid("a@b/c "), jid("a@b/c"));
}

#[test]
fn names_that_are_slow_to_judge_are_still_names() {
    for sign in ["\u{660}", "\u{30fb}", "l\u{b7}", "\u{5f3}\u{5d0}"] {
        let raw = format!("a@b/ア{}", sign.repeat(100));
        if let Ok(jid) = Jid::parse(&raw) {
            assert_eq!(Jid::parse(jid.as_str()).unwrap(), jid);
        }
    }
    assert_eq!(jid(&format!("a@b/{}", "\u{660}".repeat(400))).resource().map(str::len), Some(800));
}

#[test]
fn parts_share_the_text_and_compare_as_text() {
    let full = jid("Bob@Example.org/Work");
    assert_eq!(full.bare(), "bob@example.org");
    assert_eq!(full.domain_jid(), "example.org");
    assert!(full.domain_jid().is_domain() && full.bare().is_bare() && full.is_full());
    assert_eq!(full.domain_jid().bare().with_resource("x").unwrap(), "example.org/x");
    assert_eq!(full.bare().local(), Some("bob"));
    assert_eq!(full.domain_jid().local(), None);
    assert!(full.same_bare(&jid("bob@example.org/Home")));
    let sessions = HashMap::from([(full.bare(), 1)]);
    assert_eq!(sessions.get(JidRef::parse("bob@example.org/x").unwrap().bare_str()), Some(&1));
    assert_eq!(sessions.get(&jid("bob@example.org")), Some(&1));
}

fn raw_address() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zA-Z0-9.@/_-]{1,12}",
        "\\PC{0,6}",
        any::<String>(),
        "[àÉßſK。ｂ１\u{200d}\u{ad}Ꭰꭰİ\u{345}]{1,5}"
    ];
    (part.clone(), part.clone(), part).prop_map(|(local, domain, resource)| format!("{local}@{domain}/{resource}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn canonical_text_is_its_own_canonical_form(raw in raw_address()) {
        if let Ok(jid) = Jid::parse(&raw) {
            let again = Jid::parse(jid.as_ref());
            prop_assert_eq!(again.as_ref(), Ok(&jid));
            let again = again.unwrap();
            prop_assert_eq!((again.local(), again.domain(), again.resource()), (jid.local(), jid.domain(), jid.resource()));
            prop_assert_eq!(Jid::new(jid.local(), jid.domain(), jid.resource()), Ok(jid));
        }
    }

    #[test]
    fn borrowed_and_owned_agree(raw in raw_address()) {
        prop_assert_eq!(JidRef::parse(&raw).map(|jid| jid.to_jid()), Jid::parse(&raw));
    }

    #[test]
    fn single_parts_are_stable(part in prop_oneof!["\\PC{1,4}", any::<String>()]) {
        if let Ok(jid) = Jid::new(Some(&part), "h", None) {
            prop_assert_eq!(Jid::new(jid.local(), "h", None), Ok(jid.clone()));
            prop_assert!(jid.local().is_some_and(|local| local.len() <= 1023));
        }
        if let Ok(jid) = Jid::new(None, &part, None) {
            prop_assert_eq!(Jid::parse(jid.as_str()), Ok(jid.clone()));
            prop_assert!(!jid.domain().contains("xn--"));
        }
    }

    #[test]
    fn new_accounts_have_addresses(name in prop_oneof!["\\PC{1,4}", any::<String>()]) {
        if let Ok(new) = NewAccount::check(&name) {
            let jid = Jid::new(Some(&name), "h", None);
            prop_assert_eq!(jid.as_ref().ok().and_then(Jid::local), Some(new.local()));
        }
    }
}
