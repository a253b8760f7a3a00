//! Random walks: two people and their servers, and one person with clients that come and go.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// What a client has on its screen: the `<item/>` of each address.
type Screen = BTreeMap<String, String>;

/// One person's server and clients.
struct Side {
    owner: Jid,
    roster: Roster,
    rows: Rows,
    /// A client that is always there.
    present: Screen,
    /// A client that is away most of the time, and its version.
    away: (Screen, String),
    limits: Limits,
}

fn item_of(query: &Element) -> (String, Option<String>) {
    let item = query.root().first_child().unwrap();
    let gone = item.attr("subscription").unwrap() == "remove";
    let shown = String::from_utf8(item.raw().to_vec()).unwrap();
    (item.attr("jid").unwrap().into_owned(), (!gone).then_some(shown))
}

fn show(screen: &mut Screen, push: &Element) {
    match item_of(push) {
        (address, Some(item)) => screen.insert(address, item),
        (address, None) => screen.remove(&address),
    };
}

fn whole(query: &Element) -> Screen {
    let item =
        |item: xml::Node<'_>| (item.attr("jid").unwrap().into_owned(), String::from_utf8(item.raw().to_vec()).unwrap());
    query.root().children().map(item).collect()
}

impl Side {
    fn new(owner: &str) -> Side {
        let rows = Rows::default();
        let limits = Limits { removals: 2, ..Limits::default() };
        Side {
            owner: jid(owner),
            roster: rows.load(),
            rows,
            present: Screen::new(),
            away: (Screen::new(), String::new()),
            limits,
        }
    }

    fn take(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        self.rows.write(&change);
        if let Some(push) = &change.push {
            show(&mut self.present, push);
            assert_eq!(push.root().attr("ver").unwrap(), self.roster.version());
        }
    }

    fn send(&mut self, contact: &Jid, verb: Verb) -> Option<Verb> {
        let (outbound, change) = self.roster.outbound(contact, verb, &self.limits).unwrap();
        self.take(change);
        outbound.route.then_some(verb)
    }

    fn receive(&mut self, contact: &Jid, verb: Verb) -> Option<Verb> {
        let stanza = Element::parse(b"<presence/>", &xml::Limits::OWN).unwrap();
        let (inbound, change) = self.roster.inbound(contact, verb, Some(&stanza), &self.limits);
        self.take(change);
        inbound.auto_reply
    }

    fn set(&mut self, contact: &Jid, name: &str) {
        let wish = format!("<query xmlns='jabber:iq:roster'><item jid='{contact}' name='{name}'/></query>");
        let wish = Element::parse(wish.as_bytes(), &xml::Limits::OWN).unwrap();
        let wish = parse_set(wish.root(), &self.owner, Dialect::J, &self.limits).unwrap().remove(0);
        let change = self.roster.set(wish, &self.limits).unwrap();
        self.take(Some(change));
    }

    fn remove(&mut self, contact: &Jid) -> Vec<Verb> {
        let change = self.roster.remove(contact, &self.limits);
        let parting = change.as_ref().map(|change| change.parting().collect()).unwrap_or_default();
        self.take(change);
        parting
    }

    fn restart(&mut self) {
        self.roster = self.rows.load();
    }

    /// The client that was away comes and goes.
    fn look_in(&mut self) {
        let (screen, version) = &mut self.away;
        match self.roster.result_since(Some(version), Dialect::X) {
            Since::Whole(query) => *screen = whole(&query),
            Since::Nothing => {}
            Since::Deltas(pushes) => pushes.iter().for_each(|push| show(screen, push)),
        }
        *version = self.roster.version();
        assert_eq!(self.away.0, self.present);
    }

    /// What is stored is what is in memory, and what the clients show is what they would be given now.
    fn check(&self) {
        let Since::Whole(query) = self.roster.result_since(None, Dialect::X) else { panic!("not whole") };
        assert_eq!(whole(&query), self.present);
        let stored = self.rows.load();
        let all = |roster: &Roster| -> Vec<_> { roster.items.iter().map(rows::of).collect() };
        assert_eq!(all(&stored), all(&self.roster));
        assert!(self.roster.items.iter().all(|item| item.request.is_some() == item.state.pending_in()));
        assert!(self.roster.items.iter().filter(|item| item.is_removal()).count() <= self.limits.removals);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(Verb),
    Set(u8),
    Remove,
    Restart,
    LookIn,
    /// The oldest stanza under way to this side arrives.
    Arrive,
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        3 => Just(Verb::Subscribe),
        1 => Just(Verb::Unsubscribe),
        3 => Just(Verb::Subscribed),
        1 => Just(Verb::Unsubscribed),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => verb().prop_map(Step::Send),
        2 => any::<u8>().prop_map(Step::Set),
        1 => Just(Step::Remove),
        1 => Just(Step::Restart),
        2 => Just(Step::LookIn),
        8 => Just(Step::Arrive),
    ]
}

