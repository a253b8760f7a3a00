//! Does what a case says, and puts the answer into words.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::PASSWORD;
use super::answer::{self, Standing};
use super::case::{Case, Expected, Moment, Occasion, Step, Way};
use super::client::{Client, PATIENCE, Said};
use super::house::{FRIEND, House, JULIET};
use super::login::{self, Person, reach};
use super::scram::Scram;
use super::text::Template;
use super::tree::{Item, Tree};

/// How long a peer may be silent before that is its answer: other servers are not waited for as long as ours.
const PEERS_PATIENCE: Duration = Duration::from_secs(2);

/// How long another server may take to swallow what is said to it: some take what has no end, ever more slowly.
const PEERS_TIME: Duration = Duration::from_secs(5);

/// How long the clients of one case may take with another server: more of them are not sent after that.
const PEERS_CASE: Duration = Duration::from_secs(60);

const SM: &str = "urn:xmpp:sm:3";

/// The answer of a server on which a case cannot even begin.
const NO_BEGINNING: &str = "no beginning";

/// What is late behind the answer to a later question; stanzas on their way to others may be.
const GRACE: Duration = Duration::from_millis(1500);

/// Enough for the server to read what was sent.
const MOMENT: Duration = Duration::from_millis(5);

/// One case on one occasion.
pub(super) struct Attack<'a> {
    house: &'a House,
    case: &'a Case,
    occasion: Occasion,
    person: Person,
    scram: Scram,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The answer in words; of several clients the first that differs from what was expected.
    pub(super) answer: String,
    /// The last words of the server as they came.
    pub(super) heard: String,
}

impl Outcome {
    /// Whether the case did not come to its first step, or not with all its clients.
    pub(super) fn never_began(&self) -> bool {
        self.answer == NO_BEGINNING
    }
}

/// A client that has done what the case says, up to the answer.
struct Attacker {
    client: Client,
    friend: Option<Client>,
}

/// Attacks; `meanwhile` is called when all clients have said what they have to, before they go.
pub(super) fn run(house: &House, case: &Case, occasion: Occasion) -> Result<Outcome> {
    let mut attackers = Vec::new();
    let mut outcome: Option<Outcome> = None;
    let until = Instant::now() + PEERS_CASE;
    for number in 0..case.clients {
        if !house.is_yatter && Instant::now() > until {
            let answer = format!("not all clients come in within {} s", PEERS_CASE.as_secs());
            outcome = Some(Outcome { answer, heard: format!("{number} came") });
            break;
        }
        // Cases that run beside each other must not take each other's place.
        let resource = format!("{}-{number}", occasion.way.name().replace(' ', "-"));
        let person = Person { name: case.user.clone(), resource };
        let mut attack = Attack { house, case, occasion, person, scram: Scram::default() };
        let mut attacker = match attack.begin() {
            Ok(attacker) => attacker,
            Err(error) => {
                outcome = Some(Outcome { answer: NO_BEGINNING.to_owned(), heard: format!("{error:#}") });
                break;
            }
        };
        let mut answer = attack.hear(&mut attacker)?;
        if attacker.friend.as_ref().is_some_and(|friend| friend.ended) {
            answer += ", and the friend is cut off";
        }
        let differs = attack.expected().is_some_and(|expected| !expected.holds(&answer));
        if outcome.is_none() || differs {
            outcome = Some(Outcome { answer, heard: attacker.client.last_words() });
        }
        attackers.push(attacker);
        if differs {
            break;
        }
    }
    for attacker in attackers {
        attacker.client.hang_up();
        attacker.friend.into_iter().for_each(Client::hang_up);
    }
    outcome.context("no client at all")
}

