//! People who do everything that is kept, until the server is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Sender;

use disk::Dice;

use super::diary::{Diary, attr};
use crate::client::Client;

/// New ones for each kill, so that they have yet to find each other.
pub(crate) fn people(kill: u64) -> Vec<String> {
    ["romeo", "juliet", "nurse", "tybalt"].iter().map(|name| format!("{name}{kill}")).collect()
}

/// Those who are always away.
pub(crate) const BOXES: [&str; 2] = ["friar", "prince"];
/// Private elements of a person.
pub(crate) const PLACES: usize = 3;

pub(crate) struct Person {
    who: String,
    others: Vec<String>,
    port: u16,
    dice: Dice,
    number: usize,
    /// Whom it has asked for a subscription.
    asked: BTreeSet<String>,
    client: Client,
    diary: Diary,
}

impl Person {
    /// Somebody who is logged in.
    pub(crate) fn new(who: &str, kill: u64, port: u16, seed: u64) -> Person {
        let mut client = Client::connect(port);
        client.log_in(who, "secret", "home");
        client.say("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>");
        let others = people(kill).into_iter().filter(|other| other != who).collect();
        let (who, dice, diary) = (who.to_owned(), Dice::new(seed), Diary::default());
        Person { who, others, port, dice, number: 0, asked: BTreeSet::new(), client, diary }
    }

    /// Asks and hears until the connection breaks; each answered packet is told.
    pub(crate) fn live(mut self, tell: &Sender<()>) -> Diary {
        while self.packet().is_some() {
            // Whoever waits may have heard enough.
            let _ = tell.send(());
        }
        self.diary.heard += &self.client.hear_out().0;
        self.diary
    }

    /// Says much at once, and hears up to the last answer. None: the server is gone.
    fn packet(&mut self) -> Option<()> {
        if self.dice.once_in(25) {
            self.register()?;
        }
        let mut packet: String = (0..self.dice.below(6)).map(|_| self.something()).collect();
        packet += &self.keep();
        let last = self.diary.asked.last().map(|(id, ..)| format!("id='{id}'"))?;
        self.client.type_in(packet.as_bytes()).ok()?;
        let heard = self.client.try_to_hear(&last).ok()?;
        self.diary.heard += &(heard + &last);
        Some(())
    }

    fn id(&mut self) -> String {
        self.number += 1;
        format!("{}-{}", self.who, self.number)
    }

    fn something(&mut self) -> String {
        let whom = self.dice.pick(&self.others).cloned().unwrap_or_default();
        match self.dice.below(8) {
            0 => self.name(&whom, "", true),
            1 => self.name(&whom, "-of-old", true),
            2..=4 if self.asks(&whom) => format!("<presence type='subscribed' to='{whom}@localhost'/>"),
            2..=4 => {
                // Once only: who asks again may cross a refusal on the way, and then stands with one side alone, as between any two servers.
                let verbs = ["subscribe", "subscribe", "unsubscribe", "unsubscribed"];
                let verbs = if self.asked.insert(whom.clone()) { &verbs[..1] } else { &verbs[2..] };
                let verb = self.dice.pick(verbs).unwrap_or(&"unsubscribe");
                format!("<presence type='{verb}' to='{whom}@localhost'/>")
            }
            5 => self.keep(),
            _ => self.write(),
        }
    }

    /// Whether a request has ever come.
    fn asks(&self, whom: &str) -> bool {
        let from = format!("from='{whom}@localhost' ");
        let mut tags = self.diary.heard.split("<presence ").filter_map(|piece| piece.split_once('>'));
        tags.any(|(tag, _)| tag.contains(&from) && tag.contains("type='subscribe'"))
    }