/// Two people, and the stanzas under way to each.
struct World {
    sides: [Side; 2],
    mail: [VecDeque<Verb>; 2],
}

impl World {
    fn new() -> World {
        World { sides: [Side::new("amy@h"), Side::new("bob@g")], mail: Default::default() }
    }

    fn contact(&self, who: usize) -> Jid {
        self.sides[1 - who].owner.clone()
    }

    fn step(&mut self, who: usize, step: Step) {
        let contact = self.contact(who);
        let side = &mut self.sides[who];
        match step {
            Step::Send(verb) => self.mail[1 - who].extend(side.send(&contact, verb)),
            Step::Set(name) => side.set(&contact, &name.to_string()),
            Step::Remove => self.mail[1 - who].extend(side.remove(&contact)),
            Step::Restart => side.restart(),
            Step::LookIn => side.look_in(),
            Step::Arrive => {
                if let Some(verb) = self.mail[who].pop_front() {
                    self.mail[1 - who].extend(side.receive(&contact, verb));
                }
            }
        }
        self.sides.iter().for_each(Side::check);
    }

    /// Everything under way arrives.
    fn settle(&mut self) {
        while let Some(who) = self.mail.iter().position(|mail| !mail.is_empty()) {
            self.step(who, Step::Arrive);
        }
    }

    fn state(&self, who: usize) -> State {
        self.sides[who].roster.state(&self.contact(who))
    }
}

proptest! {
    /// As long as nothing crosses on the way, each knows what the other one knows.
    #[test]
    fn two_rosters_agree(steps in vec((0..2usize, step()), 0..60)) {
        let mut world = World::new();
        for (who, step) in steps {
            world.step(who, step);
            world.settle();
            let (amy, bob) = (world.state(0), world.state(1));
            prop_assert_eq!(amy.sees_contact(), bob.seen_by_contact());
            prop_assert_eq!(bob.sees_contact(), amy.seen_by_contact());
            prop_assert_eq!(amy.pending_out(), bob.pending_in());
            prop_assert_eq!(bob.pending_out(), amy.pending_in());
        }
    }

    /// Whatever crosses on the way: nobody is shown to whom they did not allow it, nobody sees whom they did not ask for, and
    /// both can always end it.
    #[test]
    fn crossing_stanzas_grant_nothing(steps in vec((0..2usize, step()), 0..80)) {
        let mut world = World::new();
        let (mut allowed, mut asked) = ([false; 2], [false; 2]);
        for (who, step) in steps {
            match step {
                Step::Send(Verb::Subscribe) => asked[who] = true,
                Step::Send(Verb::Unsubscribe) => asked[who] = false,
                Step::Send(Verb::Subscribed) => allowed[who] = true,
                Step::Send(Verb::Unsubscribed) => allowed[who] = false,
                Step::Remove if !world.sides[who].present.is_empty() => (allowed[who], asked[who]) = (false, false),
                _ => {}
            }
            world.step(who, step);
            for who in 0..2 {
                prop_assert!(allowed[who] || !world.state(who).seen_by_contact());
                prop_assert!(asked[who] || !world.state(who).sees_contact());
            }
        }
        for who in 0..2 {
            world.step(who, Step::Send(Verb::Unsubscribe));
            world.step(who, Step::Send(Verb::Unsubscribed));
        }
        world.settle();
        prop_assert_eq!((world.state(0), world.state(1)), (State::None, State::None));
    }

    /// One roster, several contacts: the store and every client, however long away, end with the same items.
    #[test]
    fn clients_and_store_hear_of_everything(steps in vec((0..5usize, step(), verb()), 0..80)) {
        let contacts = ["bob@g", "cy@g/home", "dan@g", "icq.h", "icq.h/registered"].map(jid);
        let mut side = Side::new("amy@h");
        for (which, step, coming) in steps {
            let contact = &contacts[which];
            match step {
                Step::Send(verb) => drop(side.send(contact, verb)),
                Step::Set(name) => side.set(contact, &name.to_string()),
                Step::Remove => drop(side.remove(contact)),
                Step::Restart => side.restart(),
                Step::LookIn => side.look_in(),
                Step::Arrive => drop(side.receive(contact, coming)),
            }
            side.check();
        }
        side.look_in();
    }
}
