//! The same by filling in forms (XEP-0133 §4.22 to §4.25).
use super::board::{Board, Order};
use super::{Room, What, stamped};
use im::{Attach, CommandAbout, HostAsk, Outcome, Stage, Who};
use store::Ticket;
use xml::Builder;
use xmpp::forms::{Answers, Field, FieldKind, Form};
use xmpp::{MessageType, Stanza, StanzaError, ns};

/// What the forms mean.
const FORM_TYPE: &str = "http://jabber.org/protocol/admin";

pub(super) fn declare(on: &mut Attach<'_, Room>) {
    let about = |node, name| CommandAbout { node, name, who: Who::Administrators };
    on.host_command(about("http://jabber.org/protocol/admin#announce", "Send Announcement to Online Users"), |_, ask, answers| {
        filled(ask, What::Online, answers)
    });
    on.host_command(about("http://jabber.org/protocol/admin#set-motd", "Set Message of the Day"), |_, ask, answers| {
        filled(ask, What::Motd, answers)
    });
    on.host_command(about("http://jabber.org/protocol/admin#edit-motd", "Edit Message of the Day"), |_, ask, answers| {
        filled(ask, What::Update, answers)
    });
    on.host_command(about("http://jabber.org/protocol/admin#delete-motd", "Delete Message of the Day"), |_, ask, _| {
        give(ask, What::Delete, &[])
    });
}

fn filled(ask: &HostAsk<'_>, what: What, answers: &[Answers]) -> Result<Stage, StanzaError> {
    match answers.first() {
        Some(answers) => give(ask, what, answers.texts(field(what))),
        None => Ok(Stage::Ask { form: form(ask, what), last: true }),
    }
}

fn field(what: What) -> &'static str {
    if what == What::Online { "announcement" } else { "motd" }
}

fn form(ask: &HostAsk<'_>, what: What) -> Form {
    let (title, label) = match what {
        What::Online => ("Making an Announcement", "Announcement"),
        What::Update => ("Editing the Message of the Day", "Message of the Day"),
        What::Motd | What::Delete => ("Setting the Message of the Day", "Message of the Day"),
    };
    let text = Field::new(FieldKind::TextMulti, field(what), label).required();
    // What is there to be edited, if that is known without asking the store.
    let before = Some(what).filter(|what| *what == What::Update);
    let before = before.and_then(|_| ask.hub.common::<Board>().text(ask.host.name()));
    let text = before.iter().flat_map(|before| before.split('\n')).fold(text, Field::value);
    Form::new(title).form_type(FORM_TYPE).field(text)
}

fn give(ask: &HostAsk<'_>, what: What, lines: &[String]) -> Result<Stage, StanzaError> {
    let (host, now) = (ask.host.name().clone(), ask.hub.clock().now());
    let mut message = Stanza::message(MessageType::Normal, Some(host.clone()), None);
    message.append(Builder::new(ns::CLIENT, "body").text(&lines.join("\n")).finish());
    let (promise, ticket) = Ticket::pair();
    let order = Order { message: stamped(message, &host, what, now), host, what, now, promise };
    ask.hub.common::<Board>().order(ask.hub, order)?;
    Ok(Stage::After(ticket, Outcome::default()))
}
