//! The commands that are under way: which form was filled in, and what is asked next.
use super::Refused;
use im::{Outcome, Reply, Stage};
use std::time::Duration;
use xml::{Builder, Element, Node};
use xmpp::forms::{Answers, Form};
use xmpp::{Jid, StanzaError, ns};

/// How many forms one command may ask for; and what may be filled in altogether, in bytes.
const FORMS: usize = 16;
const FILLED_BYTES: usize = 65_536;

/// How many commands one session may have under way in one place.
const OF_ONE: usize = 4;

/// What a requester may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Execute,
    Cancel,
    Prev,
    Next,
    Complete,
}

/// `<command/>` as the requester sends it (§4.1).
pub(super) struct Asked {
    pub(super) node: String,
    session: Option<String>,
    action: Action,
    form: Option<Element>,
}

impl Asked {
    pub(super) fn read(command: Node<'_>) -> Result<Asked, StanzaError> {
        let node = command.attr("node").filter(|node| !node.is_empty()).ok_or_else(StanzaError::bad_request)?;
        let action = match command.attr("action").as_deref() {
            None | Some("execute") => Action::Execute,
            Some("cancel") => Action::Cancel,
            Some("prev") => Action::Prev,
            Some("next") => Action::Next,
            Some("complete") => Action::Complete,
            Some(_) => return Err(Refused::MalformedAction.into()),
        };
        // What is said of the whole stream is no wish; what is said of the command is.
        let wished = command.attr_ns(xml::names::XML, "lang");
        if wished.is_some_and(|lang| !lang.is_empty() && !lang.to_ascii_lowercase().starts_with("en")) {
            return Err(Refused::BadLocale.into());
        }
        let session = command.attr("sessionid").map(std::borrow::Cow::into_owned);
        let form = command.children().find(|child| child.is(ns::DATA_FORM, "x")).map(Node::to_element);
        Ok(Asked { node: node.into_owned(), session, action, form })
    }

    pub(super) fn canceled(&self, id: u64) -> Element {
        self.answer(id, "canceled").finish()
    }

    fn answer(&self, id: u64, status: &str) -> Builder {
        let command = Builder::new(ns::COMMANDS, "command").attr("node", &self.node);
        command.attr("sessionid", &id.to_string()).attr("status", status).attr("xml:lang", "en")
    }

    fn asking(&self, id: u64, form: &Form, stage: usize, last: bool) -> Element {
        let onward = if last { "complete" } else { "next" };
        let mut actions = self.answer(id, "executing").open(ns::COMMANDS, "actions").attr("execute", onward);
        if stage > 0 {
            actions = actions.leaf(ns::COMMANDS, "prev");
        }
        actions.leaf(ns::COMMANDS, onward).close().raw_child(&form.to_element()).finish()
    }

    fn done(&self, id: u64, outcome: &Outcome) -> Element {
        let mut command = self.answer(id, "completed");
        if let Some(note) = &outcome.note {
            let kind = if outcome.failed { "error" } else { "info" };
            command = command.open(ns::COMMANDS, "note").attr("type", kind).text(note).close();
        }
        outcome.report.iter().fold(command, Builder::raw_child).finish()
    }
}

/// One command under way.
struct Session {
    id: u64,
    node: String,
    requester: Jid,
    /// What was filled in, form by form.
    answers: Vec<Answers>,
    /// What is asked now.
    form: Form,
    last: bool,
    touched: Duration,
}

/// All that are under way in one place, the oldest first.
#[derive(Default)]
pub(super) struct Steps {
    under_way: Vec<Session>,
    /// The number that was given last.
    last: u64,
}

/// A step that is about to be made.
pub(super) struct Step {
    /// 0: a new command.
    id: u64,
    answers: Vec<Answers>,
    /// What had been filled in for the form that is asked for again.
    before: Option<Answers>,
    cancels: bool,
}

impl Step {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn answers(&self) -> &[Answers] {
        &self.answers
    }

    pub(super) fn cancels(&self) -> bool {
        self.cancels
    }
}

impl Steps {
    /// Drops those that have waited too long.
    pub(super) fn forget(&mut self, now: Duration, lifetime: Duration) {
        self.under_way.retain(|session| now.saturating_sub(session.touched) < lifetime);
    }

    pub(super) fn end(&mut self, id: u64) {
        self.under_way.retain(|session| session.id != id);
    }

    /// What the requester wants done, if it may be done now.
    pub(super) fn find(&self, asked: &Asked, from: &Jid) -> Result<Step, StanzaError> {
        let Some(id) = &asked.session else {
            return match asked.action {
                Action::Execute => Ok(Step { id: 0, answers: Vec::new(), before: None, cancels: false }),
                // §4.1: later stages have a session.
                _ => Err(Refused::BadSession.into()),
            };
        };
        let id: u64 = id.parse().map_err(|_| Refused::BadSession)?;
        let Some(session) = self.under_way.iter().find(|session| session.id == id) else {
            let given = id != 0 && id <= self.last;
            return Err(if given { Refused::Expired } else { Refused::BadSession }.into());
        };
        if session.requester != *from || session.node != asked.node {
            return Err(Refused::BadSession.into());
        }
        session.step(asked)
    }

