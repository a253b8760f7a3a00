//! The ways into the server: each door, in each dialect that is spoken there.

use crate::client::{Client, HEADER, X_HEADER};
use crate::stage::{Server, Stage, free_port};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "never-in-a-log";

/// What can be said in which words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    J,
    X,
}

/// A kind of listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// STARTTLS, and passwords in the clear.
    Clear,
    /// STARTTLS, which has to come before a password.
    Strict,
    /// TLS from the first byte.
    Direct,
    /// Only the dialect of 2000, whatever the header says.
    Old,
}

/// A server with a door of each kind.
pub(crate) struct House {
    pub(crate) stage: Stage,
    pub(crate) server: Server,
    strict: u16,
    direct: u16,
    old: u16,
    pub(crate) metrics: u16,
}

/// One way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) door: Door,
    pub(crate) dialect: Dialect,
    /// TLS is carried through before anything of the stream that is meant.
    pub(crate) encrypted: bool,
}

const fn way(door: Door, dialect: Dialect, encrypted: bool) -> Way {
    Way { door, dialect, encrypted }
}

/// The ways that lead to a session.
pub(crate) const WAYS: [Way; 6] = [
    way(Door::Clear, Dialect::X, false),
    way(Door::Clear, Dialect::J, false),
    way(Door::Strict, Dialect::X, true),
    way(Door::Direct, Dialect::X, true),
    way(Door::Direct, Dialect::J, true),
    way(Door::Old, Dialect::J, false),
];

/// The ways that lead to a stream and no further.
pub(crate) const BLIND_ALLEYS: [Way; 2] = [way(Door::Strict, Dialect::X, false), way(Door::Strict, Dialect::J, false)];

impl House {
    /// Starts the server, with these limits, and gives everybody an account.
    pub(crate) fn new(limits: &str, people: &[&str]) -> House {
        let stage = Stage::new();
        let [strict, direct, old, metrics] = [(); 4].map(|()| free_port());
        stage.configure(&format!(
            "[[listen]]\naddress = \"127.0.0.1:{strict}\"\n\
             [[listen]]\naddress = \"127.0.0.1:{direct}\"\ntls = \"direct\"\n\
             [[listen]]\naddress = \"127.0.0.1:{old}\"\nrequire_tls = false\nlegacy = \"always\"\n\
             [metrics]\naddress = \"127.0.0.1:{metrics}\"\n[log]\nlevel = \"debug\"\n[limits]\n{limits}"
        ));
        let accounts: String = people.iter().map(|name| format!("{name}@localhost {PASSWORD}\n")).collect();
        let added = stage.run_with(&["user", "add", "--from", "-"], &accounts);
        assert_eq!(added.code, 0, "{}", added.err);
        let mut command = stage.command(&[]);
        // The C library keeps freed memory for later unless it is told not to; what counts here is what the server keeps.
        command.env(
            "GLIBC_TUNABLES",
            "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=65536",
        );
        let server = Server::start(command);
        House { stage, server, strict, direct, old, metrics }
    }

    pub(crate) fn port(&self, door: Door) -> u16 {
        match door {
            Door::Clear => self.stage.port,
            Door::Strict => self.strict,
            Door::Direct => self.direct,
            Door::Old => self.old,
        }
    }
}

impl Way {
    /// Connects; what is said next is the stream's opening tag.
    pub(crate) fn reach(self, house: &House) -> Client {
        let mut client = Client::connect(house.port(self.door));
        match (self.encrypted, self.door) {
            (true, Door::Direct) => client.encrypt().unwrap(),
            (true, _) => client.start_tls(),
            (false, _) => {}
        }
        client
    }

    /// Connects and opens the stream.
    pub(crate) fn open(self, house: &House) -> Client {
        let mut client = self.reach(house);
        match self.dialect {
            Dialect::X => {
                client.begin();
            }
            Dialect::J => client.begin_as_in_2000(self.header()),
        }
        client
    }

    /// The opening tag that gives this dialect here.
    pub(crate) fn header(self) -> &'static str {
        // Where everybody is spoken to as in 2000, a version changes nothing.
        if self.dialect == Dialect::X || self.door == Door::Old { X_HEADER } else { HEADER }
    }

    /// Connects and logs in.
    pub(crate) fn log_in(self, house: &House, user: &str, resource: &str) -> Client {
        let mut client = self.reach(house);
        match self.dialect {
            Dialect::X => client.log_in(user, PASSWORD, resource),
            Dialect::J => client.log_in_as_in_2000(self.header(), user, PASSWORD, resource),
        }
        client
    }

    /// Which Jabber is spoken before the client has shown which one it knows.
    pub(crate) fn at_first(self) -> Dialect {
        if self.encrypted && self.door != Door::Direct { Dialect::X } else { Dialect::J }
    }
}
