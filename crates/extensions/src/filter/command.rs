//! The rules as a form, for clients of today: which rule, then what stands in it.
use super::Room;
use super::rules::{Part, Rule, Tag};
use im::{Ask, Outcome, Stage};
use xmpp::StanzaError;
use xmpp::forms::{Answers, Field, FieldKind, Form};

const NEW: &str = "new";

pub(super) fn step(room: &Room, ask: &mut Ask<'_>, answers: &[Answers]) -> Result<Stage, StanzaError> {
    let rules = room.rules_of(ask.within.account).unwrap_or_default();
    let Some(chosen) = answers.first() else { return Ok(Stage::Ask { form: which(&rules), last: false }) };
    let at = chosen.text("rule").and_then(|number| number.parse::<usize>().ok()).map(|number| number.saturating_sub(1));
    let Some(answers) = answers.get(1) else {
        let rule = at.and_then(|at| rules.get(at)).cloned().unwrap_or_default();
        let place = at.map_or(rules.len(), |at| at.min(rules.len())) + 1;
        return Ok(Stage::Ask { form: what(&rule, place), last: true });
    };
    let mut rules = rules.to_vec();
    if let Some(at) = at.filter(|at| *at < rules.len()) {
        rules.remove(at);
    }
    let removed = answers.flag("remove");
    if !removed {
        let place = answers.text("place").and_then(|place| place.trim().parse::<usize>().ok());
        let place = place.filter(|place| *place > 0).ok_or_else(|| im::bad_payload("place is a number from 1 on"))?;
        rules.insert((place - 1).min(rules.len()), written(answers)?);
    }
    let as_payload = |error: StanzaError| match error.text {
        Some(why) => im::bad_payload(why),
        None => error,
    };
    let ticket = room.replace(ask, rules).map_err(as_payload)?;
    let note = if removed { "The rule is removed." } else { "The rule is kept." };
    Ok(Stage::After(ticket, Outcome::done(note)))
}

fn which(rules: &[Rule]) -> Form {
    let field = Field::new(FieldKind::ListSingle, "rule", "Rule").required().option(NEW, "A new rule");
    let field = rules.iter().enumerate().fold(field, |field, (at, rule)| {
        let number = (at + 1).to_string();
        let label = rule.name.as_deref().map_or_else(|| number.clone(), |name| format!("{number}: {name}"));
        field.option(number, label)
    });
    let instructions = "Rules say what becomes of messages to you before they are delivered. The first that fits decides.";
    Form::new("Message rules").instructions(instructions).field(field.value(NEW))
}

/// The fields of a rule, but for its name, its place and what removes it.
const FIELDS: [(Tag, FieldKind, &str); 15] = [
    (Tag::Unavailable, FieldKind::Boolean, "If you are not available"),
    (Tag::From, FieldKind::JidMulti, "If it is from"),
    (Tag::Resource, FieldKind::TextMulti, "If it is to your resource"),
    (Tag::Subject, FieldKind::TextMulti, "If its subject is"),
    (Tag::Body, FieldKind::TextMulti, "If its text is"),
    (Tag::Show, FieldKind::TextMulti, "If your status is (away, chat, dnd, xa)"),
    (Tag::Type, FieldKind::TextMulti, "If its type is"),
    (Tag::Roster, FieldKind::Boolean, "If the sender is in your roster"),
    (Tag::Group, FieldKind::TextMulti, "If the sender is in the group"),
    (Tag::Ns, FieldKind::TextMulti, "If it is a question of this namespace"),
    (Tag::Reply, FieldKind::TextSingle, "Reply"),
    (Tag::SetType, FieldKind::TextSingle, "Make it a message of this type"),
    (Tag::Forward, FieldKind::JidMulti, "Forward to"),
    (Tag::Offline, FieldKind::Boolean, "Keep it for later"),
    (Tag::Continue, FieldKind::Boolean, "Go on with the next rules"),
];

fn what(rule: &Rule, place: usize) -> Form {
    let text = |var, label: &str, value: Option<String>| {
        value.into_iter().fold(Field::new(FieldKind::TextSingle, var, label), Field::value)
    };
    let mut form = Form::new("A rule").form_type("jabber:iq:filter");
    form = form.field(text("name", "Name", rule.name.clone()));
    form = form.field(text("place", "Place among the rules", Some(place.to_string())).required());
    for (tag, kind, label) in FIELDS {
        let field = Field::new(kind, tag.name(), label);
        let field = match kind {
            FieldKind::Boolean => field.value(if rule.has(tag) { "true" } else { "false" }),
            _ => rule.all(tag).fold(field, |field, part| field.value(part.text.clone())),
        };
        form = form.field(field);
    }
    let error = rule.all(Tag::Error).next();
    form = form.field(text("error", "Return it with these words", error.map(|error| error.text.clone())));
    let code = error.and_then(|error| error.code);
    form = form.field(text("code", "and this number", code.map(|code| code.to_string())));
    form.field(Field::new(FieldKind::Boolean, "remove", "Remove this rule").value("false"))
}

fn written(answers: &Answers) -> Result<Rule, StanzaError> {
    let mut parts = Vec::new();
    for (tag, kind, _) in FIELDS {
        match kind {
            FieldKind::Boolean if answers.flag(tag.name()) => parts.push(Part::new(tag, "")),
            FieldKind::Boolean => {}
            _ => {
                let texts = answers.texts(tag.name()).iter().filter(|text| !text.is_empty());
                parts.extend(texts.map(|text| Part::new(tag, text.as_str())));
            }
        }
    }
    let code = answers.text("code").map(|code| code.trim().parse::<u16>());
    let code = code.transpose().map_err(|_| im::bad_payload("code is a number"))?;
    if code.is_some() || answers.text("error").is_some() {
        let text = answers.text("error").unwrap_or_default().to_owned();
        parts.push(Part { tag: Tag::Error, text, code });
    }
    Ok(Rule { name: answers.text("name").map(str::to_owned), parts })
}
