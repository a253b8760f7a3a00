//! The other end of a stream that is being set up: where it comes from, and what it may do there.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use im::{Dialect, DoorOptions, Stranger, Visit};
use xmpp::sasl::{Binding, Bindings, Failure, Mechanism};
use xmpp::{Jid, StreamError};

use super::states::Bound;
use crate::{ClientListener, Doors, IqAuth, Legacy, TlsMode, dialect, events, tls};

/// Whom we are talking with, and on which listener.
pub(super) struct Party {
    pub(super) doors: Doors,
    pub(super) listener: ClientListener,
    pub(super) peer: Option<IpAddr>,
    pub(super) encrypted: bool,
    pub(super) bindings: Bindings,
    /// What extensions remember of it until it logs in.
    visit: OnceLock<Arc<Visit>>,
}

impl Party {
    pub(super) fn new(doors: Doors, listener: ClientListener, peer: Option<IpAddr>) -> Party {
        Party { doors, listener, peer, encrypted: false, bindings: Bindings::none(), visit: OnceLock::new() }
    }

    /// The stream is TLS from here on.
    pub(super) fn has_encrypted(&mut self, handshake: &tls::Handshake) {
        self.encrypted = true;
        // Below TLS 1.3, clients take `-PLUS` to mean tls-unique (RFC 5802 §6.1), which breaks there: it is not offered.
        self.bindings = match handshake.exporter {
            Some(exporter) => Bindings::none().with(Binding::TlsExporter, exporter.to_vec()),
            None => Bindings::none(),
        };
        if let (false, Some(end_point)) = (self.bindings.is_empty(), handshake.end_point.as_deref()) {
            self.bindings = std::mem::replace(&mut self.bindings, Bindings::none())
                .with(Binding::TlsServerEndPoint, end_point.to_vec());
        }
    }

    /// Whether passwords may cross this stream.
    pub(super) fn may_send_secrets(&self) -> bool {
        self.encrypted || !self.listener.require_tls
    }

    /// Whether STARTTLS is to be had here.
    pub(super) fn may_start_tls(&self) -> bool {
        !self.encrypted && self.listener.tls == TlsMode::StartTls && self.doors.acceptor().is_some()
    }

    /// Whether an X-stream may log in with `jabber:iq:auth`.
    pub(super) fn may_use_iq_auth(&self) -> bool {
        match self.listener.iq_auth {
            IqAuth::Never => false,
            IqAuth::WhenEncrypted => self.encrypted,
            IqAuth::Always => self.may_send_secrets(),
        }
    }

    /// The mechanisms that are offered, the best first.
    pub(super) fn mechanisms(&self) -> impl Iterator<Item = Mechanism> + '_ {
        let offered =
            |mechanism: &Mechanism| self.may_send_secrets() && (!mechanism.is_plus() || !self.bindings.is_empty());
        Mechanism::ALL.into_iter().filter(offered)
    }

    pub(super) fn door_options(&self, dialect: Dialect) -> DoorOptions {
        DoorOptions { dialect, encrypted: self.encrypted, peer: self.peer }
    }

    pub(super) fn as_stranger(&self, dialect: Dialect) -> Stranger {
        Stranger { encrypted: self.encrypted, may_send_secrets: self.may_send_secrets(), dialect, peer: self.peer }
    }

    pub(super) fn visit(&self) -> &Arc<Visit> {
        self.visit.get_or_init(Arc::default)
    }

    /// Which Jabber a client is answered in that did not say which one it speaks: a header without a version is one of
    /// 2000, and so is no header at all.
    pub(super) fn assumed_dialect(&self) -> Dialect {
        if self.listener.legacy == Legacy::Never { Dialect::X } else { Dialect::J }
    }

    /// Writes why a stream ends, and its end; counts and logs it.
    pub(super) fn write_end(&self, dialect: Dialect, error: &StreamError, out: &mut Vec<u8>) {
        dialect::write_end(dialect, error, out);
        self.doors.metrics().stream_errors.one(error.condition.name());
        events::stream_error(None, self.peer, error.condition.name());
    }

    /// Counts and logs a login.
    pub(super) fn logged_in(&self, bound: &Bound) {
        let metrics = self.doors.metrics();
        metrics.logins.one();
        match bound.dialect {
            Dialect::J => metrics.legacy_streams.one(self.encrypted),
            Dialect::X => metrics.xmpp_streams.one(self.encrypted),
        }
        events::logged_in(bound.door.jid(), self.peer, dialect::name(bound.dialect), self.encrypted);
    }

    /// Counts and logs a failed login, and holds the answer back for a moment.
    pub(super) async fn login_failed(&self, host: &Jid, mechanism: &'static str, why: Failure) {
        self.doors.metrics().logins_failed.one();
        events::login_failed(host, self.peer, mechanism, why.name());
        let delay = Duration::from_millis(self.doors.limits().failure_delay_ms.into());
        if !delay.is_zero() {
            self.doors.wheel().sleep(delay).await;
        }
    }
}