impl Attack<'_> {
    /// What is expected on this occasion.
    fn expected(&self) -> Option<&Expected> {
        if self.occasion.answers_as_in_2000() { self.case.in_2000.as_ref() } else { self.case.today.as_ref() }
    }

    fn begin(&mut self) -> Result<Attacker> {
        let client = reach(self.house, self.occasion, &self.person)?;
        let mut attacker = Attacker { client, friend: None };
        for step in &self.case.steps {
            if !self.perform(step, &mut attacker)? {
                break;
            }
        }
        Ok(attacker)
    }

    /// Does one step. False when there is nobody any more to go on with.
    fn perform(&mut self, step: &Step, attacker: &mut Attacker) -> Result<bool> {
        match step {
            Step::Say(text) => self.say(text, &mut attacker.client, true),
            Step::SayDeaf(text) => self.say(text, &mut attacker.client, false),
            Step::Drip(text, pause) => self.drip(text, *pause, &mut attacker.client),
            Step::Await(text) => self.await_text(text, &mut attacker.client),
            Step::StartTls => Ok(attacker.client.encrypt().is_ok()),
            Step::Wait(time) => {
                thread::sleep(*time);
                Ok(true)
            }
            Step::Friend(text) => {
                if attacker.friend.is_none() {
                    let person = Person { name: FRIEND.to_owned(), resource: self.friends_resource() };
                    let occasion = Occasion { way: Way::PlainX, moment: Moment::Session };
                    attacker.friend = Some(reach(self.house, occasion, &person)?);
                }
                match &mut attacker.friend {
                    Some(friend) => self.say(text, friend, true).map(|_| true),
                    None => Ok(false),
                }
            }
        }
    }

    /// Its own for each case that runs beside others.
    fn friends_resource(&self) -> String {
        format!("{}-{}", self.person.name, self.person.resource)
    }

    fn say(&mut self, text: &Template, client: &mut Client, listening: bool) -> Result<bool> {
        let (challenge, is_yatter) = (challenge(client), self.house.is_yatter);
        let mut names = |name: &str| self.value(name, challenge.as_deref());
        let mut said = Said::All;
        let until = Instant::now() + PEERS_TIME;
        text.give(&mut names, &mut |bytes| {
            said = client.try_to_say(bytes, listening);
            said == Said::All && (is_yatter || Instant::now() < until)
        })?;
        // That nothing more is taken of somebody who does not listen is what was wanted.
        Ok(said == Said::All || (said == Said::Stuck && !listening))
    }

    fn drip(&mut self, text: &Template, pause: Duration, client: &mut Client) -> Result<bool> {
        let bytes = text.bytes(&mut |name: &str| self.value(name, None))?;
        for byte in bytes {
            if client.try_to_say(&[byte], true) != Said::All {
                return Ok(false);
            }
            client.hear(Instant::now() + pause);
        }
        Ok(true)
    }

    fn await_text(&mut self, text: &Template, client: &mut Client) -> Result<bool> {
        let wanted = text.bytes(&mut |name: &str| self.value(name, None))?;
        let until = Instant::now() + self.patience().max(PATIENCE);
        // The rest of the element in which it stands is no answer to what comes next.
        while !(client.has_heard(&wanted) && client.is_between_elements()) {
            if !client.hear(until) {
                return Ok(false);
            }
        }
        // A challenge may be needed; all else that was awaited is no answer.
        if !wanted.ends_with(b"challenge") {
            client.forget();
        }
        if wanted.ends_with(b"<success") || wanted.ends_with(b"<proceed") {
            client.restart();
        }
        Ok(true)
    }

    fn value(&mut self, name: &str, challenge: Option<&str>) -> Result<Vec<u8>> {
        let host = &self.house.stage.host;
        let Person { name: user, resource } = &self.person;
        if let Some(what) = name.strip_prefix("scram ") {
            return self.scram.message(what, user, PASSWORD, challenge);
        }
        Ok(match name {
            "me" => format!("{user}@{host}/{resource}"),
            "my bare" => format!("{user}@{host}"),
            "user" => user.clone(),
            "resource" => resource.clone(),
            "other" => format!("{JULIET}@{host}/talk"),
            "other bare" => format!("{JULIET}@{host}"),
            "friend" => format!("{FRIEND}@{host}/{}", self.friends_resource()),
            "host" => host.clone(),
            "password" => PASSWORD.to_owned(),
            "header" => self.occasion.way.header(host),
            "X header" => Way::PlainX.header(host),
            "login" => login::plain(user),
            "J login" => login::iq_auth(&self.person),
            "sasl" => login::SASL.to_owned(),
            "tls" => login::TLS.to_owned(),
            "bind" => login::BIND.to_owned(),
            other => bail!("nothing is called {{{other}}}"),
        }
        .into_bytes())
    }

    fn patience(&self) -> Duration {
        match self.case.within {
            Some(within) => within,
            None if self.house.is_yatter => PATIENCE,
            None => PEERS_PATIENCE,
        }
    }

    /// Hears the answer out.
    fn hear(&mut self, attacker: &mut Attacker) -> Result<String> {
        let client = &mut attacker.client;
        let expected = self.expected().cloned().context("nothing is expected here")?;
        if expected.is_any_end() {
            let ended = self.hear_the_end(client) == Standing::Ended;
            return Ok(if ended { "the end" } else { "stays on the line" }.to_owned());
        }
        let mut standing = if expected.ends() { self.hear_the_end(client) } else { self.try_it(client, &expected)? };
        let silent = expected.ends() && standing == Standing::Open && client.items.is_empty();
        if silent && !self.house.is_yatter && self.goes_on(client)? {
            standing = Standing::Lives;
        }
        let raw_tls = matches!(self.occasion.moment, Moment::Connected | Moment::Proceed)
            && (self.occasion.way.is_direct() || self.occasion.moment == Moment::Proceed)
            && !self.case.steps.iter().any(|step| matches!(step, Step::StartTls));
        let mut answer = match self.occasion.way {
            Way::Metrics => answer::of_http(&client.raw, standing),
            Way::Control => answer::of_control(&client.raw, standing),
            _ if raw_tls => answer::of_tls(&client.raw, standing),
            _ => self.of_stream(client, standing),
        };
        for text in &self.case.never_hears {
            if client.has_heard(text.as_bytes()) {
                answer += &format!(", with {text}");
            }
        }
        for wanted in &self.case.hears {
            let wanted = wanted.text(&mut |name: &str| self.value(name, None))?;
            let tree = Tree::read(&wanted).with_context(|| format!("`hears` is no element: {wanted}"))?;
            let is_it = |item: &Item| matches!(item, Item::Element(heard) if heard.holds(&tree));
            if !client.items.iter().any(is_it) {
                answer += &format!(", without {wanted}");
            }
        }
        Ok(answer)
    }

    fn of_stream(&self, client: &Client, standing: Standing) -> String {
        let opening = matches!(self.occasion.moment, Moment::Connected | Moment::First | Moment::Restart);
        // That another server asks for counts of its own is no answer (XEP-0198 §4); ours does not.
        let is_own = |item: &Item| matches!(item, Item::Element(tree) if tree.name == "r" && tree.namespace == SM);
        let items = client.items.iter().filter(|item| self.house.is_yatter || !is_own(item));
        let items: Vec<Item> = items.cloned().collect();
        answer::of_stream(&items, opening, standing)
    }

    /// Listens until the server hangs up. If it never does, tries whether it answers.
    fn hear_the_end(&mut self, client: &mut Client) -> Standing {
        let until = Instant::now() + self.patience();
        while client.hear(until) {}
        if client.ended { Standing::Ended } else { Standing::Open }
    }

    /// Whether a server that should have hung up, and said nothing, answers the next question: it has passed over what was said. If not, something is
    /// unfinished there, to which the question belongs.
    fn goes_on(&mut self, client: &mut Client) -> Result<bool> {
        let opened = matches!(self.occasion.moment, Moment::Stranger | Moment::Nameless | Moment::Session);
        if !opened {
            // There is no question before a stream is open.
            return Ok(false);
        }
        let answered = self.try_it(client, &Expected(vec!["silence".to_owned()]))? == Standing::Lives;
        let goes_on = answered && client.items.is_empty();
        if !goes_on {
            client.items.clear();
        }
        Ok(goes_on)
    }

    /// Does what a healthy client would do next, to see that the server is still there, and hears what came before.
    fn try_it(&mut self, client: &mut Client, expected: &Expected) -> Result<Standing> {
        let until = Instant::now() + self.patience();
        if expected.stays_open() {
            let until = Instant::now() + self.case.within.unwrap_or(MOMENT);
            while client.hear(until) {}
            return Ok(if client.ended { Standing::Ended } else { Standing::Open });
        }
        let before = client.items.len();
        let Some(probe) = self.probe(client, expected) else {
            // Nothing can be asked here: whatever is expected has to come.
            while !self.is_answered(client, expected) && client.hear(until) {}
            return Ok(if client.ended { Standing::Ended } else { Standing::Open });
        };
        let said = client.try_to_say(probe.say.as_bytes(), true);
        let mut found = None;
        while said == Said::All && found.is_none() {
            found = client.items.iter().position(|item| (probe.is_answer)(item));
            if found.is_none() && !client.hear(until) {
                break;
            }
        }
        let Some(at) = found else {
            while client.hear(Instant::now() + Duration::from_millis(50)) {}
            // The probe's own refusal is no answer to the case; what ends the stream is.
            if !client.ended {
                client.items.truncate(before.max(client.items.len().min(before + 1)));
            }
            return Ok(if client.ended { Standing::Ended } else { Standing::Mute });
        };
        let answer = client.items.remove(at);
        let grace = Instant::now() + GRACE;
        while !self.is_answered(client, expected) && client.hear(grace.min(until)) {}
        if answer.as_ref().is_some_and(is_success) && client.items.get(at).is_some_and(is_another_stream) {
            // It was the case that was let in, and a stream was due when the healthy client spoke.
            client.items.truncate(at);
            client.items.extend(answer);
        }
        Ok(Standing::Lives)
    }

    fn is_answered(&self, client: &Client, expected: &Expected) -> bool {
        match self.occasion.way {
            Way::Metrics => expected.holds(&answer::of_http(&client.raw, Standing::Lives)),
            Way::Control => {
                expected.holds(&answer::of_control(&client.raw, Standing::Lives))
                    || expected.holds(&answer::of_control(&client.raw, Standing::Ended))
            }
            _ => {
                let hears = || self.case.hears.len() <= client.items.len();
                expected.holds(&self.of_stream(client, Standing::Lives)) && hears()
            }
        }
    }

    /// What a healthy client would do next here. None where nothing can be asked.
    fn probe(&self, client: &mut Client, expected: &Expected) -> Option<Probe> {
        let leaves_off = |one: &String| ["challenge", "success", "proceed"].iter().any(|word| one.ends_with(word));
        if !self.occasion.way.is_stream() || expected.0.iter().any(leaves_off) || client.ended {
            return None;
        }
        let way = self.occasion.way;
        Some(match self.case.now.unwrap_or(self.occasion.moment) {
            Moment::Connected | Moment::Proceed => return None,
            Moment::First | Moment::Restart => {
                Probe { say: way.header(&self.house.stage.host), is_answer: |item| matches!(item, Item::Header(_)) }
            }
            Moment::Stranger if !way.leads_in() => {
                Probe { say: "</stream:stream>".to_owned(), is_answer: |item| matches!(item, Item::Close) }
            }
            Moment::Stranger if way.is_j() => Probe { say: login::iq_auth(&self.person), is_answer: is_result_auth },
            Moment::Stranger => Probe { say: login::plain(&self.person.name), is_answer: is_success },
            Moment::Nameless => Probe {
                say: format!("<iq type='set' id='auth'><bind {}/></iq>", login::BIND),
                // Where a bind that cannot be was taken, another is refused.
                is_answer: if self.house.is_yatter { is_result_auth } else { is_iq_auth },
            },
            Moment::Session => Probe {
                say: format!(
                    "<iq type='get' id='probe' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>",
                    self.house.stage.host
                ),
                is_answer: is_pong,
            },
        })
    }
}

