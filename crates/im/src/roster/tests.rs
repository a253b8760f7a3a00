//! Roster sets, subscriptions, versions and rows, one sentence of behaviour each.

mod walk;

use super::*;

const OWNER: &str = "amy@h";

fn jid(text: &str) -> Jid {
    Jid::parse(text).unwrap()
}

fn element(text: &str) -> Element {
    Element::parse(text.as_bytes(), &xml::Limits::OWN).unwrap()
}

fn empty() -> Roster {
    Roster::decode(Vec::new()).unwrap()
}

fn read(items: &str, dialect: Dialect, limits: &Limits) -> Result<Vec<RosterSet>, StanzaError> {
    let query = element(&format!("<query xmlns='jabber:iq:roster'>{items}</query>"));
    parse_set(query.root(), &jid(OWNER), dialect, limits)
}

/// What becomes of a roster set: its changes, or the condition of the error.
fn set(roster: &mut Roster, items: &str, dialect: Dialect) -> Result<Vec<Change>, String> {
    let limits = Limits::default();
    let wishes = read(items, dialect, &limits);
    let changes = wishes.and_then(|wishes| wishes.into_iter().map(|wish| roster.set(wish, &limits)).collect());
    changes.map_err(|error| condition(&error))
}

fn condition(error: &StanzaError) -> String {
    error.condition.name().to_owned()
}

fn sent(roster: &mut Roster, contact: &str, verb: Verb) -> (Outbound, Option<Change>) {
    roster.outbound(&jid(contact), verb, &Limits::default()).unwrap()
}

fn came(roster: &mut Roster, contact: &str, verb: Verb) -> (Inbound, Option<Change>) {
    let stanza = element(&format!("<presence from='{contact}'><status>hi</status></presence>"));
    roster.inbound(&jid(contact), verb, Some(&stanza), &Limits::default())
}

/// The items of a push or a result, without the query around them.
fn items(query: &Element) -> String {
    let text = query.as_str();
    let from = text.find('>').unwrap() + 1;
    text[from..].trim_end_matches("</query>").to_owned()
}

fn pushed(change: &Change) -> String {
    items(change.push.as_ref().unwrap())
}

fn listed(roster: &Roster, dialect: Dialect) -> String {
    match roster.result_since(None, dialect) {
        Since::Whole(query) => items(&query),
        other => panic!("{other:?}"),
    }
}

/// The rows as a store keeps them.
#[derive(Default)]
struct Rows(std::collections::BTreeMap<String, Vec<u8>>);

