//! Logging in: PLAIN, SCRAM, and the digest of 2000.

use proptest::prelude::*;
use xmpp::Jid;
use xmpp::sasl::digest::digest;
use xmpp::sasl::zero_k::{answer, draw};
use xmpp::sasl::{
    Binding, Bindings, ClearPassword, ClientFirst, Failure, Gs2, Hash, Mechanism, Plain, ScramClient, ScramClientError,
    ScramKeys, ZeroK, account, authorize, decode, encode,
};

const FEW: u32 = 8;

fn keys(hash: Hash, password: &str) -> ScramKeys {
    ScramKeys::generate(hash, password, FEW).unwrap()
}

fn tls() -> Bindings {
    Bindings::none().with(Binding::TlsExporter, vec![7; 32]).with(Binding::TlsServerEndPoint, vec![9; 32])
}

/// Plays a login to its end.
fn log_in(mechanism: Mechanism, mut client: ScramClient, keys: ScramKeys, bindings: &Bindings) -> Result<(), Failure> {
    let server = ClientFirst::read(mechanism, &client.first(), bindings)?.challenge(keys);
    let answer = client.answer(server.message()).unwrap();
    let verdict = server.finish(&answer)?;
    client.finish(&verdict).unwrap();
    Ok(())
}

#[test]
fn scram_lets_in_who_knows_the_password() {
    for hash in Hash::ALL {
        let mechanism = Mechanism::Scram(hash);
        for password in ["pencil", "p,=e n\"<c>&il", "пароль", "🤔 pass", " lead", "\u{2168}", "I\u{ad}X"] {
            let client = ScramClient::new(hash, "us,=er", password, &Gs2::Unsupported);
            assert_eq!(log_in(mechanism, client, keys(hash, password), &Bindings::none()), Ok(()), "{password}");
        }
        let client = ScramClient::new(hash, "user", "wrong", &Gs2::Unsupported);
        let refused = log_in(mechanism, client, keys(hash, "pencil"), &Bindings::none());
        assert_eq!(refused, Err(Failure::NotAuthorized));
    }
}

#[test]
fn plus_binds_to_the_channel() {
    for hash in Hash::ALL {
        let plus = Mechanism::ScramPlus(hash);
        let try_with = |binding, data: u8| {
            let client = ScramClient::new(hash, "user", "pencil", &Gs2::Bound(binding, vec![data; 32]));
            log_in(plus, client, keys(hash, "pencil"), &tls())
        };
        assert_eq!(try_with(Binding::TlsExporter, 7), Ok(()));
        assert_eq!(try_with(Binding::TlsServerEndPoint, 9), Ok(()));
        assert_eq!(try_with(Binding::TlsExporter, 9), Err(Failure::NotAuthorized));
    }
}

#[test]
fn channel_binding_flags_must_fit_the_mechanism() {
    let read = |mechanism, flag: &str, bindings: &Bindings| {
        let first = format!("{flag},,n=user,r=abc");
        ClientFirst::read(mechanism, first.as_bytes(), bindings).map(|_| ())
    };
    let (plain, plus) = (Mechanism::Scram(Hash::Sha256), Mechanism::ScramPlus(Hash::Sha256));
    assert_eq!(read(plain, "n", &tls()), Ok(()));
    assert_eq!(read(plain, "y", &Bindings::none()), Ok(()));
    assert_eq!(read(plain, "y", &tls()), Err(Failure::NotAuthorized), "somebody hid -PLUS");
    assert_eq!(read(plain, "p=tls-exporter", &tls()), Err(Failure::MalformedRequest));
    assert_eq!(read(plus, "p=tls-exporter", &tls()), Ok(()));
    assert_eq!(read(plus, "p=tls-unique", &tls()), Err(Failure::MalformedRequest));
    assert_eq!(read(plus, "n", &tls()), Err(Failure::MalformedRequest));
    assert_eq!(read(plus, "y", &tls()), Err(Failure::MalformedRequest));
    assert_eq!(read(plus, "p=tls-exporter", &Bindings::none()), Err(Failure::MalformedRequest));
}

#[test]
fn a_tampered_binding_is_noticed() {
    let hash = Hash::Sha256;
    let client = ScramClient::new(hash, "user", "pencil", &Gs2::NotOffered);
    let hidden = String::from_utf8(client.first()).unwrap().replacen('y', "n", 1);
    let first = ClientFirst::read(Mechanism::Scram(hash), hidden.as_bytes(), &tls()).unwrap();
    let server = first.challenge(keys(hash, "pencil"));
    let mut client = client;
    let answer = client.answer(server.message()).unwrap();
    assert_eq!(server.finish(&answer), Err(Failure::NotAuthorized));
}

