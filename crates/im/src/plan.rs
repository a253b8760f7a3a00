//! How an extension plugs in: it declares what it handles, and only what is handled is advertised.
use crate::chores::{Chore, EraseHandler, Erasing, Work};
use crate::commands::{Command, CommandAbout, Run, Step};
use crate::credentials::LegacyCredentials;
use crate::fault::Fault;
use crate::hub::Hub;
use crate::iq::{Ask, HostAsk, Payload, Reply, StrangerAsk, Table};
use crate::local_service::{self, LocalService, Serve, ServiceAsk, ServiceHandler};
use crate::moments::{Chains, Kinds, Moment, Phase, Verdict};
use crate::screen::Screen;
use crate::service::Service;
use crate::slots::{AccountSlot, IsThere, RareSlot, Slots};
use crate::web::{Answering, Request, RouteHandler};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use xmpp::forms::Answers;
use xmpp::{Jid, Kind, StanzaError};

/// Plugs extensions into a plan.
pub type Plug = Box<dyn Fn(&mut Plan) -> Result<(), PlanError> + Send + Sync>;

/// One XEP, or one purpose: a struct whose fields are what it depends on.
pub trait Extension: Sized + Send + Sync + 'static {
    /// What the operator may say about it; `()` when nothing.
    type Options: Clone + Default + Send + Sync;

    /// Its entry in the table of supported protocols.
    const ABOUT: About;

    /// Takes what it needs from the plan and makes the extension; may refuse its options.
    fn configure(plan: &mut Plan, options: &Self::Options) -> Result<Self, PlanError>;

    /// Declares features, iq handlers and moments. Whatever is attached is owned by the plan; there is nothing to stop.
    fn attach(on: &mut Attach<'_, Self>);
}

/// A line of the table of supported protocols.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The file's and option's name.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Where it is written down: "XEP-0199", "RFC 6121", …
    pub source: &'static str,
    /// The version of the document that was followed; empty for RFCs.
    pub version: &'static str,
    /// How much of it is here.
    pub maturity: Maturity,
}

/// How much of a specification is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maturity {
    /// Every rule for a server.
    Complete,
    /// The part that the note names.
    Partial(&'static str),
}

impl About {
    /// A XEP supported in full.
    pub const fn xep(name: &'static str, title: &'static str, source: &'static str, version: &'static str) -> About {
        About { name, title, source, version, maturity: Maturity::Complete }
    }

    /// The same, in part.
    pub const fn partly(mut self, note: &'static str) -> About {
        self.maturity = Maturity::Partial(note);
        self
    }
}

/// Why a host's plan could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Two extensions want to answer the same iq.
    #[error("both {first} and {second} want to answer iq {set} <{name} xmlns='{ns}'/> for {scope}")]
    Clash {
        /// Who came first.
        first: &'static str,
        /// Who came second.
        second: &'static str,
        /// "get" or "set".
        set: &'static str,
        /// The payload's namespace.
        ns: &'static str,
        /// The payload's name.
        name: &'static str,
        /// Host, account or stranger.
        scope: &'static str,
    },
    /// Two extensions have a command of the same node.
    #[error("{extension}: there is a command {node} already")]
    SameCommand {
        /// Who came second.
        extension: &'static str,
        /// The command's node.
        node: &'static str,
    },
    /// Two services, or a service and a host, want one address.
    #[error("{first} and {second} both want to be {address}")]
    Address {
        /// Who came first.
        first: String,
        /// Who came second.
        second: String,
        /// The address.
        address: String,
    },
    /// An extension's options make no sense.
    #[error("{extension}: {why}")]
    Options {
        /// Whose.
        extension: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
}

/// Whose disco answer something appears in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The host: `to='example.org'`.
    Host,
    /// An account: `to='amy@example.org'`.
    Account,
}

/// When a stream feature is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeaturesAt {
    /// Beside the SASL mechanisms.
    BeforeLogin,
    /// Beside bind.
    AfterLogin,
}

