//! An account that is removed leaves nothing but its name, whatever extension kept something for it.

use crate::hands::{account, bind, heard, hub, say};
use im::{LegacyCredentials, NewCredentials};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use store::{Batch, Row, Store};
use xmpp::Jid;

/// What kind of shape, and its name.
type Shape = (&'static str, &'static str);

const KINDS: [&str; 4] = ["keys", "map", "log", "archive"];

/// Every shape that the heart and its extensions open, as their sources name them.
fn shapes() -> BTreeSet<Shape> {
    let extensions = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in [extensions.join("src"), extensions.join("../im/src")] {
        look_into(&folder, &mut found);
    }
    // The server's own, which belong to nobody.
    found.remove(&("keys", "server"));
    found
}

fn look_into(folder: &Path, found: &mut BTreeSet<Shape>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look_into(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for kind in KINDS {
                let call = format!(".{kind}(");
                let opened = text.split(&call).skip(1).filter_map(|rest| rest.split(')').next());
                found.extend(opened.filter_map(|word| Some((kind, name(&text, word)?))));
            }
        }
    }
}

/// A name written out, or one that a constant of the same file has.
fn name(text: &str, word: &str) -> Option<&'static str> {
    let quoted = |text: &str| text.strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
    let constant = || quoted(text.split(&format!("const {word}: &str = ")).nth(1)?.split(';').next()?);
    quoted(word).or_else(constant).map(|name| &*name.leak())
}

/// In which shapes the account has something.
async fn kept(store: &Store, account: &Jid) -> BTreeSet<Shape> {
    let mut kept = BTreeSet::new();
    for (kind, name) in shapes() {
        let owners = match kind {
            "keys" => store.keys(name).owners("", 1_000).await,
            "map" => store.map(name).owners("", 1_000).await,
            "log" => store.log(name).owners("", 1_000).await,
            _ => store.archive(name).owners("", 1_000).await,
        };
        kept.extend(owners.unwrap().iter().any(|owner| owner == account.as_str()).then_some((kind, name)));
    }
    kept
}

/// Something of the account in this shape.
fn something(store: &Store, batch: Batch, owner: &str, (kind, name): Shape) -> Batch {
    let bytes = b"something".to_vec();
    match kind {
        "keys" => batch.put(&store.keys(name), owner, bytes),
        "map" => batch.put_in(&store.map(name), owner, "key", bytes),
        "log" => batch.log(&store.log(name), owner, 1, bytes),
        _ => {
            let row = Row { id: 1, time_ms: 0, with: "romeo@verona.example".into(), undelivered: true, bytes };
            batch.append(&store.archive(name), owner, row)
        }
    }
}

#[tokio::test]
async fn nothing_stays_of_a_removed_account_but_its_name() {
    let store = Store::memory();
    let hub = hub(store.clone()).await;
    let romeo = account(&hub, "romeo").await;
    let given = NewCredentials::derive("secret").unwrap().keeping(LegacyCredentials::Password, "secret");
    let juliet = hub.create_account("Juliet", "verona.example", &given).await.unwrap();
    let (desk, balcony) = (bind(&hub, &romeo, "desk").await, bind(&hub, &juliet, "balcony").await);
    say(&desk, "<presence/>");
    say(&balcony, "<presence/>");
    for (door, other) in [(&desk, &juliet), (&balcony, &romeo)] {
        say(door, &format!("<presence type='subscribe' to='{other}'/>"));
        say(door, &format!("<presence type='subscribed' to='{other}'/>"));
    }
    say(&balcony, "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard></iq>");
    say(&balcony, "<iq type='set' id='p'><query xmlns='jabber:iq:private'><a xmlns='b'>c</a></query></iq>");
    say(&balcony, "<presence type='unavailable'>Good night</presence>");
    heard(&balcony).await;
    say(&desk, "<message to='juliet@verona.example' type='chat' id='m'><body>Are you there?</body></message>");
    heard(&desk).await;
    let by_protocol = kept(&store, &juliet).await;
    for shape in
        [("keys", "accounts"), ("map", "roster"), ("keys", "vcard"), ("map", "private"), ("archive", "archive")]
    {
        assert!(by_protocol.contains(&shape), "{shape:?} in {by_protocol:?}");
    }
    // What is not filled by being used, here, is filled by hand: no extension is forgotten.
    let empty: Vec<Shape> = shapes().difference(&by_protocol).copied().collect();
    let batch = Batch::new("test", store.claim("test"));
    let batch = empty.iter().fold(batch, |batch, shape| something(&store, batch, juliet.as_str(), *shape));
    store.submit(batch).await.unwrap();
    assert_eq!(kept(&store, &juliet).await, shapes());

    hub.remove_account(&juliet, None).await.unwrap();
    heard(&balcony).await;
    hub.idle().await;
    assert_eq!(kept(&store, &juliet).await, BTreeSet::from([("keys", "accounts")]));
    let name = store.keys("accounts").get(juliet.as_str()).await.unwrap().unwrap();
    let name = String::from_utf8(name).unwrap();
    assert!(name.contains("Juliet") && !name.contains("secret") && !name.contains("SCRAM"), "{name}");
    let again = hub.create_account("juliet", "verona.example", &given).await.unwrap_err();
    assert!(matches!(again, im::AccountError::Reserved), "{again}");

    hub.free_name(&juliet).await.unwrap();
    assert_eq!(kept(&store, &juliet).await, BTreeSet::new());
    let again = hub.free_name(&juliet).await.unwrap_err();
    assert!(matches!(again, im::AccountError::NotReserved), "{again}");
    hub.create_account("juliet", "verona.example", &given).await.unwrap();
    let taken = hub.free_name(&juliet).await.unwrap_err();
    assert!(matches!(taken, im::AccountError::Exists), "{taken}");
}
