//! Everything the doors may write into the log: a closed list, never a password, never a stanza, nothing per stanza.

use std::net::{IpAddr, SocketAddr};

use tracing::{debug, info, warn};
use xmpp::Jid;

/// Addresses are logged for the operator; a connection without one (in tests) is "-".
fn shown(peer: Option<IpAddr>) -> String {
    peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string())
}

pub(crate) fn listening(address: SocketAddr, tls: &'static str, require_tls: bool, legacy: &'static str) {
    debug!(%address, tls, require_tls, legacy, "listening for clients");
}

pub(crate) fn accept_failed(address: Option<SocketAddr>, error: &std::io::Error) {
    warn!(address = address.map(tracing::field::display), %error, "cannot accept connections for a moment");
}

pub(crate) fn connection_refused(peer: Option<IpAddr>, limit: &'static str) {
    debug!(peer = shown(peer), limit, "connection refused");
}

pub(crate) fn handshake_failed(peer: Option<IpAddr>, error: &std::io::Error) {
    debug!(peer = shown(peer), %error, "TLS handshake failed");
}

pub(crate) fn logged_in(account: &Jid, peer: Option<IpAddr>, dialect: &'static str, encrypted: bool) {
    info!(%account, peer = shown(peer), dialect, encrypted, "logged in");
}

pub(crate) fn login_failed(host: &Jid, peer: Option<IpAddr>, mechanism: &'static str, reason: &'static str) {
    info!(%host, peer = shown(peer), mechanism, reason, "login failed");
}

pub(crate) fn stream_error(account: Option<&Jid>, peer: Option<IpAddr>, condition: &'static str) {
    debug!(
        account = account.map(tracing::field::display),
        peer = shown(peer),
        condition,
        "stream closed with an error"
    );
}

pub(crate) fn stream_ended(account: &Jid, how: &'static str) {
    debug!(%account, how, "stream ended");
}
