//! Who may see whose presence: the states of one contact, and what each of the four subscription stanzas does to them
//! (RFC 6121, appendix A).
//!
//! The whole appendix is one table of 9 states × 4 verbs × 2 directions. It knows nothing of rosters: pre-approval and
//! the stored request live in [`crate::roster`].

use State::{
    Both as B, From as F, FromPendingOut as FPO, None as N, NonePendingIn as PI, NonePendingOut as PO,
    NonePendingOutIn as POI, To as T, ToPendingIn as TPI,
};
use serde::{Deserialize, Serialize};
use xmpp::PresenceType;

/// Where a contact stands, seen from the user who owns the roster (RFC 6121 A.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Neither sees the other.
    #[default]
    None,
    /// Neither sees the other; the user has asked.
    NonePendingOut,
    /// Neither sees the other; the contact has asked.
    NonePendingIn,
    /// Neither sees the other; both have asked.
    NonePendingOutIn,
    /// The user sees the contact.
    To,
    /// The user sees the contact, who has asked to see the user.
    ToPendingIn,
    /// The contact sees the user.
    From,
    /// The contact sees the user, who has asked to see the contact.
    FromPendingOut,
    /// Both see each other.
    Both,
}

/// The four presence types that manage subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// "May I see you?"
    Subscribe,
    /// "I no longer want to see you."
    Unsubscribe,
    /// "You may see me."
    Subscribed,
    /// "You may not see me (any more)."
    Unsubscribed,
}

/// What becomes of a stanza that the user's own client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Whether it goes on to the contact.
    pub route: bool,
    /// The contact's state from now on.
    pub next: State,
}

/// What becomes of a stanza that arrived from the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// Whether the user's sessions get to see it.
    pub deliver: bool,
    /// The contact's state from now on.
    pub next: State,
    /// What the server answers on the user's behalf, from bare address to bare address.
    pub auto_reply: Option<Verb>,
}

/// One state's row: what the four verbs do going out, then coming in.
struct Row {
    outbound: [Outbound; 4],
    inbound: [Inbound; 4],
}

/// Goes on to the contact.
const fn routed(next: State) -> Outbound {
    Outbound { route: true, next }
}

/// Stays here, and changes nothing.
const fn kept(next: State) -> Outbound {
    Outbound { route: false, next }
}

/// Is shown to the user.
const fn shown(next: State) -> Inbound {
    Inbound { deliver: true, next, auto_reply: None }
}

/// Is ignored: nothing was pending that it could answer.
const fn ignored(next: State) -> Inbound {
    Inbound { deliver: false, next, auto_reply: None }
}

/// Is answered at once: the contact has what it asks for, and a lost approval heals.
const fn granted(next: State) -> Inbound {
    Inbound { deliver: false, next, auto_reply: Some(Verb::Subscribed) }
}

/// The contact goes: shown to the user, and confirmed (RFC 6121 A.3.2, note 1; servers of 2000 did it too).
const fn parted(next: State) -> Inbound {
    Inbound { deliver: true, next, auto_reply: Some(Verb::Unsubscribed) }
}

/// RFC 6121 A.2 and A.3, in the order of [`State`]; columns in the order of [`Verb`].
#[rustfmt::skip]
const TABLE: [Row; 9] = [
    //                        subscribe     unsubscribe   subscribed    unsubscribed
    /* N   */ Row { outbound: [routed(PO),  routed(N),    kept(N),      kept(N)],
                    inbound:  [shown(PI),   ignored(N),   ignored(N),   ignored(N)] },
    /* PO  */ Row { outbound: [routed(PO),  routed(N),    kept(PO),     kept(PO)],
                    inbound:  [shown(POI),  ignored(PO),  shown(T),     shown(N)] },
    /* PI  */ Row { outbound: [routed(POI), routed(PI),   routed(F),    routed(N)],
                    inbound:  [ignored(PI), parted(N),    ignored(PI),  ignored(PI)] },
    /* POI */ Row { outbound: [routed(POI), routed(PI),   routed(FPO),  routed(PO)],
                    inbound:  [ignored(POI), parted(PO),  shown(TPI),   shown(PI)] },
    /* T   */ Row { outbound: [routed(T),   routed(N),    kept(T),      kept(T)],
                    inbound:  [shown(TPI),  ignored(T),   ignored(T),   shown(N)] },
    /* TPI */ Row { outbound: [routed(TPI), routed(PI),   routed(B),    routed(T)],
                    inbound:  [ignored(TPI), parted(T),   ignored(TPI), shown(PI)] },
    /* F   */ Row { outbound: [routed(FPO), routed(F),    kept(F),      routed(N)],
                    inbound:  [granted(F),  parted(N),    ignored(F),   ignored(F)] },
    /* FPO */ Row { outbound: [routed(FPO), routed(F),    kept(FPO),    routed(PO)],
                    inbound:  [granted(FPO), parted(PO),  shown(B),     shown(F)] },
    /* B   */ Row { outbound: [routed(B),   routed(F),    kept(B),      routed(T)],
                    inbound:  [granted(B),  parted(T),    ignored(B),   shown(F)] },
];