/// A question to which the answer is known.
struct Probe {
    say: String,
    is_answer: fn(&Item) -> bool,
}

fn is_result_auth(item: &Item) -> bool {
    matches!(item, Item::Element(tree) if tree.attr("id") == Some("auth") && tree.attr("type") == Some("result"))
}

fn is_iq_auth(item: &Item) -> bool {
    matches!(item, Item::Element(tree) if tree.attr("id") == Some("auth"))
}

fn is_success(item: &Item) -> bool {
    matches!(item, Item::Element(tree) if tree.name == "success")
}

/// An opening tag; behind one, its declaration is no XML any more.
fn is_another_stream(item: &Item) -> bool {
    matches!(item, Item::Header(_) | Item::NotXml(_))
}

fn is_pong(item: &Item) -> bool {
    matches!(item, Item::Element(tree) if tree.attr("id") == Some("probe") && tree.attr("type").is_some())
}

/// The challenge that was heard last; it is answered now.
fn challenge(client: &mut Client) -> Option<String> {
    let is_challenge = |item: &Item| matches!(item, Item::Element(tree) if tree.name == "challenge");
    let at = client.items.iter().rposition(is_challenge)?;
    match client.items.remove(at)? {
        Item::Element(tree) => {
            client.forget();
            Some(tree.text)
        }
        _ => None,
    }
}