    /// Notes what comes of a step, and answers.
    pub(super) fn go_on(
        &mut self,
        asked: &Asked,
        from: &Jid,
        step: Step,
        stage: Stage,
        (now, started, most): (Duration, u64, usize),
    ) -> Result<Reply, StanzaError> {
        let id = if step.id == 0 { started.max(self.last + 1) } else { step.id };
        let (form, last) = match stage {
            Stage::Ask { form, last } => (form, last),
            Stage::Done(outcome) => {
                self.finish(id);
                return Ok(Reply::With(asked.done(id, &outcome)));
            }
            Stage::After(ticket, outcome) => {
                self.finish(id);
                return Ok(Reply::With(asked.done(id, &outcome)).after(ticket));
            }
            Stage::Later(work) => {
                self.finish(id);
                let asked = Asked { node: asked.node.clone(), session: None, action: asked.action, form: None };
                return Ok(Reply::later(async move { Ok(Reply::With(asked.done(id, &work.await?))) }));
            }
        };
        let form = step.before.iter().fold(form, Form::filled_with);
        let answer = asked.asking(id, &form, step.answers.len(), last);
        if step.id == 0 {
            self.make_room(from, most)?;
        } else {
            self.end(id);
        }
        self.last = self.last.max(id);
        let (node, requester, answers) = (asked.node.clone(), from.clone(), step.answers);
        self.under_way.push(Session { id, node, requester, answers, form, last, touched: now });
        Ok(Reply::With(answer))
    }

    fn finish(&mut self, id: u64) {
        self.end(id);
        self.last = self.last.max(id);
    }

    /// One more of the same requester ends its oldest; when all together are too many, others have to wait.
    fn make_room(&mut self, from: &Jid, most: usize) -> Result<(), StanzaError> {
        let own = self.under_way.iter().filter(|session| session.requester == *from).count();
        if own >= OF_ONE.min(most.max(1)) {
            let oldest = self.under_way.iter().position(|session| session.requester == *from);
            oldest.into_iter().for_each(|at| drop(self.under_way.remove(at)));
        }
        if self.under_way.len() >= most {
            return Err(StanzaError::resource_constraint());
        }
        Ok(())
    }
}

impl Session {
    fn step(&self, asked: &Asked) -> Result<Step, StanzaError> {
        let onward = if self.last { Action::Complete } else { Action::Next };
        let mut answers = self.answers.clone();
        let mut step = Step { id: self.id, answers: Vec::new(), before: None, cancels: false };
        match asked.action {
            Action::Cancel => step.cancels = true,
            Action::Prev => step.before = Some(answers.pop().ok_or(Refused::BadAction)?),
            action if action == Action::Execute || action == onward => {
                let form = asked.form.as_ref().ok_or(Refused::BadPayload)?;
                let given = self.form.read(form.root()).map_err(|why| im::bad_payload(why.to_string()))?;
                answers.push(given);
            }
            _ => return Err(Refused::BadAction.into()),
        }
        if answers.len() > FORMS || answers.iter().map(Answers::bytes).sum::<usize>() > FILLED_BYTES {
            return Err(StanzaError::resource_constraint());
        }
        step.answers = answers;
        Ok(step)
    }
}

