//! `xml`: bytes to elements, and elements that the server makes.

use std::hint::black_box;

use anyhow::{Result, ensure};
use xml::{Builder, Element, Event, Limits, Reader, Scratch, Strictness};

use crate::case::{Case, Work};
use crate::samples;

pub(crate) const CASES: &[Case] = &[
    Case::new("xml/parse-message", 100, || reads(samples::CHAT.to_owned())),
    Case::new("xml/parse-message-2k", 50, || reads(samples::long_chat(2048))),
    Case::new("xml/parse-presence", 100, || reads(samples::PRESENCE.to_owned())),
    Case::new("xml/parse-roster-100", 10, || reads(samples::roster(100))),
    Case::new("xml/parse-pubsub", 50, || reads(samples::PUBSUB.to_owned())),
    Case::new("xml/parse-message-in-two", 100, reads_in_two),
    Case::new("xml/build-roster-100", 10, builds_roster),
    Case::new("xml/escape-2k", 50, escapes),
];

/// A reader that is behind the header of a stream.
fn opened(strictness: Strictness) -> Result<(Reader, Scratch)> {
    let (mut reader, mut scratch) = (Reader::new(Limits::default()), Scratch::new());
    let header = reader.next(&mut scratch, &mut samples::HEADER.as_bytes())?;
    ensure!(matches!(header, Some(Event::Header(_))), "no header");
    reader.set_strictness(strictness);
    Ok((reader, scratch))
}

fn reads(text: String) -> Result<Work> {
    let (mut reader, mut scratch) = opened(Strictness::Strict)?;
    Ok(Box::new(move || {
        let event = reader.next(&mut scratch, &mut black_box(text.as_bytes()));
        matches!(black_box(event), Ok(Some(Event::Element(_))))
    }))
}

/// The message comes in two reads of the socket.
fn reads_in_two() -> Result<Work> {
    let (mut reader, mut scratch) = opened(Strictness::Strict)?;
    let (left, right) = samples::CHAT.split_at(samples::CHAT.len() / 2);
    Ok(Box::new(move || {
        let begun = reader.next(&mut scratch, &mut black_box(left.as_bytes()));
        let event = reader.next(&mut scratch, &mut black_box(right.as_bytes()));
        matches!(begun, Ok(None)) && matches!(black_box(event), Ok(Some(Event::Element(_))))
    }))
}

fn builds_roster() -> Result<Work> {
    let contacts: Vec<String> = (0..100).map(|number| format!("contact{number}@verona.example")).collect();
    Ok(Box::new(move || {
        let mut query = Builder::new("jabber:iq:roster", "query").attr("ver", "17");
        for contact in black_box(&contacts) {
            query = query.open("jabber:iq:roster", "item").attr("jid", contact).attr("name", "Friend & foe");
            query =
                query.attr("subscription", "both").open("jabber:iq:roster", "group").text("Friends").close().close();
        }
        black_box(query.finish()).root().children().count() == 100
    }))
}

fn escapes() -> Result<Work> {
    let text = Element::parse(samples::long_chat(2048).as_bytes(), &Limits::default())?.root().text().into_owned();
    let text = format!("{text}{}", "Romeo & Juliet <3 light through yonder window ".repeat(45));
    let mut out = Vec::new();
    Ok(Box::new(move || {
        out.clear();
        xml::write_escaped_text(&mut out, black_box(&text));
        black_box(&out).len() > text.len()
    }))
}