#[test]
fn first_messages_that_break_the_grammar() {
    for first in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,n=user,r=",
        "n,,r=abc,n=user",
        "n,,m=x,n=user,r=abc",
        "n,,n=,r=abc",
        "n,,n=us=er,r=abc",
        "n,,n=us=2,r=abc",
        "n,,n=us=2cer,r=abc",
        "n,,n=user,r=a\u{e9}c",
        "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x",
        "n,a=,n=user,r=abc",
        "n,b=x,n=user,r=abc",
        "q,,n=user,r=abc",
        "n,,n=u\0r,r=abc",
        "n,,n=user,r=a\tc",
    ] {
        let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), first.as_bytes(), &Bindings::none());
        assert_eq!(read.map(|_| ()), Err(Failure::MalformedRequest), "{first:?}");
    }
    let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), b"n,,n=\xff,r=abc", &Bindings::none());
    assert_eq!(read.map(|_| ()), Err(Failure::MalformedRequest));
    let long = format!("n,,n={},r=abc", "a".repeat(9000));
    let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), long.as_bytes(), &Bindings::none());
    assert_eq!(read.map(|_| ()), Err(Failure::MalformedRequest));
    let first = b"n,a=us=3Der@h,n=us=2Cer,r=abc,x=y";
    let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), first, &Bindings::none()).unwrap();
    assert_eq!((read.username(), read.authzid()), ("us,er", Some("us=er@h")));
}

#[test]
fn answers_that_break_the_grammar_or_the_nonce() {
    let server = || {
        let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), b"n,,n=user,r=abc", &Bindings::none()).unwrap();
        read.challenge(keys(Hash::Sha1, "pencil"))
    };
    let proof = encode(&[0; 20]);
    for answer in [
        "".to_owned(),
        "c=biws".into(),
        "c=biws,r=abc".into(),
        format!("c=biws,r=abc,p={}", encode(&[0; 19])),
        format!("c=b?ws,r=abc,p={proof}"),
        format!("r=abc,c=biws,p={proof}"),
        "c=biws,r=abc,p=?".into(),
        format!("c=biws,r=abc,m,p={proof}"),
    ] {
        assert_eq!(server().finish(answer.as_bytes()), Err(Failure::MalformedRequest), "{answer}");
    }
    let stale = format!("c=biws,r=abc,p={proof}");
    assert_eq!(server().finish(stale.as_bytes()), Err(Failure::NotAuthorized));
    assert_ne!(server().message(), server().message(), "each login has its own nonce");
}

#[test]
fn a_stranger_and_a_wrong_password_look_alike() {
    let fake = |name| ScramKeys::fake(Hash::Sha256, b"server secret", name, FEW);
    let message = |keys: ScramKeys| {
        let read = ClientFirst::read(Mechanism::Scram(Hash::Sha256), b"n,,n=x,r=abc", &Bindings::none()).unwrap();
        let text = String::from_utf8(read.challenge(keys).message().to_vec()).unwrap();
        text.split_once(',').unwrap().1.to_owned()
    };
    assert_eq!(message(fake("x")), message(fake("x")));
    assert_ne!(message(fake("x")), message(fake("y")));
    assert_eq!(message(fake("x")).len(), message(keys(Hash::Sha256, "pencil")).len());
    let client = ScramClient::new(Hash::Sha256, "x", "any", &Gs2::Unsupported);
    let refused = log_in(Mechanism::Scram(Hash::Sha256), client, fake("x"), &Bindings::none());
    assert_eq!(refused, Err(Failure::NotAuthorized));
}

#[test]
fn the_client_notices_a_server_that_does_not_know_it() {
    let mut client = ScramClient::new(Hash::Sha1, "user", "pencil", &Gs2::Unsupported);
    assert_eq!(client.answer(b"r=other,s=AAAA,i=8"), Err(ScramClientError::Malformed));
    let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), &client.first(), &Bindings::none()).unwrap();
    let server = read.challenge(keys(Hash::Sha1, "pencil"));
    client.answer(server.message()).unwrap();
    assert_eq!(client.finish(b"v=AAAA"), Err(ScramClientError::WrongServer));
    assert_eq!(client.finish(b"e=other-error"), Err(ScramClientError::Malformed));
}