impl Rows {
    fn write(&mut self, change: &Change) {
        for (key, value) in &change.writes {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }

    fn load(&self) -> Roster {
        Roster::decode(self.0.clone().into_iter().collect()).unwrap()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

mod sets {
    use super::*;

    #[test]
    fn an_item_is_added_changed_and_removed() {
        let mut roster = empty();
        let added = set(&mut roster, "<item jid='bob@g' name='Bob'><group>Pals</group></item>", Dialect::X).unwrap();
        let item = "<item jid='bob@g' name='Bob' subscription='none'><group>Pals</group></item>";
        assert_eq!(pushed(&added[0]), item);
        assert_eq!(listed(&roster, Dialect::X), item);
        let bare = set(&mut roster, "<item jid='bob@g' name=''/>", Dialect::X).unwrap();
        assert_eq!(pushed(&bare[0]), "<item jid='bob@g' subscription='none'/>");
        let gone = set(&mut roster, "<item jid='bob@g' subscription='remove'/>", Dialect::X).unwrap();
        assert!(gone[0].removed);
        assert_eq!(pushed(&gone[0]), "<item jid='bob@g' subscription='remove'/>");
        assert_eq!(listed(&roster, Dialect::X), "");
    }

    #[test]
    fn every_push_has_a_version_of_its_own() {
        let mut roster = empty();
        let one = set(&mut roster, "<item jid='bob@g'/>", Dialect::X).unwrap().remove(0).push.unwrap();
        let two = set(&mut roster, "<item jid='bob@g'/>", Dialect::X).unwrap().remove(0).push.unwrap();
        let version = |query: &Element| query.root().attr("ver").unwrap().into_owned();
        assert_ne!(version(&one), version(&two));
        assert_eq!(version(&two), roster.version());
    }

    /// RFC 6121 2.3.3, and T-4.3.2.
    #[test]
    fn an_x_client_is_told_what_is_wrong() {
        let long = "x".repeat(1024);
        let many: String = (0..65).map(|n| format!("<group>{n}</group>")).collect();
        let cases = [
            ("", "bad-request"),
            ("<item jid='bob@g'/><item jid='cy@g'/>", "bad-request"),
            ("<item name='Bob'/>", "bad-request"),
            ("<item jid='bob@'/>", "jid-malformed"),
            ("<item jid='AMY@h'/>", "not-allowed"),
            ("<item jid='amy@h/desk'/>", "not-allowed"),
            ("<item jid='bob@g'><group>A</group><group>B</group><group>A</group></item>", "bad-request"),
            ("<item jid='bob@g'><group/></item>", "not-acceptable"),
            (&format!("<item jid='bob@g' name='{long}'/>"), "not-acceptable"),
            (&format!("<item jid='bob@g'><group>{long}</group></item>"), "not-acceptable"),
            (&format!("<item jid='bob@g'>{many}</item>"), "not-acceptable"),
            ("<item jid='bob@g' subscription='remove'/>", "item-not-found"),
            ("<item jid='amy@h' subscription='remove'/>", "item-not-found"),
        ];
        for (wish, expected) in cases {
            let mut roster = empty();
            assert_eq!(set(&mut roster, wish, Dialect::X).unwrap_err(), expected, "{wish}");
            assert_eq!(listed(&roster, Dialect::X), "");
        }
    }

    /// T-4.3.5: several items; without an address, with a bad one, with one's own: skipped.
    #[test]
    fn a_j_client_may_be_careless() {
        let mut roster = empty();
        let wish = "<item jid='bob@g'><group>A</group><group/><group>A</group></item><item name='nobody'/>\
                    <item jid='@'/><item jid='amy@h'/><item jid='amy@h' subscription='remove'/>\
                    <item jid='icq.h/registered'/><item jid='cy@g/'/>";
        let changes = set(&mut roster, wish, Dialect::J).unwrap();
        assert_eq!(changes.len(), 3);
        assert_eq!(
            listed(&roster, Dialect::J),
            "<item jid='bob@g' subscription='none'><group>A</group></item><item jid='cy@g' subscription='none'/>\
             <item jid='icq.h/registered' subscription='none'/>"
        );
        assert!(set(&mut roster, "", Dialect::J).unwrap().is_empty());
    }

    #[test]
    fn a_j_client_may_not_send_too_much() {
        let items: String = (0..257).map(|n| format!("<item jid='u{n}@g'/>")).collect();
        assert_eq!(set(&mut empty(), &items, Dialect::J).unwrap_err(), "not-acceptable");
        let long = format!("<item jid='bob@g' name='{}'/>", "x".repeat(1024));
        assert_eq!(set(&mut empty(), &long, Dialect::J).unwrap_err(), "not-acceptable");
        let groups: String = (0..65).map(|n| format!("<group>{n}</group>")).collect();
        assert_eq!(
            set(&mut empty(), &format!("<item jid='bob@g'>{groups}</item>"), Dialect::J).unwrap_err(),
            "not-acceptable"
        );
    }

    /// A removal of what is not there is pushed to J-clients all the same.
    #[test]
    fn a_j_client_hears_of_a_removal_in_any_case() {
        let mut roster = empty();
        let gone = set(&mut roster, "<item jid='bob@g' subscription='remove'/>", Dialect::J).unwrap();
        assert_eq!(pushed(&gone[0]), "<item jid='bob@g' subscription='remove'/>");
        assert!(gone[0].writes.is_empty() && gone[0].parting().next().is_none());
    }

    /// T-4.3.6.
    #[test]
    fn spellings_of_an_address_are_one_item() {
        let mut roster = empty();
        for spelling in ["Bob@G", "bob@g", "BOB@g", "bob@g/home"] {
            set(&mut roster, &format!("<item jid='{spelling}' name='{spelling}'/>"), Dialect::X).unwrap();
        }
        assert_eq!(listed(&roster, Dialect::X), "<item jid='bob@g' name='bob@g/home' subscription='none'/>");
    }

    /// T-4.3.2 and T-4.3.4: what a client says of the subscription changes nothing.
    #[test]
    fn a_rename_keeps_subscription_ask_and_approval() {
        let mut roster = empty();
        sent(&mut roster, "bob@g", Verb::Subscribe);
        sent(&mut roster, "bob@g", Verb::Subscribed);
        let wish = "<item jid='bob@g' name='Bob' subscription='both' ask='unsubscribe' approved='false'/>";
        let renamed = set(&mut roster, wish, Dialect::X).unwrap();
        assert_eq!(
            pushed(&renamed[0]),
            "<item jid='bob@g' name='Bob' subscription='none' ask='subscribe' approved='true'/>"
        );
        assert!(!renamed[0].shows() && renamed[0].now == State::NonePendingOut);
    }

    /// T-4.3.9.
    #[test]
    fn names_and_groups_hold_any_text() {
        let name = "Bob \"the\" 'B' <&> \u{1f600}\nsecond line\ttab";
        let group = " two\nlines & 'more' ";
        let wish = "<item jid='bob@g' name='Bob &quot;the&quot; &apos;B&apos; &lt;&amp;&gt; \u{1f600}&#10;second line&#9;tab'>\
                    <group> two\nlines &amp; &apos;more&apos; </group></item>";
        let mut roster = empty();
        let mut rows = Rows::default();
        let changes = set(&mut roster, wish, Dialect::X).unwrap();
        let item = element(changes[0].push.as_ref().unwrap().as_str());
        let item = item.root().first_child().unwrap();
        assert_eq!(item.attr("name").unwrap(), name);
        assert_eq!(item.first_child().unwrap().text(), group);
        rows.write(&changes[0]);
        let item = rows.load().get(&jid("bob@g")).unwrap().clone();
        assert_eq!((item.name.as_deref(), item.groups.as_slice()), (Some(name), [group.to_owned()].as_slice()));
    }

    #[test]
    fn what_j_clients_store_is_theirs_alone() {
        let mut roster = empty();
        let wish = "<item jid='bob@g'><x xmlns='old:client' color='red'><y/></x><plain/></item>";
        let stored = set(&mut roster, wish, Dialect::J).unwrap();
        let extra = "<x xmlns='old:client' color='red'><y/></x>";
        let theirs = format!("<item jid='bob@g' subscription='none'>{extra}</item>");
        assert_eq!(items(stored[0].push_for(Dialect::J).unwrap()), theirs);
        assert_eq!(pushed(&stored[0]), "<item jid='bob@g' subscription='none'/>");
        set(&mut roster, "<item jid='bob@g' name='Bob'/>", Dialect::X).unwrap();
        let theirs = format!("<item jid='bob@g' name='Bob' subscription='none'>{extra}</item>");
        assert_eq!(listed(&roster, Dialect::J), theirs);
        assert_eq!(listed(&roster, Dialect::X), "<item jid='bob@g' name='Bob' subscription='none'/>");
        set(&mut roster, "<item jid='bob@g'/>", Dialect::J).unwrap();
        assert_eq!(listed(&roster, Dialect::J), "<item jid='bob@g' subscription='none'/>");
    }

    #[test]
    fn large_extras_are_left_out() {
        let large = format!("<x xmlns='a'>{}</x>", "x".repeat(3000));
        let wish = format!("<item jid='bob@g'>{large}<y xmlns='b'/></item>");
        let mut roster = empty();
        set(&mut roster, &wish, Dialect::J).unwrap();
        assert_eq!(listed(&roster, Dialect::J), "<item jid='bob@g' subscription='none'><y xmlns='b'/></item>");
    }

    #[test]
    fn a_full_roster_says_so() {
        let limits = Limits { items: 2, bytes: 60, ..Limits::default() };
        let mut roster = empty();
        let mut add = |wish: &str| {
            let wish = read(wish, Dialect::X, &limits).unwrap().remove(0);
            roster.set(wish, &limits).map(drop).map_err(|error| condition(&error))
        };
        assert_eq!(add("<item jid='a@g' name='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'/>"), Ok(()));
        assert_eq!(
            add("<item jid='b@g' name='bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'/>"),
            Err("resource-constraint".to_owned())
        );
        assert_eq!(add("<item jid='b@g'/>"), Ok(()));
        assert_eq!(add("<item jid='c@g'/>"), Err("resource-constraint".to_owned()));
        assert_eq!(add("<item jid='a@g' name='a'/>"), Ok(()));
        let refused = roster.outbound(&jid("c@g"), Verb::Subscribe, &limits).unwrap_err();
        assert_eq!(condition(&refused), "resource-constraint");
        assert_eq!(roster.state(&jid("c@g")), State::None);
        assert!(roster.outbound(&jid("a@g"), Verb::Subscribe, &limits).is_ok());
    }
}

mod subscriptions {
    use super::*;

    #[test]
    fn a_mutual_subscription_is_pushed_step_by_step() {
        let mut roster = empty();
        let (outbound, change) = sent(&mut roster, "bob@g/home", Verb::Subscribe);
        assert!(outbound.route);
        assert_eq!(pushed(&change.unwrap()), "<item jid='bob@g' subscription='none' ask='subscribe'/>");
        let (inbound, change) = came(&mut roster, "bob@g", Verb::Subscribed);
        assert!(inbound.deliver);
        assert_eq!(pushed(&change.unwrap()), "<item jid='bob@g' subscription='to'/>");
        let (inbound, change) = came(&mut roster, "bob@g", Verb::Subscribe);
        assert!(inbound.deliver && change.unwrap().push.is_none());
        let (outbound, change) = sent(&mut roster, "bob@g", Verb::Subscribed);
        let change = change.unwrap();
        assert!(outbound.route && change.shows());
        assert_eq!(pushed(&change), "<item jid='bob@g' subscription='both'/>");
        assert!(roster.sees().chain(roster.seen_by()).all(|item| item.jid == jid("bob@g")));
        let removed = roster.remove(&jid("bob@g"), &Limits::default()).unwrap();
        assert!(removed.hides());
        assert!(removed.parting().eq([Verb::Unsubscribe, Verb::Unsubscribed]));
    }

    /// T-4.3.7, T-4.5.2 and T-4.5.11.
    #[test]
    fn a_request_is_hidden_kept_once_and_leaves_no_trace() {
        let mut roster = empty();
        let mut rows = Rows::default();
        let (inbound, change) = came(&mut roster, "dan@g", Verb::Subscribe);
        assert!(inbound.deliver);
        let change = change.unwrap();
        assert!(change.push.is_none());
        rows.write(&change);
        let second = element("<presence type='subscribe' from='dan@g'/>");
        let (inbound, change) = roster.inbound(&jid("dan@g"), Verb::Subscribe, Some(&second), &Limits::default());
        assert!(!inbound.deliver && change.is_none());
        let mut roster = rows.load();
        assert_eq!(listed(&roster, Dialect::X), "");
        let waiting: Vec<&Item> = roster.requests().collect();
        assert_eq!(waiting.len(), 1);
        let request = waiting[0].request.as_ref().unwrap();
        assert_eq!(request.root().child(xml::names::CLIENT, "status").unwrap().text(), "hi");
        let (outbound, change) = sent(&mut roster, "dan@g", Verb::Unsubscribed);
        let change = change.unwrap();
        assert!(outbound.route && change.push.is_none());
        rows.write(&change);
        assert!(rows.keys().is_empty(), "{:?}", rows.keys());
        assert!(roster.get(&jid("dan@g")).is_none());
    }

    #[test]
    fn a_request_of_a_listed_contact_survives_a_rename_and_ends_with_the_answer() {
        let mut roster = empty();
        came(&mut roster, "dan@g", Verb::Subscribe);
        let named = set(&mut roster, "<item jid='dan@g' name='Dan'/>", Dialect::X).unwrap();
        assert_eq!(pushed(&named[0]), "<item jid='dan@g' name='Dan' subscription='none'/>");
        assert!(roster.get(&jid("dan@g")).unwrap().request.is_some());
        let (_, change) = sent(&mut roster, "dan@g", Verb::Unsubscribed);
        assert!(change.unwrap().push.is_none());
        let item = roster.get(&jid("dan@g")).unwrap();
        assert!(item.request.is_none() && item.listed);
    }

    #[test]
    fn a_client_cannot_remove_what_it_does_not_see() {
        let mut roster = empty();
        came(&mut roster, "dan@g", Verb::Subscribe);
        let refused = set(&mut roster, "<item jid='dan@g' subscription='remove'/>", Dialect::X);
        assert_eq!(refused.unwrap_err(), "item-not-found");
        assert_eq!(roster.requests().count(), 1);
    }

    /// RFC 6121 3.4.
    #[test]
    fn pre_approval_is_noted_used_and_taken_back() {
        let mut roster = empty();
        let (outbound, change) = sent(&mut roster, "bob@g", Verb::Subscribed);
        assert!(!outbound.route);
        assert_eq!(pushed(&change.unwrap()), "<item jid='bob@g' subscription='none' approved='true'/>");
        assert!(sent(&mut roster, "bob@g", Verb::Subscribed).1.is_none());
        let (inbound, change) = came(&mut roster, "bob@g", Verb::Subscribe);
        assert_eq!((inbound.deliver, inbound.auto_reply), (false, Some(Verb::Subscribed)));
        let change = change.unwrap();
        assert!(change.shows() && roster.requests().next().is_none());
        assert_eq!(pushed(&change), "<item jid='bob@g' subscription='from' approved='true'/>");
        let (outbound, change) = sent(&mut roster, "bob@g", Verb::Unsubscribed);
        assert!(outbound.route);
        assert_eq!(pushed(&change.unwrap()), "<item jid='bob@g' subscription='none'/>");
        assert!(came(&mut roster, "bob@g", Verb::Subscribe).0.deliver);
        let (outbound, change) = sent(&mut roster, "cy@g", Verb::Unsubscribed);
        assert!(!outbound.route && change.is_none());
    }

    #[test]
    fn a_taken_back_pre_approval_is_pushed_though_nothing_is_routed() {
        let mut roster = empty();
        sent(&mut roster, "bob@g", Verb::Subscribe);
        sent(&mut roster, "bob@g", Verb::Subscribed);
        let (outbound, change) = sent(&mut roster, "bob@g", Verb::Unsubscribed);
        assert!(!outbound.route);
        assert_eq!(pushed(&change.unwrap()), "<item jid='bob@g' subscription='none' ask='subscribe'/>");
    }

    /// T-4.5.7, and no trace of strangers' other stanzas.
    #[test]
    fn what_nobody_asked_for_is_ignored() {
        let mut roster = empty();
        for verb in [Verb::Subscribed, Verb::Unsubscribed, Verb::Unsubscribe] {
            let (inbound, change) = came(&mut roster, "eve@g", verb);
            assert!(!inbound.deliver && change.is_none() && inbound.auto_reply.is_none());
        }
        let (outbound, change) = sent(&mut roster, "eve@g", Verb::Unsubscribe);
        assert!(outbound.route && change.is_none());
    }

    /// T-4.5.6: the approval was lost on its way.
    #[test]
    fn asking_again_heals_a_lost_approval() {
        let (mut amy, mut bob) = (empty(), empty());
        sent(&mut amy, "bob@g", Verb::Subscribe);
        came(&mut bob, "amy@h", Verb::Subscribe);
        sent(&mut bob, "amy@h", Verb::Subscribed);
        assert!(sent(&mut amy, "bob@g", Verb::Subscribe).0.route);
        let (inbound, change) = came(&mut bob, "amy@h", Verb::Subscribe);
        assert!(!inbound.deliver && change.is_none());
        came(&mut amy, "bob@g", inbound.auto_reply.unwrap());
        assert_eq!((amy.state(&jid("bob@g")), bob.state(&jid("amy@h"))), (State::To, State::From));
    }

    /// T-4.5.5.
    #[test]
    fn both_may_ask_at_once() {
        let mut rosters = [empty(), empty()];
        let contacts = ["bob@g", "amy@h"];
        for verb in [Verb::Subscribe, Verb::Subscribed] {
            for (roster, contact) in rosters.iter_mut().zip(contacts) {
                assert!(sent(roster, contact, verb).0.route);
            }
            for (roster, contact) in rosters.iter_mut().zip(contacts) {
                assert!(came(roster, contact, verb).0.deliver);
            }
        }
        let states: Vec<State> =
            rosters.iter().zip(contacts).map(|(roster, contact)| roster.state(&jid(contact))).collect();
        assert_eq!(states, [State::Both, State::Both]);
    }

    #[test]
    fn too_many_requests_are_answered_like_an_account_that_does_not_exist() {
        let limits = Limits { requests: 1, ..Limits::default() };
        let mut roster = empty();
        assert!(roster.inbound(&jid("a@g"), Verb::Subscribe, None, &limits).0.deliver);
        let (inbound, change) = roster.inbound(&jid("b@g"), Verb::Subscribe, None, &limits);
        assert_eq!((inbound.deliver, inbound.auto_reply), (false, Some(Verb::Unsubscribed)));
        assert!(change.is_none() && roster.get(&jid("b@g")).is_none());
    }

    #[test]
    fn of_a_large_request_only_the_fact_is_kept() {
        let large = element(&format!("<presence><status>{}</status></presence>", "x".repeat(9000)));
        let mut roster = empty();
        roster.inbound(&jid("a@g"), Verb::Subscribe, Some(&large), &Limits::default());
        let waiting: Vec<&Item> = roster.requests().collect();
        assert!(waiting.len() == 1 && waiting[0].request.is_none());
    }

    /// T-4.5.4, T-4.5.10 and T-6.1.32.
    #[test]
    fn people_are_bare_and_services_keep_their_resource() {
        let mut roster = empty();
        set(&mut roster, "<item jid='bob@g/home' name='at home'/><item jid='bob@g'/>", Dialect::J).unwrap();
        sent(&mut roster, "bob@g/home", Verb::Subscribe);
        came(&mut roster, "bob@g", Verb::Subscribed);
        assert_eq!(roster.state(&jid("bob@g/work")), State::To);
        assert_eq!(roster.state(&jid("bob@g/home")), State::To);
        came(&mut roster, "icq.h/registered", Verb::Subscribe);
        let (_, change) = sent(&mut roster, "icq.h/registered", Verb::Subscribed);
        assert_eq!(pushed(&change.unwrap()), "<item jid='icq.h/registered' subscription='from'/>");
        sent(&mut roster, "icq.h/registered", Verb::Subscribe);
        let (inbound, change) = came(&mut roster, "icq.h", Verb::Subscribed);
        assert!(inbound.deliver);
        assert_eq!(pushed(&change.unwrap()), "<item jid='icq.h/registered' subscription='both'/>");
        let renamed = set(&mut roster, "<item jid='icq.h/registered' name='ICQ'/>", Dialect::X).unwrap();
        assert_eq!(pushed(&renamed[0]), "<item jid='icq.h/registered' name='ICQ' subscription='both'/>");
        set(&mut roster, "<item jid='msn.h/registered'/>", Dialect::X).unwrap();
        assert!(roster.iter().any(|item| item.jid == jid("msn.h")));
        assert_eq!(roster.state(&jid("icq.h.example")), State::None);
    }
}

mod versions {
    use super::*;

    fn since(roster: &Roster, version: &str) -> Since {
        roster.result_since(Some(version), Dialect::X)
    }

    fn deltas(roster: &Roster, version: &str) -> Vec<String> {
        match since(roster, version) {
            Since::Deltas(queries) => queries.iter().map(items).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn is_whole(since: Since) -> bool {
        matches!(since, Since::Whole(_))
    }

    fn add(roster: &mut Roster, address: &str) -> String {
        set(roster, &format!("<item jid='{address}'/>"), Dialect::X).unwrap();
        roster.version()
    }

    fn remove(roster: &mut Roster, address: &str, limits: &Limits) -> Change {
        roster.remove(&jid(address), limits).unwrap()
    }

    #[test]
    fn a_client_hears_what_it_missed_in_order() {
        let mut roster = empty();
        let limits = Limits::default();
        let versions: Vec<String> = ["a@g", "b@g", "c@g"].iter().map(|each| add(&mut roster, each)).collect();
        assert!(matches!(since(&roster, &versions[2]), Since::Nothing));
        assert_eq!(deltas(&roster, &versions[1]), ["<item jid='c@g' subscription='none'/>"]);
        remove(&mut roster, "b@g", &limits);
        set(&mut roster, "<item jid='a@g' name='A'/>", Dialect::X).unwrap();
        assert_eq!(
            deltas(&roster, &versions[2]),
            ["<item jid='b@g' subscription='remove'/>", "<item jid='a@g' name='A' subscription='none'/>"]
        );
        came(&mut roster, "b@g", Verb::Subscribe);
        assert_eq!(deltas(&roster, &versions[2])[0], "<item jid='b@g' subscription='remove'/>");
    }

    #[test]
    fn an_unknown_version_gets_everything() {
        let mut roster = empty();
        let versions: Vec<String> = ["a@g", "b@g", "c@g"].iter().map(|each| add(&mut roster, each)).collect();
        let other_life = format!("{:08x}-2", u32::from_str_radix(&versions[0][..8], 16).unwrap() ^ 1);
        let future = versions[2].replace("-3", "-4");
        for version in ["", "7", "x-1", &other_life, &future, "\u{e9}-1", "00000000-99999999999999999999999"] {
            assert!(is_whole(since(&roster, version)), "{version}");
        }
        assert!(is_whole(roster.result_since(None, Dialect::X)));
        assert!(is_whole(roster.result_since(Some(&versions[2]), Dialect::J)));
        assert!(is_whole(since(&empty(), "")));
    }

    #[test]
    fn removals_are_remembered_up_to_a_limit() {
        let mut roster = empty();
        let limits = Limits { removals: 1, ..Limits::default() };
        let mut rows = Rows::default();
        for address in ["a@g", "b@g", "c@g", "d@g"] {
            let added = set(&mut roster, &format!("<item jid='{address}'/>"), Dialect::X).unwrap();
            rows.write(&added[0]);
        }
        let before = roster.version();
        rows.write(&remove(&mut roster, "a@g", &limits));
        let between = roster.version();
        rows.write(&remove(&mut roster, "b@g", &limits));
        assert_eq!(rows.keys(), ["", "b@g", "c@g", "d@g"]);
        for roster in [&roster, &rows.load()] {
            assert!(is_whole(since(roster, &before)));
            assert_eq!(deltas(roster, &between), ["<item jid='b@g' subscription='remove'/>"]);
        }
    }

    #[test]
    fn versions_go_on_after_a_restart() {
        let mut roster = empty();
        let mut rows = Rows::default();
        for address in ["a@g", "b@g"] {
            let added = set(&mut roster, &format!("<item jid='{address}'/>"), Dialect::X).unwrap();
            rows.write(&added[0]);
        }
        rows.write(&remove(&mut roster, "b@g", &Limits::default()));
        let version = roster.version();
        let mut roster = rows.load();
        assert_eq!(roster.version(), version);
        add(&mut roster, "c@g");
        assert_eq!(deltas(&roster, &version), ["<item jid='c@g' subscription='none'/>"]);
    }

    #[test]
    fn a_state_that_clients_do_not_see_has_no_version() {
        let mut roster = empty();
        let version = add(&mut roster, "a@g");
        came(&mut roster, "a@g", Verb::Subscribe);
        came(&mut roster, "b@g", Verb::Subscribe);
        assert_eq!(roster.version(), version);
        assert!(matches!(since(&roster, &version), Since::Nothing));
    }
}

mod stored {
    use super::*;

    #[test]
    fn a_row_is_small_json_that_may_grow() {
        let mut roster = empty();
        let wish = "<item jid='bob@g' name='Bob'><group>Pals</group></item>";
        let change = set(&mut roster, wish, Dialect::X).unwrap().remove(0);
        let (key, value) = change.writes.last().unwrap();
        assert_eq!(key, "bob@g");
        let json = String::from_utf8(value.clone().unwrap()).unwrap();
        assert_eq!(json, r#"{"version":1,"name":"Bob","groups":["Pals"]}"#);
        let later = br#"{"state":"both","name":"B\u00f6b","mood":{"as":["yet"]},"unknown":1}"#;
        let roster = Roster::decode(vec![("bob@g".to_owned(), later.to_vec())]).unwrap();
        let item = roster.get(&jid("bob@g")).unwrap();
        assert_eq!((item.state, item.name.as_deref(), item.listed), (State::Both, Some("B\u{f6}b"), true));
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named() {
        let unreadable = |key: &str, value: &str| {
            Roster::decode(vec![(key.to_owned(), value.as_bytes().to_vec())]).unwrap_err().to_string()
        };
        assert!(unreadable("bob@g", "{").contains("bob@g"));
        assert!(unreadable("bob@", "{}").contains("bob@"));
        assert!(unreadable("", "7").contains("cannot be read"));
    }
}
