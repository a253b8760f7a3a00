//! Messages of SASL: no bytes of a stranger log in, what is read can be written, and the right proof still works.

#![no_main]

use std::sync::LazyLock;

use xmpp::sasl::{
    Binding, Bindings, ClientFirst, Gs2, Hash, Mechanism, Plain, ScramClient, ScramKeys, decode, encode,
};

static KEYS: LazyLock<[ScramKeys; 2]> = LazyLock::new(|| {
    Hash::ALL.map(|hash| ScramKeys::derive(hash, "pencil", b"salt and pepper", 1).unwrap_or_else(|error| panic!("{error}")))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(rest)
        && let Ok(message) = decode(text)
    {
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
    if let Ok(plain) = Plain::read(rest) {
        assert_eq!(plain.message(), rest);
        assert!(!plain.username.is_empty() && !plain.password.is_empty());
    }
    let bindings = match choice & 1 {
        0 => Bindings::none(),
        _ => Bindings::none().with(Binding::TlsExporter, vec![7; 32]),
    };
    let (first, last) = match rest.iter().position(|&byte| byte == b'\n') {
        Some(cut) => (&rest[..cut], &rest[cut + 1..]),
        None => (rest, rest),
    };
    for mechanism in Mechanism::ALL {
        let Some(keys) = mechanism.hash().and_then(|hash| KEYS.iter().find(|keys| keys.hash() == hash)) else { continue };
        if let Ok(message) = ClientFirst::read(mechanism, first, &bindings) {
            assert!(!message.username().is_empty());
            assert!(message.challenge(keys.clone()).finish(last).is_err(), "{}", data.escape_ascii());
        }
    }
    if let Some(keys) = KEYS.get(usize::from(choice >> 1 & 1)) {
        meets(keys, first, last);
    }
});

/// A client that is told nonsense does not fall over, and one that is told the truth logs in.
fn meets(keys: &ScramKeys, nonsense: &[u8], verdict: &[u8]) {
    let mut client = ScramClient::new(keys.hash(), "user", "pencil", &Gs2::Unsupported);
    // A count of iterations that costs the fuzzer its time proves nothing.
    if nonsense.len() < 100 && !nonsense.windows(5).any(|window| window.iter().all(u8::is_ascii_digit)) {
        let _ = client.answer(nonsense);
        assert!(client.finish(verdict).is_err());
    }
    let mut client = ScramClient::new(keys.hash(), "user", "pencil", &Gs2::Unsupported);
    let mechanism = Mechanism::ALL.into_iter().find(|known| known.hash() == Some(keys.hash()) && !known.is_plus());
    let first = mechanism.map(|known| ClientFirst::read(known, &client.first(), &Bindings::none()));
    let Some(Ok(first)) = first else { panic!("the right message is refused") };
    let server = first.challenge(keys.clone());
    let proof = client.answer(server.message()).unwrap_or_else(|error| panic!("{error}"));
    let ours = server.finish(&proof).unwrap_or_else(|failure| panic!("{}", failure.name()));
    assert!(client.finish(&ours).is_ok());
}