    /// Calls a contact something, or removes it, with what there was between the two.
    fn name(&mut self, whom: &str, suffix: &str, may_remove: bool) -> String {
        let id = self.id();
        let (name, removes) = (format!("called {id}"), may_remove && self.dice.once_in(4));
        let value = (!removes).then(|| name.clone());
        self.diary.asked.push((id.clone(), format!("{} calls {whom}{suffix}", self.who), value));
        let wish = if removes { "subscription='remove'".to_owned() } else { format!("name='{name}'") };
        format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'><item jid='{whom}{suffix}@localhost' {wish}/></query></iq>"
        )
    }

    fn keep(&mut self) -> String {
        let (id, place) = (self.id(), self.dice.below(PLACES));
        let text = format!("{id} {}", "x".repeat(self.dice.below(1_000)));
        self.diary.asked.push((id.clone(), format!("{} keeps {place}", self.who), Some(text.clone())));
        format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:private'><p xmlns='kept:{place}'>{text}</p></query></iq>"
        )
    }

    fn write(&mut self) -> String {
        let (id, to) = (self.id(), *self.dice.pick(&BOXES).unwrap());
        self.diary.written.push((id.clone(), to.to_owned()));
        format!(
            "<message to='{to}@localhost' type='chat' id='{id}'><body>x</body><x xmlns='jabber:x:event'><offline/></x></message>"
        )
    }

    /// Somebody new makes an account. None: the server is gone.
    fn register(&mut self) -> Option<()> {
        let name = format!("guest-{}", self.id());
        self.diary.registered.push((name.clone(), false));
        let client = Client::try_to_connect(self.port).ok()?;
        self.diary.registered.last_mut()?.1 = ask_to_join(client, &name)?;
        Some(())
    }
}

/// Makes an account, unless there is one.
pub(crate) fn join(port: u16, name: &str) {
    ask_to_join(Client::connect(port), name).unwrap();
}

/// Whether the account is made, on a connection of its own. None: the server is gone.
fn ask_to_join(mut client: Client, name: &str) -> Option<bool> {
    client.type_in(crate::client::X_HEADER.as_bytes()).ok()?;
    client.try_to_hear("</stream:features>").ok()?;
    let form = format!(
        "<iq type='set' id='new'><query xmlns='jabber:iq:register'><username>{name}</username><password>secret</password></query></iq>"
    );
    client.type_in(form.as_bytes()).ok()?;
    let before = client.try_to_hear(" id='new'").ok()?;
    Some(before.ends_with("type='result'"))
}

/// The roster's items by the names of their contacts.
pub(crate) fn roster(client: &mut Client) -> BTreeMap<String, String> {
    client.say("<iq type='get' id='all'><query xmlns='jabber:iq:roster'/></iq>");
    client.hear(" id='all'");
    let mut items = client.hear("</iq>");
    items.retain(|letter| letter != '\n');
    let tags = items.split("<item ").skip(1).filter_map(|piece| piece.split_once('>'));
    let named = tags.filter_map(|(tag, _)| {
        let tag = format!(" {tag}");
        let jid = attr(&tag, "jid")?;
        Some((jid.split_once('@')?.0.to_owned(), tag))
    });
    named.collect()
}

/// What is kept in this place.
pub(crate) fn private(client: &mut Client, place: usize) -> Option<String> {
    client.say(&format!(
        "<iq type='get' id='kept{place}'><query xmlns='jabber:iq:private'><p xmlns='kept:{place}'/></query></iq>"
    ));
    client.hear(&format!(" id='kept{place}'"));
    let answer = client.hear("</iq>");
    let (_, inside) = answer.split_once(&format!("<p xmlns='kept:{place}'>"))?;
    Some(inside.split_once("</p>")?.0.to_owned())
}

/// Who waits for an answer to a request.
pub(crate) fn requests(client: &mut Client) -> Vec<String> {
    client
        .say("<presence/><iq type='get' id='end'><query xmlns='jabber:iq:private'><p xmlns='kept:none'/></query></iq>");
    let heard = client.hear(" id='end'");
    let tags = heard.split("<presence ").skip(1).filter_map(|piece| piece.split_once('>'));
    let asking = tags.filter(|(tag, _)| tag.contains("type='subscribe'"));
    asking.filter_map(|(tag, _)| Some(attr(&format!(" {tag}"), "from")?.split_once('@')?.0.to_owned())).collect()
}