impl State {
    /// What happens when the user's client sends `verb` to this contact (RFC 6121 A.2).
    pub fn outbound(self, verb: Verb) -> Outbound {
        TABLE[self as usize].outbound[verb as usize]
    }

    /// What happens when `verb` arrives from this contact (RFC 6121 A.3).
    pub fn inbound(self, verb: Verb) -> Inbound {
        TABLE[self as usize].inbound[verb as usize]
    }

    /// Whether the user receives the contact's presence.
    pub fn sees_contact(self) -> bool {
        matches!(self, T | TPI | B)
    }

    /// Whether the contact receives the user's presence.
    pub fn seen_by_contact(self) -> bool {
        matches!(self, F | FPO | B)
    }

    /// Whether the contact waits for the user's answer.
    pub fn pending_in(self) -> bool {
        matches!(self, PI | POI | TPI)
    }

    /// Whether the user waits for the contact's answer, shown as `ask='subscribe'`.
    pub fn pending_out(self) -> bool {
        matches!(self, PO | POI | FPO)
    }

    /// Whether `verb`, sent to the contact some time ago, still says what is true.
    pub(crate) fn may_have_sent(self, verb: Verb) -> bool {
        match verb {
            Verb::Subscribe => self.pending_out(),
            Verb::Unsubscribe => !self.pending_out() && !self.sees_contact(),
            Verb::Subscribed => self.seen_by_contact(),
            Verb::Unsubscribed => !self.pending_in() && !self.seen_by_contact(),
        }
    }

    /// The item's `subscription` attribute: none, to, from or both.
    pub fn attribute(self) -> &'static str {
        match self {
            N | PO | PI | POI => "none",
            T | TPI => "to",
            F | FPO => "from",
            B => "both",
        }
    }

    /// What must be sent to the contact when its item is removed (RFC 6121 2.5.2; requests are withdrawn and denied too).
    pub fn parting(self) -> impl Iterator<Item = Verb> {
        let sees = self.sees_contact() || self.pending_out();
        let seen = self.seen_by_contact() || self.pending_in();
        let unsubscribe = sees.then_some(Verb::Unsubscribe);
        unsubscribe.into_iter().chain(seen.then_some(Verb::Unsubscribed))
    }
}