/// The error of a refusal (§4.4).
pub(super) fn refusal(why: Refused) -> StanzaError {
    let (error, name) = match why {
        Refused::MalformedAction => (StanzaError::bad_request(), "malformed-action"),
        Refused::BadAction => (StanzaError::bad_request(), "bad-action"),
        Refused::BadLocale => (StanzaError::bad_request(), "bad-locale"),
        Refused::BadPayload => (StanzaError::bad_request(), "bad-payload"),
        Refused::BadSession => (StanzaError::bad_request(), "bad-sessionid"),
        Refused::Expired => (StanzaError::not_allowed(), "session-expired"),
    };
    error.with_application(Builder::new(ns::COMMANDS, name).finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::forms::{Field, FieldKind};

    const NOW: (Duration, u64, usize) = (Duration::ZERO, 1_000, 6);

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    fn asked(attributes: &str, form: bool) -> Asked {
        let form = if form { "<x xmlns='jabber:x:data' type='submit'><field var='a'><value>1</value></field></x>" } else { "" };
        let text = format!("<command xmlns='http://jabber.org/protocol/commands' node='n' {attributes}>{form}</command>");
        let element = Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
        Asked::read(element.root()).unwrap_or_else(|error| panic!("{attributes}: {error}"))
    }

    fn form() -> Form {
        Form::new("F").field(Field::new(FieldKind::TextSingle, "a", "A").required())
    }

    /// A step of a command that asks for three forms.
    fn go(steps: &mut Steps, from: &str, asked: &Asked) -> Result<String, String> {
        let from = jid(from);
        let told = |error: StanzaError| {
            error.application.map_or_else(|| error.condition.name().to_owned(), |own| own.root().name().to_owned())
        };
        let step = steps.find(asked, &from).map_err(told)?;
        if step.cancels() {
            steps.end(step.id());
            return Ok("canceled".into());
        }
        let stage = match step.answers().len() {
            3 => Stage::Done(Outcome::done("all")),
            at => Stage::Ask { form: form(), last: at == 2 },
        };
        match steps.go_on(asked, &from, step, stage, NOW).map_err(told)? {
            Reply::With(element) => Ok(element.as_str().to_owned()),
            _ => panic!("an answer at once"),
        }
    }

    #[test]
    fn three_forms_there_and_back() {
        let mut steps = Steps::default();
        let mut say = |attributes: &str, form: bool| go(&mut steps, "a@h/1", &asked(attributes, form));
        let first = say("", false).unwrap();
        assert!(first.contains("sessionid='1000'") && first.contains("<actions execute='next'><next/></actions>"), "{first}");
        let id = "sessionid='1000'";
        assert_eq!(say(&format!("{id} action='prev'"), false).unwrap_err(), "bad-action");
        assert_eq!(say(&format!("{id} action='complete'"), true).unwrap_err(), "bad-action");
        assert_eq!(say(&format!("{id} action='next'"), false).unwrap_err(), "bad-payload");
        let second = say(&format!("{id} action='next'"), true).unwrap();
        assert!(second.contains("<actions execute='next'><prev/><next/></actions>"), "{second}");
        let back = say(&format!("{id} action='prev'"), false).unwrap();
        assert!(back.contains("<next/></actions>") && back.contains("<value>1</value>") && !back.contains("prev"), "{back}");
        say(id, true).unwrap();
        let third = say(id, true).unwrap();
        assert!(third.contains("<actions execute='complete'><prev/><complete/></actions>"), "{third}");
        assert_eq!(say(&format!("{id} action='next'"), true).unwrap_err(), "bad-action");
        let done = say(&format!("{id} action='complete'"), true).unwrap();
        assert!(done.contains("status='completed'") && done.contains("<note type='info'>all</note>"), "{done}");
        assert_eq!(say(id, true).unwrap_err(), "session-expired");
    }

    #[test]
    fn a_session_is_its_requesters() {
        let mut steps = Steps::default();
        go(&mut steps, "a@h/1", &asked("", false)).unwrap();
        for (from, attributes, expected) in [
            ("a@h/2", "sessionid='1000'", "bad-sessionid"),
            ("a@h/1", "sessionid='1001'", "bad-sessionid"),
            ("a@h/1", "sessionid='0'", "bad-sessionid"),
            ("a@h/1", "sessionid='x'", "bad-sessionid"),
            ("a@h/1", "sessionid=''", "bad-sessionid"),
            ("a@h/1", "sessionid='999'", "session-expired"),
            ("a@h/1", "action='next'", "bad-sessionid"),
            ("a@h/1", "action='cancel'", "bad-sessionid"),
        ] {
            assert_eq!(go(&mut steps, from, &asked(attributes, true)).unwrap_err(), expected, "{from} {attributes}");
        }
        assert_eq!(go(&mut steps, "a@h/1", &asked("sessionid='1000' action='cancel'", false)).unwrap(), "canceled");
        assert_eq!(go(&mut steps, "a@h/1", &asked("sessionid='1000'", true)).unwrap_err(), "session-expired");
    }

    #[test]
    fn they_are_bounded_in_number_and_time() {
        let mut steps = Steps::default();
        for _ in 0..10 {
            go(&mut steps, "a@h/1", &asked("", false)).unwrap();
        }
        assert_eq!(steps.under_way.len(), OF_ONE);
        go(&mut steps, "b@h/1", &asked("", false)).unwrap();
        go(&mut steps, "c@h/1", &asked("", false)).unwrap();
        assert_eq!(go(&mut steps, "d@h/1", &asked("", false)).unwrap_err(), "resource-constraint");
        go(&mut steps, "a@h/1", &asked("", false)).unwrap();
        steps.forget(Duration::from_secs(599), Duration::from_secs(600));
        assert_eq!(steps.under_way.len(), 6);
        steps.forget(Duration::from_secs(600), Duration::from_secs(600));
        assert!(steps.under_way.is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (attributes, expected) in [
            ("node='n' action='jump'", "malformed-action"),
            ("node='n' action=''", "malformed-action"),
            ("node='n' xml:lang='fr-ca'", "bad-locale"),
            ("node=''", "bad-request"),
            ("", "bad-request"),
        ] {
            let text = format!("<command xmlns='http://jabber.org/protocol/commands' {attributes}/>");
            let element = Element::parse(text.as_bytes(), &xml::Limits::default()).unwrap();
            let Err(error) = Asked::read(element.root()) else { panic!("{attributes}") };
            let name = error.application.as_ref().map_or(error.condition.name(), |own| own.root().name());
            assert_eq!(name, expected, "{attributes}");
        }
    }
}