#[test]
fn keys_survive_the_store_and_check_plain_passwords() {
    for hash in Hash::ALL {
        let keys = keys(hash, "Calli0pe");
        let record = keys.to_record();
        let again = ScramKeys::from_record(&record).unwrap();
        assert_eq!(again.to_record(), record);
        assert_eq!((again.hash(), again.iterations()), (hash, FEW));
        assert!(again.check_password("Calli0pe"));
        assert!(!again.check_password("calli0pe") && !again.check_password(""));
        assert!(!format!("{keys:?}").contains(record.rsplit_once('$').unwrap().1));
    }
    let record = "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
    let keys = ScramKeys::from_record(record).unwrap();
    assert!(keys.check_password("pencil"));
    for broken in
        ["", "SCRAM-SHA-1$0:QQ==$QQ==:QQ==", "SCRAM-SHA-512$1:QQ==$QQ==:QQ==", "SCRAM-SHA-1$1:?$?:?", "SCRAM-SHA-1$1$"]
    {
        assert!(ScramKeys::from_record(broken).is_none(), "{broken}");
    }
}

#[test]
fn passwords_that_cannot_be() {
    for password in ["", "a\nb", "\u{ad}", "\u{200b}\u{0}"] {
        assert!(ScramKeys::generate(Hash::Sha1, password, FEW).is_err(), "{password:?}");
    }
    assert!(ScramKeys::generate(Hash::Sha1, &"x".repeat(1024), FEW).is_err());
}

#[test]
fn plain_has_three_parts() {
    let plain = Plain::read(b"\0bob\0Calli0pe").unwrap();
    assert_eq!((plain.authzid, plain.username, plain.password), (None, "bob", "Calli0pe"));
    assert_eq!(plain.message(), b"\0bob\0Calli0pe");
    let plain = Plain::read(b"bob@h\0bob\0 p w ").unwrap();
    assert_eq!((plain.authzid, plain.password), (Some("bob@h"), " p w "));
    for broken in [&b""[..], b"\0", b"\0bob", b"\0bob\0", b"\0\0pw", b"a\0b\0c\0d", b"\0b\xff\0c"] {
        assert_eq!(Plain::read(broken), Err(Failure::MalformedRequest), "{broken:?}");
    }
    assert!(!format!("{plain:?}").contains("p w"));
}

#[test]
fn nobody_acts_as_somebody_else() {
    let host = Jid::parse("h").unwrap();
    let bob = account("Bob", &host).unwrap();
    assert_eq!(bob, "bob@h");
    assert_eq!(account("b ob", &host), Err(Failure::NotAuthorized));
    assert_eq!(authorize(None, &bob), Ok(()));
    assert_eq!(authorize(Some("BOB@H"), &bob), Ok(()));
    for other in ["amy@h", "bob@g", "h", "bob", "bob@h/x", "@"] {
        assert_eq!(authorize(Some(other), &bob), Err(Failure::InvalidAuthzid), "{other}");
    }
}

#[test]
fn base64_in_sasl_elements() {
    assert_eq!(decode("="), Ok(vec![]));
    assert_eq!(decode(""), Ok(vec![]));
    assert_eq!(decode("biws"), Ok(b"n,,".to_vec()));
    assert_eq!(encode(b""), "=");
    for broken in ["b", "bi ws", "biws\n", "YQ", "é", "YR=="] {
        assert_eq!(decode(broken), Err(Failure::IncorrectEncoding), "{broken:?}");
    }
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
    }
    assert_eq!(Mechanism::from_name("plain"), None);
}

#[test]
fn t_4_1_1_the_digest_vectors() {
    assert_eq!(digest("3EE948B0", "Calli0pe"), "48fc78be9ec8f86d8ce1c39c320c97c21d62334d");
    assert_eq!(digest("3EE948B0", "secret"), "9b825444a6724723ce364240e754cbc51ecca203");
}

#[test]
fn t_4_1_2_digests_ignore_case() {
    let password = ClearPassword::new("Calli0pe");
    assert!(password.fits_digest("3EE948B0", "48FC78BE9EC8F86D8CE1C39C320C97C21D62334D"));
    assert!(!password.fits_digest("3EE948B1", "48fc78be9ec8f86d8ce1c39c320c97c21d62334d"));
    assert!(!password.fits_digest("3EE948B0", ""));
}

#[test]
fn t_4_1_3_digests_are_over_the_password_as_typed() {
    let password = ClearPassword::new(" &<>\"'é");
    assert!(password.fits_digest("id", &digest("id", " &<>\"'é")));
    assert!(password.fits(" &<>\"'é") && !password.fits("&<>\"'é"));
    assert_eq!(format!("{password:?}"), "ClearPassword");
}

