//! Transcripts with something broken in them, cut anywhere: whatever comes of them, nobody panics and nothing hangs.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::house::*;

/// Numbers that look random and are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

fn transcripts() -> [String; 3] {
    let stanzas = "<presence/><iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>\
                   <message to='amy@example.org' type='chat' xml:lang='en'><body>a &lt; b &#x263a;</body>\
                   <x xmlns='jabber:x:delay' stamp='20020910T23:08:25'/></message>\
                   <p:a xmlns:p='b' p:c='d'/><!-- c --></stream:stream>";
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFteQBwdw==</auth>";
    let bind =
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>t</resource></bind></iq>";
    let scram = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{}</auth>\
         <response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>Yz1iaXdzLHI9eCxwPXk=</response>",
        xmpp::sasl::encode(b"n,,n=amy,r=abcdefghij")
    );
    [
        format!("{HEADER}{}{stanzas}", iq_auth("amy", "t", "pw")),
        format!("{X_HEADER}{auth}{X_HEADER}{bind}{stanzas}"),
        format!("{X_HEADER}{scram}{auth}{X_HEADER}{bind}{stanzas}"),
    ]
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.roll(3) {
        let (at, other) = (dice.roll(bytes.len()), dice.roll(bytes.len()));
        let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 40));
        match dice.roll(5) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = b"<>/='\"&;:\0 !?]x\xff"[dice.roll(16)],
            2 => drop(bytes.drain(from..to)),
            3 => {
                let copy = bytes[from..to].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
}

#[tokio::test]
async fn nobody_panics_and_nothing_hangs() {
    let house = House::new().await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..600 {
        let mut bytes = transcripts()[round % 3].clone().into_bytes();
        mutate(&mut bytes, &mut dice);
        let client = house.connect(listener());
        let (mut from, mut to) = split(client.pipe);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + dice.roll(rest.len()));
            rest = after;
            if to.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = to.shutdown().await;
        let mut heard = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), from.read_to_end(&mut heard)).await;
        assert!(ended.is_ok(), "hangs after {shown}");
        drop((from, to));
        client.task.await.unwrap_or_else(|error| panic!("{error} after {shown}"));
    }
    assert_eq!(house.doors.connections(), 0);
}