impl Verb {
    /// The verb that a presence type stands for, if it manages subscriptions at all.
    pub fn of(presence: PresenceType) -> Option<Verb> {
        match presence {
            PresenceType::Subscribe => Some(Verb::Subscribe),
            PresenceType::Unsubscribe => Some(Verb::Unsubscribe),
            PresenceType::Subscribed => Some(Verb::Subscribed),
            PresenceType::Unsubscribed => Some(Verb::Unsubscribed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod crossings;

#[cfg(test)]
mod tests {
    use super::*;
    use Verb::{Subscribe, Subscribed, Unsubscribe, Unsubscribed};

    const STATES: [State; 9] = [N, PO, PI, POI, T, TPI, F, FPO, B];
    const VERBS: [Verb; 4] = [Subscribe, Unsubscribe, Subscribed, Unsubscribed];

    /// T-4.5.1, written as people write the table: R or D = goes on, "no" = stops here, "-" = same state; + answered with
    /// subscribed, ~ answered with unsubscribed.
    const SHEET: &str = "
        state | out subscribe | out unsubscribe | out subscribed | out unsubscribed | in subscribe | in unsubscribe | in subscribed | in unsubscribed
        N     | R PO  | R -  | no -  | no -  | D PI  | no -  | no -  | no -
        PO    | R -   | R N  | no -  | no -  | D POI | no -  | D T   | D N
        PI    | R POI | R -  | R F   | R N   | no -  | D~ N  | no -  | no -
        POI   | R -   | R PI | R FPO | R PO  | no -  | D~ PO | D TPI | D PI
        T     | R -   | R N  | no -  | no -  | D TPI | no -  | no -  | D N
        TPI   | R -   | R PI | R B   | R T   | no -  | D~ T  | no -  | D PI
        F     | R FPO | R -  | no -  | R N   | no+ - | D~ N  | no -  | no -
        FPO   | R -   | R F  | no -  | R PO  | no+ - | D~ PO | D B   | D F
        B     | R -   | R F  | no -  | R T   | no+ - | D~ T  | no -  | D F";

    fn named(name: &str) -> State {
        let names = ["N", "PO", "PI", "POI", "T", "TPI", "F", "FPO", "B"];
        STATES[names.iter().position(|each| *each == name).unwrap()]
    }

    #[test]
    fn every_one_of_the_72_cells_is_as_written() {
        let mut cells = 0;
        for line in SHEET.lines().filter(|line| !line.trim().is_empty()).skip(1) {
            let mut columns = line.split('|').map(str::trim);
            let state = named(columns.next().unwrap());
            for (column, cell) in columns.enumerate() {
                let (passes, next) = cell.split_once(' ').unwrap();
                let next = if next == "-" { state } else { named(next) };
                let verb = VERBS[column % 4];
                let passed = passes.starts_with(['R', 'D']);
                if column < 4 {
                    assert_eq!(state.outbound(verb), Outbound { route: passed, next }, "{cell}");
                } else {
                    let granted = passes.ends_with('+').then_some(Subscribed);
                    let auto_reply = granted.or(passes.ends_with('~').then_some(Unsubscribed));
                    let expected = Inbound { deliver: passed, next, auto_reply };
                    assert_eq!(state.inbound(verb), expected, "{state:?} {verb:?}");
                }
                cells += 1;
            }
        }
        assert_eq!(cells, 72);
    }

    #[test]
    fn the_aspects_of_a_state_tell_all_states_apart() {
        let aspects = |s: State| (s.sees_contact(), s.seen_by_contact(), s.pending_in(), s.pending_out());
        for (at, one) in STATES.into_iter().enumerate() {
            assert!(!(one.sees_contact() && one.pending_out()), "{one:?}");
            assert!(!(one.seen_by_contact() && one.pending_in()), "{one:?}");
            for other in &STATES[at + 1..] {
                assert_ne!(aspects(one), aspects(*other), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn what_was_sent_is_true_until_something_else_is() {
        for state in STATES {
            for verb in VERBS.into_iter().filter(|verb| state.outbound(*verb).route) {
                let next = state.outbound(verb).next;
                // To ask again what has been granted says nothing.
                assert!(next.may_have_sent(verb) || verb == Subscribe && next.sees_contact(), "{state:?} {verb:?}");
                let taken_back = match verb {
                    Subscribe => Unsubscribe,
                    Unsubscribe => Subscribe,
                    Subscribed => Unsubscribed,
                    Unsubscribed => continue,
                };
                assert!(!next.outbound(taken_back).next.may_have_sent(verb), "{state:?} {verb:?}, {taken_back:?}");
            }
        }
    }

    #[test]
    fn an_outbound_verb_touches_only_its_own_half() {
        for state in STATES {
            let my_half = |s: State| (s.sees_contact(), s.pending_out());
            let their_half = |s: State| (s.seen_by_contact(), s.pending_in());
            for verb in [Subscribe, Unsubscribe] {
                assert_eq!(their_half(state.outbound(verb).next), their_half(state));
                assert_eq!(my_half(state.inbound(verb).next), my_half(state));
            }
            for verb in [Subscribed, Unsubscribed] {
                assert_eq!(my_half(state.outbound(verb).next), my_half(state));
                assert_eq!(their_half(state.inbound(verb).next), their_half(state));
            }
        }
    }

    #[test]
    fn parting_leaves_nothing_behind() {
        for state in STATES {
            let left = state.parting().fold(state, |s, verb| s.outbound(verb).next);
            assert_eq!(left, N, "{state:?}");
            assert!(state.parting().all(|verb| state.outbound(verb).route));
        }
    }

    #[test]
    fn stored_names_of_states_do_not_change() {
        let stored: Vec<String> = STATES.iter().map(|s| serde_json::to_string(s).unwrap()).collect();
        let expected = [
            "none",
            "none-pending-out",
            "none-pending-in",
            "none-pending-out-in",
            "to",
            "to-pending-in",
            "from",
            "from-pending-out",
            "both",
        ];
        assert_eq!(stored, expected.map(|name| format!("\"{name}\"")));
    }
}
