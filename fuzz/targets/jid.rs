//! Addresses: the fast way for canonical ASCII and the full rules agree, and what is canonical stays as it is.

#![no_main]

use xmpp::{Jid, JidRef};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (bare, resource) = text.split_once('/').map_or((text, None), |(bare, resource)| (bare, Some(resource)));
    let (local, domain) = bare.split_once('@').map_or((None, bare), |(local, domain)| (Some(local), domain));
    let parsed = Jid::parse(text);
    assert_eq!(parsed, Jid::new(local, domain, resource));
    assert_eq!(JidRef::parse(text).map(|jid| jid.to_jid()), parsed);
    let Ok(jid) = parsed else { return };
    assert_eq!(Jid::parse(jid.as_str()).as_ref(), Ok(&jid));
    let part = |part: Option<&str>| part.is_none_or(|part| (1..=xmpp::jid::PART_BYTES).contains(&part.len()));
    assert!(part(jid.local()) && part(jid.resource()) && !jid.domain().is_empty());
    assert_eq!(Jid::new(jid.local(), jid.domain(), jid.resource()).as_ref(), Ok(&jid));
    assert_eq!(jid.bare().as_str(), jid.bare_str());
    assert_eq!(Jid::parse_legacy(&format!("{}/", jid.bare_str())), Ok(jid.bare()));
});