#[test]
fn t_4_1_1_the_zero_knowledge_vectors() {
    let hash = |sequence| answer("Calli0pe", "3A1B2C3D", sequence);
    for (sequence, expected) in [
        (0, "18066b6a7b3c9639744e3af85885590484c14664"),
        (1, "6087d3d357126292807e52305698585f3cd545b3"),
        (2, "f1c28d7d670b265ce4475e7cd04bbe25e93c400c"),
        (7, "b2f77d724514ce9c1b0b90f680f18a692bf0f21b"),
        (8, "c929df546d090b8e571aa79be5232444b34aff9d"),
    ] {
        assert_eq!(hash(sequence), expected);
    }
    assert_eq!(answer("secret", "3A1B2C3D", 7), "8135d2288a2c7ecde1ceee8e84d4f96dcfd56cee");
    let kept = ZeroK::of("Calli0pe", "3A1B2C3D", 8);
    assert_eq!(kept.to_record(), "8:3A1B2C3D:c929df546d090b8e571aa79be5232444b34aff9d");
    assert_eq!(kept.offered(), Some((7, "3A1B2C3D")));
    assert_eq!(kept.after(&hash(7)).map(|next| next.to_record()), Some(format!("7:3A1B2C3D:{}", hash(7))));
}

#[test]
fn t_4_1_5_a_hash_of_a_chain_is_good_once() {
    let chain = ZeroK::of("Calli0pe", "3A1B2C3D", 3);
    let used = answer("Calli0pe", "3A1B2C3D", 2);
    let next = chain.after(&used).unwrap();
    assert_eq!(next.after(&used), None);
    assert_eq!(chain.after(&used.to_ascii_uppercase()), None, "T-4.1.2: the hash is text");
    for wrong in ["", "0", &answer("Calli0pe", "3A1B2C3D", 3), &answer("Calli0pe", "3A1B2C3D", 1)] {
        assert_eq!(chain.after(wrong), None, "{wrong}");
    }
}

#[test]
fn t_4_1_6_a_chain_comes_to_its_end() {
    let mut chain = ZeroK::of("secret", "00", 2);
    for sequence in [1, 0] {
        assert_eq!(chain.offered(), Some((sequence, "00")));
        chain = chain.after(&answer("secret", "00", sequence)).unwrap();
        assert_eq!(ZeroK::from_record(&chain.to_record()), Some(chain.clone()));
    }
    assert!(chain.is_spent() && chain.offered().is_none());
    assert_eq!(chain.after(&answer("secret", "00", 0)), None);
}

#[test]
fn t_4_1_3_zero_knowledge_is_over_the_password_as_typed() {
    let password = " &<>\"'é";
    let chain = ZeroK::begin(password);
    let (sequence, token) = chain.offered().unwrap();
    assert_eq!((sequence, token.len()), (499, 8));
    assert!(chain.after(&answer(password, token, sequence)).is_some());
    assert!(chain.after(&answer("&<>\"'é", token, sequence)).is_none());
    assert_eq!(format!("{chain:?}"), "ZeroK(500 left)");
}

#[test]
fn t_4_1_7_a_chain_for_nobody_looks_like_one_and_stays_the_same() {
    let fake = ZeroK::fake(b"secret", "nobody@example.org");
    assert_eq!(fake, ZeroK::fake(b"secret", "nobody@example.org"));
    assert_ne!(fake.offered(), ZeroK::fake(b"secret", "nobody.else@example.org").offered());
    assert_ne!(fake.offered(), ZeroK::fake(b"another secret", "nobody@example.org").offered());
    let (sequence, token) = fake.offered().unwrap();
    assert!(sequence < ZeroK::LOGINS && token.len() == 8);
    assert_eq!(fake.after(""), None);
    for of in 1..4 {
        let drawn: Vec<usize> = (0..100).map(|n| draw(b"secret", &format!("{n}@example.org"), of)).collect();
        assert!((0..of).all(|choice| drawn.contains(&choice)) && drawn.iter().all(|&choice| choice < of));
    }
}

proptest! {
    #[test]
    fn no_message_breaks_the_server(first in any::<Vec<u8>>(), answer in any::<Vec<u8>>(), text in "[nypamrc=,a2CD3]{0,30}") {
        for message in [&first[..], text.as_bytes()] {
            let _ = Plain::read(message);
            let _ = ClientFirst::read(Mechanism::ScramPlus(Hash::Sha1), message, &tls());
            if let Ok(first) = ClientFirst::read(Mechanism::Scram(Hash::Sha1), message, &Bindings::none()) {
                let server = first.challenge(ScramKeys::fake(Hash::Sha1, b"", "", 1));
                prop_assert!(server.finish(&answer).is_err());
            }
        }
    }

    #[test]
    fn names_cross_unchanged(name in "[^\0]{1,20}", authzid in "[^\0]{1,20}") {
        let client = ScramClient::acting_as(Hash::Sha1, &name, "x", &Gs2::Unsupported, &authzid);
        let read = ClientFirst::read(Mechanism::Scram(Hash::Sha1), &client.first(), &Bindings::none()).unwrap();
        prop_assert_eq!((read.username(), read.authzid()), (&*name, Some(&*authzid)));
    }
}