/// A disco identity (XEP-0030 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Category of the registry, as "server".
    pub category: &'static str,
    /// Type of the registry, as "im".
    pub kind: &'static str,
    /// For people.
    pub name: &'static str,
}

type HostHandler = dyn Fn(&mut HostAsk<'_>) -> Result<Reply, StanzaError> + Send + Sync;
type AccountHandler = dyn Fn(&mut Ask<'_>) -> Result<Reply, StanzaError> + Send + Sync;
type StrangerHandler = dyn Fn(&mut StrangerAsk<'_>) -> Result<Reply, StanzaError> + Send + Sync;
type Loading = Pin<Box<dyn Future<Output = Result<Box<dyn Any + Send>, Fault>> + Send>>;
pub(crate) type Load = Box<dyn Fn(Store, Jid) -> Loading + Send + Sync>;
pub(crate) type Empty = Box<dyn Fn() -> Box<dyn Any + Send> + Send + Sync>;

/// What one host does: everything its extensions declared, frozen when the host is made.
#[derive(Default)]
pub struct Plan {
    pub(crate) chains: Chains,
    pub(crate) host_iqs: Table<HostHandler>,
    pub(crate) account_iqs: Table<AccountHandler>,
    pub(crate) stranger_iqs: Table<StrangerHandler>,
    /// What every service answers.
    pub(crate) service_iqs: Table<ServiceHandler>,
    pub(crate) local_services: Vec<LocalService>,
    pub(crate) routes: Vec<(&'static str, Box<RouteHandler>)>,
    pub(crate) chores: Vec<Chore>,
    pub(crate) erasures: Vec<Box<EraseHandler>>,
    host_features: Vec<&'static str>,
    account_features: Vec<&'static str>,
    host_identities: Vec<Identity>,
    account_identities: Vec<Identity>,
    host_forms: Vec<xml::Element>,
    pub(crate) services: Vec<Service>,
    administrators: Vec<Jid>,
    pub(crate) before_login: Vec<xml::Element>,
    pub(crate) after_login: Vec<xml::Element>,
    loads: Vec<Load>,
    empties: Vec<Empty>,
    about: Vec<About>,
    /// Which slots are mostly empty.
    rares: Vec<IsThere>,
    /// For which accounts, and what it is.
    pub(crate) screen: Option<(u32, Arc<dyn Screen>)>,
    pub(crate) commands: Vec<Command>,
    legacy_credentials: LegacyCredentials,
    problem: Option<PlanError>,
}

impl Plan {
    /// Adds one extension: makes it, and lets it declare itself.
    pub fn add<E: Extension>(&mut self, options: &E::Options) -> Result<(), PlanError> {
        let extension = Arc::new(E::configure(self, options)?);
        self.about.push(E::ABOUT);
        E::attach(&mut Attach { plan: self, extension, about: E::ABOUT, only: 0 });
        self.problem.take().map_or(Ok(()), Err)
    }

    /// A place in every awake account; `load` fills it when the account wakes, `empty` stands in for accounts that do not exist.
    pub fn per_account<T, F>(
        &mut self,
        load: impl Fn(Store, Jid) -> F + Send + Sync + 'static,
        empty: fn() -> T,
    ) -> AccountSlot<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        self.loads.push(Box::new(move |store, jid| {
            let loading = load(store, jid);
            Box::pin(async move { Ok(Box::new(loading.await?) as Box<dyn Any + Send>) })
        }));
        self.empties.push(Box::new(move || Box::new(empty())));
        AccountSlot::new(self.loads.len() - 1)
    }

    /// What is kept of passwords for clients of 2000, unless somebody says otherwise for one account.
    pub fn keep_legacy_credentials(&mut self, wanted: LegacyCredentials) {
        self.legacy_credentials = wanted;
    }

    /// What is kept of passwords for clients of 2000, unless somebody says otherwise for one account.
    pub fn legacy_credentials(&self) -> LegacyCredentials {
        self.legacy_credentials
    }

    /// The same for what few accounts have: an account that has none costs nearly nothing (see [`Attach::only_with`]).
    pub fn per_few_accounts<T, F>(&mut self, load: impl Fn(Store, Jid) -> F + Send + Sync + 'static) -> RareSlot<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<Option<Box<T>>, Fault>> + Send + 'static,
    {
        let slot = RareSlot::new(self.per_account(load, || None::<Box<T>>), self.rares.len());
        self.rares.push(slot.is_there());
        slot
    }

    /// What disco#info answers as features.
    pub fn features(&self, scope: Scope) -> &[&'static str] {
        match scope {
            Scope::Host => &self.host_features,
            Scope::Account => &self.account_features,
        }
    }

    /// Whether those who have not logged in are offered a stream feature of this namespace.
    pub fn offers_before_login(&self, ns: &str) -> bool {
        self.before_login.iter().any(|feature| feature.root().ns() == ns)
    }

    /// What disco#info answers as identities.
    pub fn identities(&self, scope: Scope) -> &[Identity] {
        match scope {
            Scope::Host => &self.host_identities,
            Scope::Account => &self.account_identities,
        }
    }

    /// What disco#info of the host answers beside identities and features: data forms (XEP-0128).
    pub fn forms(&self) -> &[xml::Element] {
        &self.host_forms
    }

    /// The services that the host has beside itself.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Who administers the host: bare addresses of people.
    pub fn administrators(&self) -> &[Jid] {
        &self.administrators
    }

    /// Whether this is the address of an administrator of the host: what counts is the bare address.
    pub fn is_administrator(&self, somebody: &Jid) -> bool {
        self.administrators.iter().any(|administrator| administrator.same_bare(somebody))
    }

    /// Names the host's administrators, by their bare addresses. Hosts are no administrators: what is sent to a host goes to these.
    pub fn set_administrators(&mut self, administrators: Vec<Jid>) {
        self.administrators = administrators;
        self.administrators.retain(|administrator| administrator.local().is_some());
    }

    /// The extensions that are plugged in, for the table of supported protocols.
    pub fn about(&self) -> &[About] {
        &self.about
    }

    pub(crate) async fn load_slots(&self, store: &Store, jid: &Jid) -> Result<Slots, Fault> {
        let mut contents = Vec::with_capacity(self.loads.len());
        for load in &self.loads {
            contents.push(load(store.clone(), jid.clone()).await?);
        }
        Ok(Slots::new(contents, &self.rares))
    }

    pub(crate) fn empty_slots(&self) -> Slots {
        Slots::new(self.empties.iter().map(|empty| empty()).collect(), &self.rares)
    }
}

/// What an extension declares itself with.
pub struct Attach<'p, E> {
    pub(crate) plan: &'p mut Plan,
    extension: Arc<E>,
    about: About,
    only: u32,
}

impl<'p, E: Extension> Attach<'p, E> {
    /// The extension itself, for what it declares only under some options.
    pub fn extension(&self) -> Arc<E> {
        self.extension.clone()
    }

    /// Advertises a feature that this extension handles.
    pub fn feature(&mut self, scope: Scope, ns: &'static str) -> &mut Self {
        let features = match scope {
            Scope::Host => &mut self.plan.host_features,
            Scope::Account => &mut self.plan.account_features,
        };
        if !features.contains(&ns) {
            features.push(ns);
        }
        self
    }

    /// Advertises an identity.
    pub fn identity(&mut self, scope: Scope, identity: Identity) -> &mut Self {
        match scope {
            Scope::Host => self.plan.host_identities.push(identity),
            Scope::Account => self.plan.account_identities.push(identity),
        }
        self
    }

    /// Puts a data form into the host's disco#info (XEP-0128).
    pub fn form(&mut self, form: xml::Element) -> &mut Self {
        self.plan.host_forms.push(form);
        self
    }

    /// Lists a service of the host.
    pub fn service(&mut self, service: Service) -> &mut Self {
        self.plan.services.push(service);
        self
    }

    /// Offers a stream feature.
    pub fn stream_feature(&mut self, at: FeaturesAt, element: xml::Element) -> &mut Self {
        match at {
            FeaturesAt::BeforeLogin => self.plan.before_login.push(element),
            FeaturesAt::AfterLogin => self.plan.after_login.push(element),
        }
        self
    }

    /// Answers a `get` of `P` that is addressed to the host.
    pub fn host_get<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut HostAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        self.host::<P>(false, f)
    }

    /// Answers a `set` of `P` that is addressed to the host.
    pub fn host_set<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut HostAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        self.host::<P>(true, f)
    }

    /// Answers a `get` of `P` that is addressed to an account (to oneself, or to another's bare JID), its home locked. Who may ask is the handler's
    /// to decide; an account that does not exist is asked through an empty one, so that both answer alike.
    pub fn account_get<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut Ask<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        self.account::<P>(false, f)
    }

    /// Answers a `set` of `P` that is addressed to an account.
    pub fn account_set<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut Ask<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        self.account::<P>(true, f)
    }

    /// Answers an iq of somebody who has not logged in yet.
    pub fn stranger<P: Payload + 'static>(
        &mut self,
        set: bool,
        f: fn(&Arc<E>, &mut StrangerAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        let extension = self.extension.clone();
        let handler = Box::new(move |ask: &mut StrangerAsk<'_>| f(&extension, ask, P::read(ask.payload())?));
        let clash = self.plan.stranger_iqs.add::<P>(set, self.about.name, "strangers", handler);
        self.note(clash)
    }

    /// What is declared from here on for Sent and Received, and a screen, is only for accounts that have something in this slot.
    pub fn only_with<T: 'static>(&mut self, slot: RareSlot<T>) -> &mut Self {
        self.only = slot.bit();
        self
    }

    /// Has this extension say what is shown to whom, for accounts that have something in the slot of [`Attach::only_with`]. There is one such on a host:
    /// the last.
    pub fn screen(&mut self) -> &mut Self
    where
        E: Screen,
    {
        self.plan.screen = Some((self.only, self.extension.clone()));
        self
    }

    /// Declares a command of accounts (XEP-0050): a function from the forms that were filled in so far to what comes next.
    pub fn account_command(
        &mut self,
        about: CommandAbout,
        f: fn(&Arc<E>, &mut Ask<'_>, &[Answers]) -> Step,
    ) -> &mut Self {
        let extension = self.extension.clone();
        self.command(about, Run::Account(Box::new(move |ask, answers| f(&extension, ask, answers))))
    }

    /// Declares a command of the host.
    pub fn host_command(
        &mut self,
        about: CommandAbout,
        f: fn(&Arc<E>, &mut HostAsk<'_>, &[Answers]) -> Step,
    ) -> &mut Self {
        let extension = self.extension.clone();
        self.command(about, Run::Host(Box::new(move |ask, answers| f(&extension, ask, answers))))
    }

    fn command(&mut self, about: CommandAbout, run: Run) -> &mut Self {
        let command = Command::new(about, run);
        let taken = self.plan.command(command.scope(), about.node).is_some();
        self.plan.commands.push(command);
        self.note(taken.then_some(PlanError::SameCommand { extension: self.about.name, node: about.node }))
    }

    /// Answers a `get` of `P` that is addressed to any service of the host, unless the service answers it itself.
    pub fn service_get<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut ServiceAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        let handler = local_service::handler(self.extension.clone(), f);
        let clash = self.plan.service_iqs.add::<P>(false, self.about.name, "services", handler);
        self.note(clash)
    }

    /// Opens a service at the address `label`.HOST, which is listed with the others; what it is and does is declared with what this gives.
    pub fn open_service(&mut self, label: &'static str, identity: Identity) -> Serve<'_, 'p, E> {
        self.plan.local_services.push(LocalService::new(label, self.about.name, identity));
        let at = self.plan.local_services.len() - 1;
        Serve { on: self, at }
    }

    /// Answers HTTP requests whose path begins with `prefix`, which begins and ends with a slash.
    pub fn route(&mut self, prefix: &'static str, f: fn(&Arc<E>, &Hub, Request) -> Answering) -> &mut Self {
        let extension = self.extension.clone();
        self.plan.routes.push((prefix, Box::new(move |hub, request| f(&extension, hub, request))));
        self
    }

    /// Has something done for the host of this name at the start, and from then on in this interval, of which minutes count.
    pub fn chore(&mut self, every: Duration, f: fn(&Arc<E>, &Hub, Jid) -> Work) -> &mut Self {
        let extension = self.extension.clone();
        self.plan.chores.push(Chore { every, run: Box::new(move |hub, host| f(&extension, hub, host)) });
        self
    }

    /// Looks up what must be erased with an account besides what is stored under its own address, right before it is erased.
    pub fn erase(&mut self, f: fn(&Arc<E>, &Hub, Jid) -> Erasing) -> &mut Self {
        let extension = self.extension.clone();
        self.plan.erasures.push(Box::new(move |hub, account| f(&extension, hub, account)));
        self
    }

    /// Hangs a handler on a moment for stanzas of one kind.
    pub fn on<M: Moment>(
        &mut self,
        phase: Phase,
        kind: Kind,
        f: for<'a, 'b> fn(&'b Arc<E>, &'b mut M::At<'a>) -> Verdict,
    ) -> &mut Self {
        self.hang::<M>(phase, Kinds::of(kind), f)
    }

    /// Hangs a handler on a moment that has no kinds, or for all of them.
    pub fn on_all<M: Moment>(
        &mut self,
        phase: Phase,
        f: for<'a, 'b> fn(&'b Arc<E>, &'b mut M::At<'a>) -> Verdict,
    ) -> &mut Self {
        self.hang::<M>(phase, Kinds::ALL, f)
    }

    fn hang<M: Moment>(
        &mut self,
        phase: Phase,
        kinds: Kinds,
        f: for<'a, 'b> fn(&'b Arc<E>, &'b mut M::At<'a>) -> Verdict,
    ) -> &mut Self {
        let extension = self.extension.clone();
        M::chain_mut(self.plan).add(phase, kinds, self.only, Box::new(move |at| f(&extension, at)));
        self
    }

    fn host<P: Payload + 'static>(
        &mut self,
        set: bool,
        f: fn(&Arc<E>, &mut HostAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        let extension = self.extension.clone();
        let handler = Box::new(move |ask: &mut HostAsk<'_>| f(&extension, ask, P::read(ask.payload())?));
        let clash = self.plan.host_iqs.add::<P>(set, self.about.name, "the host", handler);
        self.note(clash)
    }

    fn account<P: Payload + 'static>(
        &mut self,
        set: bool,
        f: fn(&Arc<E>, &mut Ask<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        let extension = self.extension.clone();
        let handler = Box::new(move |ask: &mut Ask<'_>| f(&extension, ask, P::read(ask.payload())?));
        let clash = self.plan.account_iqs.add::<P>(set, self.about.name, "accounts", handler);
        self.note(clash)
    }

    pub(crate) fn note(&mut self, clash: Option<PlanError>) -> &mut Self {
        if self.plan.problem.is_none() {
            self.plan.problem = clash;
        }
        self
    }
}

/// Runs the handlers of a moment. One that panics is logged, and what it was asked about bounces; the house goes on.
pub(crate) fn guarded(moment: &'static str, run: impl FnOnce() -> Verdict) -> Verdict {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Verdict::Bounce(panicked(moment, &panic).tell()))
}

/// What a panic said.
pub(crate) fn panicked(at: &'static str, panic: &Box<dyn Any + Send>) -> Fault {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let why = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into());
    Fault::Panic { at, why }
}
