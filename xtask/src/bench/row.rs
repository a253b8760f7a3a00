//! What is measured: every row of the table, the load that gives its figure, and what it may cost.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Wish;
use crate::servers::{Profile, Server};

/// One run of the load, which gives the figures of one or more rows.
pub(super) struct Load {
    pub(super) kind: Kind,
    pub(super) profile: Profile,
    /// TLS 1.3 from the first byte.
    pub(super) tls: bool,
    /// Runs in each turn.
    pub(super) rounds: usize,
    pub(super) rows: &'static [Row],
}

/// One figure and its budgets.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Where it stands in what the load prints, and by what it is divided.
    pub(super) figure: (&'static str, f64),
    pub(super) unit: &'static str,
    pub(super) budgets: &'static [Budget],
    /// Why Yatter's figure may not be held against the budgets yet.
    pub(super) unjudged: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chat messages between pairs, so many under way per pair, so many bytes each.
    Route { pairs: usize, window: usize, bytes: usize },
    /// Messages at a steady rate over ten pairs.
    Latency { rate: usize },
    /// Changes of presence to so many contacts, so many under way.
    Presence { contacts: usize, window: usize },
    /// Logins, four at a time.
    Login { users: usize },
    /// Messages for accounts that are away, who then come.
    Offline { receivers: usize, each: usize, senders: usize },
    /// Memory of a quiet session: the slope between two numbers of sessions.
    Idle,
    /// From the start of the program to the first login, with so many accounts.
    Start(Accounts),
    /// The program's own size.
    Size,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accounts {
    /// Only the one that logs in.
    One,
    Many,
}

#[derive(Clone, Copy)]
pub(super) enum Budget {
    /// At most so many times the relay.
    TimesRelay(f64),
    /// At most one so-manieth of this peer.
    PartOf(&'static str, f64),
    /// At most one so-manieth of the peer that does better.
    PartOfBetterPeer(f64),
    /// At most so much.
    AtMost(f64),
}

use Budget::{AtMost, PartOf, PartOfBetterPeer, TimesRelay};

const MESSAGE: (&str, f64) = ("cpu_us_per_message", 1.0);
const LOGIN: (&str, f64) = ("cpu_us_per_login", 1.0);
const SESSION: (&str, f64) = ("bytes_per_session", 1024.0);
const START: (&str, f64) = ("ms_to_first_login", 1000.0);

const PER_MESSAGE: &str = "µs CPU per message";
const PER_LOGIN: &str = "µs CPU per login";

const fn row(name: &'static str, figure: (&'static str, f64), unit: &'static str, budgets: &'static [Budget]) -> Row {
    Row { name, figure, unit, budgets, unjudged: None }
}

const fn bare(kind: Kind, rows: &'static [Row]) -> Load {
    Load { kind, profile: Profile::Bare, tls: false, rounds: 1, rows }
}

const fn with_tls(load: Load) -> Load {
    Load { tls: true, ..load }
}

const BUSY: Kind = Kind::Route { pairs: 10, window: 32, bytes: 350 };
const QUIET: Kind = Kind::Route { pairs: 100, window: 1, bytes: 350 };

/// The users with contacts are not those of the other rows, whose rosters are empty.
const FIRST_CONTACT: usize = 200;

/// Every row there is.
pub(super) static LOADS: [Load; 15] = [
    bare(
        BUSY,
        &[row(
            "route, 10 pairs x 32",
            MESSAGE,
            PER_MESSAGE,
            &[TimesRelay(5.0), PartOf("ejabberd", 50.0), PartOf("prosody", 90.0)],
        )],
    ),
    bare(QUIET, &[row("route, 100 pairs x 1", MESSAGE, PER_MESSAGE, &[TimesRelay(1.5), PartOf("ejabberd", 14.0)])]),
    bare(
        Kind::Route { pairs: 10, window: 32, bytes: 2048 },
        &[row("route, 2 KiB bodies, 10 x 32", MESSAGE, PER_MESSAGE, &[TimesRelay(4.0), PartOf("ejabberd", 28.0)])],
    ),
    with_tls(bare(BUSY, &[row("route, TLS, 10 pairs x 32", MESSAGE, PER_MESSAGE, &[TimesRelay(6.0)])])),
    with_tls(bare(QUIET, &[row("route, TLS, 100 pairs x 1", MESSAGE, PER_MESSAGE, &[TimesRelay(1.6)])])),
    Load {
        kind: BUSY,
        profile: Profile::Full,
        tls: false,
        rounds: 1,
        rows: &[Row {
            name: "route, full profile, 10 x 32",
            figure: MESSAGE,
            unit: PER_MESSAGE,
            budgets: &[PartOfBetterPeer(20.0)],
            unjudged: Some("of this profile Yatter has stream management alone; the peers archive on both sides"),
        }],
    },
    bare(
        Kind::Presence { contacts: 100, window: 4 },
        &[row("presence to 100 contacts, 4", MESSAGE, "µs CPU per delivery", &[PartOf("ejabberd", 20.0)])],
    ),
    bare(Kind::Login { users: 64 }, &[row("login, SCRAM", LOGIN, PER_LOGIN, &[PartOf("ejabberd", 10.0)])]),
    with_tls(bare(
        Kind::Login { users: 64 },
        &[row("login, SCRAM, TLS 1.3", LOGIN, PER_LOGIN, &[PartOf("ejabberd", 5.0)])],
    )),
    bare(
        Kind::Offline { receivers: 40, each: 50, senders: 4 },
        &[
            row("offline, store", ("cpu_us_per_message_stored", 1.0), PER_MESSAGE, &[PartOfBetterPeer(20.0)]),
            row("offline, drain", ("cpu_us_per_message_drained", 1.0), PER_MESSAGE, &[PartOfBetterPeer(20.0)]),
        ],
    ),
    Load {
        rounds: 2,
        ..bare(
            Kind::Latency { rate: 1000 },
            &[row("latency p99 at 1000/s", ("p99", 1.0), "µs from due to arrived", &[TimesRelay(2.0)])],
        )
    },
    bare(Kind::Idle, &[row("idle session", SESSION, "KiB per session", &[AtMost(4.0)])]),
    with_tls(bare(Kind::Idle, &[row("idle session, TLS", SESSION, "KiB per session", &[AtMost(12.0)])])),
    bare(Kind::Start(Accounts::One), &[row("start, empty folder", START, "s to first login", &[AtMost(0.3)])]),
    bare(Kind::Start(Accounts::Many), &[row("start, many accounts", START, "s to first login", &[AtMost(0.5)])]),
];

/// The size of the program, which no load is needed for.
pub(super) static SIZE: Load = bare(Kind::Size, &[row("binary, stripped", ("bytes", 1e6), "MB", &[AtMost(25.0)])]);

/// What the design judges and this table does not show, and why.
pub(super) const NOT_HERE: [&str; 4] = [
    "rooms of 100 and of 1,000: Yatter has no rooms yet",
    "archive write and read: Yatter has no archive yet",
    "stanza parse beside quick-xml: one process, no server: `cargo bench` of crates/xml",
    "memory under hostile input: a test with a bound of its own, in crates/server/tests",
];

impl Load {
    /// How many accounts it logs in with.
    pub(super) fn accounts(&self, wish: &Wish) -> usize {
        match self.kind {
            Kind::Route { pairs, .. } => 2 * pairs,
            Kind::Latency { .. } => 20,
            Kind::Presence { contacts, .. } => FIRST_CONTACT + contacts + 1,
            Kind::Login { users } => users,
            Kind::Offline { receivers, senders, .. } => receivers + senders,
            Kind::Idle => wish.sessions,
            Kind::Start(Accounts::Many) => wish.accounts,
            Kind::Start(Accounts::One) | Kind::Size => 1,
        }
    }

    /// What the load is told.
    pub(super) fn arguments(&self, wish: &Wish) -> Vec<String> {
        let seconds = format!("--seconds {} --warmup {}", wish.seconds, wish.seconds / 3.0);
        let words = match self.kind {
            Kind::Route { pairs, window, bytes } => {
                format!("route --pairs {pairs} --window {window} --bytes {bytes} {seconds}")
            }
            Kind::Latency { rate } => format!("latency --rate {rate} {seconds}"),
            Kind::Presence { contacts, window } => {
                format!("presence --first-user {FIRST_CONTACT} --contacts {contacts} --window {window} {seconds}")
            }
            Kind::Login { users } => format!("login --users {users} {seconds}"),
            Kind::Offline { receivers, each, senders } => {
                format!("offline --receivers {receivers} --each {each} --senders {senders}")
            }
            Kind::Idle => format!("idle --from {} --until {}", wish.sessions / 10, wish.sessions),
            Kind::Start(_) | Kind::Size => "first".to_owned(),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// A server of its own for every run: its memory and its start are what is measured.
    pub(super) fn wants_fresh_server(&self) -> bool {
        matches!(self.kind, Kind::Idle | Kind::Start(_))
    }

    /// Relays know nothing of accounts.
    pub(super) fn fits(&self, server: &dyn Server) -> bool {
        let carries_bytes = matches!(self.kind, Kind::Route { .. } | Kind::Latency { .. } | Kind::Idle);
        server.speaks_xmpp() || (carries_bytes && self.profile == Profile::Bare)
    }

    /// Thousands of logins take a peer a minute, and its budget does not speak of them: one turn shows where it stands.
    pub(super) fn is_run_in(&self, turn: usize, server: &dyn Server) -> bool {
        turn == 1 || self.kind != Kind::Idle || !server.is_peer()
    }
}

impl Row {
    /// The figure out of what the load printed.
    pub(super) fn value(&self, result: &Value) -> Result<f64> {
        let (key, divisor) = self.figure;
        let found = result.get(key).or_else(|| result.get("latency_us")?.get(key));
        Ok(found.and_then(Value::as_f64).with_context(|| format!("no {key} in {result}"))? / divisor)
    }
}
