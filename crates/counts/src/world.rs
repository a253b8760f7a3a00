//! A server of one host without sockets: the heart with all its extensions, over memory, on a clock that stands still.

use std::task::{Context, Poll, Waker};

use anyhow::{Result, anyhow};
use im::{Clock, Dialect, Door, DoorOptions, Drained, HostOptions, Hub, HubOptions, Limits, NewCredentials, Out};
use store::Store;
use tokio::runtime::{EnterGuard, Runtime};
use xml::Element;
use xmpp::sasl::{Hash, ScramKeys};
use xmpp::{Jid, Stanza, Timestamp};

/// The only host.
pub(crate) const HOST: &str = "verona.example";

/// Everybody's password.
pub(crate) const PASSWORD: &str = "secret";

/// The server, and the one thread that it runs on.
pub(crate) struct World {
    pub(crate) hub: Hub,
    runtime: &'static Runtime,
    _entered: EnterGuard<'static>,
}

impl World {
    pub(crate) fn new() -> Result<World> {
        World::over(Store::memory())
    }

    /// The same over a store that is given.
    pub(crate) fn over(store: Store) -> Result<World> {
        // It lives as long as the process, which does one thing and ends.
        let runtime: &Runtime = Box::leak(Box::new(tokio::runtime::Builder::new_current_thread().build()?));
        let plan = Box::new(|plan: &mut im::Plan| extensions::plug(plan, &extensions::Options::default()));
        let options = HubOptions {
            hosts: vec![HostOptions { name: Jid::parse(HOST)?, plan }],
            store,
            clock: Clock::fake(Timestamp::from_millis(1_031_699_305_000)),
            limits: Limits::default(),
            cluster: im::Cluster::single(),
        };
        let hub = runtime.block_on(Hub::new(options))?;
        Ok(World { hub, runtime, _entered: runtime.enter() })
    }

    /// A new account. Its keys are of one round, which is nothing that is counted.
    pub(crate) fn account(&self, name: &str) -> Result<Jid> {
        let scram = [Hash::Sha1, Hash::Sha256].map(|hash| ScramKeys::derive(hash, PASSWORD, b"salt", 1));
        let scram = scram.into_iter().collect::<Result<Vec<_>, _>>()?;
        let credentials = NewCredentials { scram, digest: Some(PASSWORD.into()), zero_k: None };
        Ok(self.runtime.block_on(self.hub.create_account(name, HOST, &credentials))?)
    }

    /// A session that is available and has heard whatever there was to hear.
    pub(crate) fn available(&self, name: &str, resource: &str) -> Result<Door> {
        let account = self.account(name)?;
        let door = self.comes(&account, resource)?;
        self.hear_out(&door);
        Ok(door)
    }

    /// A session that asks for its roster and becomes available.
    pub(crate) fn comes(&self, account: &Jid, resource: &str) -> Result<Door> {
        let options = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
        let door = self.runtime.block_on(self.hub.bind(account, Some(resource), options))?;
        door.admit(stanza("<iq type='get' id='r1'><query xmlns='jabber:iq:roster'/></iq>")?);
        door.admit(stanza("<presence/>")?);
        Ok(door)
    }

    /// Takes all that comes for a session until nothing more does; how many stanzas that was.
    pub(crate) fn hear_out(&self, door: &Door) -> usize {
        let (mut all, mut quiet) = (0, 0);
        // Asking may have the next page of a long answer fetched: only silence after silence is the end.
        while quiet < 2 {
            self.settle();
            let heard = drain(door, &mut Vec::new());
            quiet = if heard == 0 { quiet + 1 } else { 0 };
            all += heard;
        }
        all
    }

    /// Lets everything that is under way come to its end.
    pub(crate) fn settle(&self) {
        self.runtime.block_on(self.hub.idle());
    }

    /// Lets other tasks go on for a moment.
    pub(crate) fn pause(&self) {
        self.runtime.block_on(tokio::task::yield_now());
        std::thread::yield_now();
    }
}

/// A stanza as it comes through a door.
pub(crate) fn stanza(text: &str) -> Result<Stanza> {
    let element = Element::parse(text.as_bytes(), &xml::Limits::default())?;
    Stanza::read(element).map_err(|error| anyhow!("{error}: {text}"))
}

/// Takes everything that waits for a session, as its connection does; how many stanzas that was.
pub(crate) fn drain(door: &Door, into: &mut Vec<Out>) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut count = 0;
    while let Poll::Ready(Drained::Stanzas) = door.poll_drain(&mut cx, into, 65_536) {
        count += into.len();
        into.clear();
        door.written();
    }
    count
}
