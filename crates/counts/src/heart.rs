//! `im`: stops 3 to 6, from the sender's door to the receiver's, without bytes.

use std::collections::VecDeque;

use anyhow::{Result, ensure};
use im::Door;
use xmpp::Stanza;

use crate::case::{Case, Work};
use crate::samples;
use crate::world::{World, drain, stanza};

pub(crate) const CASES: &[Case] = &[
    Case::new("im/message-to-full", 100, || one(samples::CHAT)),
    Case::new("im/message-to-bare", 100, || one(&samples::chat_to_account())),
    Case::new("im/message-32-in-a-batch", 10, batch),
    Case::new("im/message-to-nobody", 50, bounces),
    Case::new("im/directed-presence", 100, || one("<presence to='juliet@verona.example/balcony'/>")),
    Case::new("im/presence-to-100", 5, broadcasts),
    Case::new("im/iq-to-account", 50, || {
        asks("<query xmlns='http://jabber.org/protocol/disco#info'/>", "to='juliet@verona.example'")
    }),
    Case::new("im/iq-to-host", 50, || asks("<ping xmlns='urn:xmpp:ping'/>", "to='verona.example'")),
    Case::new("im/iq-of-the-store", 50, || asks("<query xmlns='jabber:iq:private'><notes xmlns='n'/></query>", "")),
    Case::new("im/roster-get-100", 10, asks_for_roster),
];

/// Romeo and Juliet, both available.
fn pair() -> Result<(World, Door, Door)> {
    let world = World::new()?;
    let romeo = world.available("romeo", "orchard")?;
    let juliet = world.available("juliet", "balcony")?;
    Ok((world, romeo, juliet))
}

/// Romeo sends it, Juliet gets it.
fn one(text: &str) -> Result<Work> {
    let (world, romeo, juliet) = pair()?;
    let said = stanza(text)?;
    let mut taken = Vec::new();
    Ok(Box::new(move || {
        let _ = &world;
        romeo.admit(said.clone());
        drain(&juliet, &mut taken) == 1
    }))
}

fn batch() -> Result<Work> {
    let (world, romeo, juliet) = pair()?;
    let said = stanza(samples::CHAT)?;
    let (mut stanzas, mut taken) = (VecDeque::new(), Vec::new());
    Ok(Box::new(move || {
        let _ = &world;
        stanzas.extend(std::iter::repeat_n(&said, 32).cloned());
        romeo.admit_all(&mut stanzas);
        drain(&juliet, &mut taken) == 32
    }))
}

/// An error comes back.
fn bounces() -> Result<Work> {
    let (world, romeo, juliet) = pair()?;
    let said =
        stanza("<message to='tybalt@verona.example' id='m1'><body>A plague o' both your houses!</body></message>")?;
    answered(world, romeo, vec![juliet], said)
}

/// Romeo asks; the answer comes at once, or when the store has given it.
fn asks(payload: &str, to: &str) -> Result<Work> {
    let (world, romeo, juliet) = pair()?;
    befriend(&world, &romeo, &juliet)?;
    world.hear_out(&romeo);
    answered(world, romeo, vec![juliet], stanza(&format!("<iq type='get' id='q1' {to}>{payload}</iq>"))?)
}

/// Romeo gets one answer; the others stay there all the time.
fn answered(world: World, romeo: Door, others: Vec<Door>, said: Stanza) -> Result<Work> {
    let mut taken = Vec::new();
    Ok(Box::new(move || {
        let _ = &others;
        romeo.admit(said.clone());
        let mut count = drain(&romeo, &mut taken);
        if count == 0 {
            world.settle();
            count = drain(&romeo, &mut taken);
        }
        count == 1
    }))
}

fn broadcasts() -> Result<Work> {
    let (world, romeo, contacts) = popular()?;
    let said = stanza(samples::PRESENCE)?;
    let mut taken = Vec::new();
    Ok(Box::new(move || {
        let _ = &world;
        romeo.admit(said.clone());
        drain(&romeo, &mut taken);
        contacts.iter().map(|contact| drain(contact, &mut taken)).sum::<usize>() == 100
    }))
}

fn asks_for_roster() -> Result<Work> {
    let (world, romeo, contacts) = popular()?;
    answered(world, romeo, contacts, stanza("<iq type='get' id='r1'><query xmlns='jabber:iq:roster'/></iq>")?)
}

/// Romeo and a hundred who see his presence and whose he sees.
fn popular() -> Result<(World, Door, Vec<Door>)> {
    let world = World::new()?;
    let romeo = world.available("romeo", "orchard")?;
    let mut contacts = Vec::new();
    for number in 0..100 {
        let contact = world.available(&format!("contact{number}"), "home")?;
        befriend(&world, &romeo, &contact)?;
        contacts.push(contact);
    }
    contacts.iter().chain([&romeo]).for_each(|door| {
        world.hear_out(door);
    });
    Ok((world, romeo, contacts))
}

/// Has both see each other's presence.
fn befriend(world: &World, one: &Door, other: &Door) -> Result<()> {
    for (asking, asked) in [(one, other), (other, one)] {
        asking.admit(stanza(&format!("<presence type='subscribe' to='{}'/>", asked.jid().bare()))?);
        ensure!(world.hear_out(asked) > 0, "{} was not asked", asked.jid());
        asked.admit(stanza(&format!("<presence type='subscribed' to='{}'/>", asking.jid().bare()))?);
        ensure!(world.hear_out(asking) > 0, "{} was not answered", asking.jid());
    }
    Ok(())
}
