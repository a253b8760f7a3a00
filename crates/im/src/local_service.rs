//! A service that the server is itself, at an address below the host's, as `upload.example.org`: it answers questions, and is listed beside the host.
use crate::host::Host;
use crate::hub::Hub;
use crate::iq::{self, Payload, Reply, Table};
use crate::plan::{Attach, Extension, Identity, PlanError};
use crate::service::Service;
use std::sync::Arc;
use xml::Element;
use xmpp::{Jid, Stanza, StanzaError};

pub(crate) type ServiceHandler = dyn Fn(&mut ServiceAsk<'_>) -> Result<Reply, StanzaError> + Send + Sync;

/// What a host's plan says of one of its own services.
pub struct LocalService {
    /// The first part of its address.
    pub(crate) label: &'static str,
    pub(crate) owner: &'static str,
    identity: Identity,
    features: Vec<&'static str>,
    forms: Vec<Element>,
    pub(crate) iqs: Table<ServiceHandler>,
}

impl LocalService {
    pub(crate) fn new(label: &'static str, owner: &'static str, identity: Identity) -> LocalService {
        let (features, forms, iqs) = (Vec::new(), Vec::new(), Table::default());
        LocalService { label, owner, identity, features, forms, iqs }
    }

    /// Its address at this host.
    pub(crate) fn address(&self, host: &Jid) -> Result<Jid, PlanError> {
        let address = format!("{}.{host}", self.label);
        let why = |_| PlanError::Options { extension: self.owner, why: format!("{address} is not an address") };
        Jid::new(None, &address, None).map_err(why)
    }

    /// How it is listed.
    pub(crate) fn listed(&self, jid: Jid) -> Service {
        let Identity { category, kind, name } = self.identity;
        let features = self.features.iter().map(|feature| (*feature).to_owned()).collect();
        Service { jid, name: name.to_owned(), category, kind: kind.to_owned(), features, prompt: None }
    }

    /// What it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it can.
    pub fn features(&self) -> &[&'static str] {
        &self.features
    }

    /// What else it says of itself: data forms of type "result" (XEP-0128).
    pub fn forms(&self) -> &[Element] {
        &self.forms
    }
}

/// An iq addressed to a service.
pub struct ServiceAsk<'a> {
    /// The server.
    pub hub: &'a Hub,
    /// The host of the service.
    pub host: &'a Arc<Host>,
    /// The service that is asked.
    pub service: &'a LocalService,
    /// The service's address.
    pub address: &'a Jid,
    /// The whole stanza.
    pub stanza: &'a Stanza,
    /// Who asks.
    pub from: &'a Jid,
}

impl<'a> ServiceAsk<'a> {
    /// The iq's single child.
    pub fn payload(&self) -> xml::Node<'a> {
        iq::payload(self.stanza)
    }

    /// Whether an account of the service's own host asks.
    pub fn is_ours(&self) -> bool {
        self.from.local().is_some() && self.from.domain() == self.host.name().as_str()
    }
}

/// What an extension declares its service with.
pub struct Serve<'s, 'p, E> {
    pub(crate) on: &'s mut Attach<'p, E>,
    pub(crate) at: usize,
}

impl<E: Extension> Serve<'_, '_, E> {
    /// Advertises a feature that the service handles.
    pub fn feature(&mut self, ns: &'static str) -> &mut Self {
        self.service().features.push(ns);
        self
    }

    /// Adds a form to its information (XEP-0128).
    pub fn form(&mut self, form: Element) -> &mut Self {
        self.service().forms.push(form);
        self
    }

    /// Answers a `get` of `P` that is addressed to the service.
    pub fn get<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut ServiceAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        self.handle::<P>(false, f)
    }

    /// Answers a `set` of `P` that is addressed to the service.
    pub fn set<P: Payload + 'static>(
        &mut self,
        f: fn(&Arc<E>, &mut ServiceAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        self.handle::<P>(true, f)
    }

    fn handle<P: Payload + 'static>(
        &mut self,
        set: bool,
        f: fn(&Arc<E>, &mut ServiceAsk<'_>, P) -> Result<Reply, StanzaError>,
    ) -> &mut Self {
        let handler = handler(self.on.extension(), f);
        let LocalService { iqs, owner, label, .. } = self.service();
        let clash = iqs.add::<P>(set, owner, label, handler);
        self.on.note(clash);
        self
    }

    fn service(&mut self) -> &mut LocalService {
        &mut self.on.plan.local_services[self.at]
    }
}

/// A handler that holds its extension.
pub(crate) fn handler<E: Extension, P: Payload + 'static>(
    extension: Arc<E>,
    f: fn(&Arc<E>, &mut ServiceAsk<'_>, P) -> Result<Reply, StanzaError>,
) -> Box<ServiceHandler> {
    Box::new(move |ask: &mut ServiceAsk<'_>| f(&extension, ask, P::read(ask.payload())?))
}
