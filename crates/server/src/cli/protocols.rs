//! `yatter protocols`: which specifications are followed, and how far. The same list is `docs/protocols.md`.

use std::process::ExitCode;

use clap::Args;
use im::{About, Maturity};

use super::{Place, say};

#[derive(Debug, Args)]
pub(super) struct Protocols {
    /// As the page of the documentation.
    #[arg(long)]
    markdown: bool,
}

/// What is no extension, but a wall of the house: streams, logins, addresses, the dialect of 2000.
const WALLS: &[About] = &[
    rfc("core", "XMPP Core", "RFC 6120").partly("streams of clients; no federation"),
    rfc("im", "Instant Messaging and Presence", "RFC 6121").partly("between the hosts of this server; no federation"),
    rfc("addresses", "XMPP Address Format", "RFC 7622"),
    rfc("scram", "SCRAM-SHA-1 and SCRAM-SHA-1-PLUS", "RFC 5802"),
    rfc("scram-256", "SCRAM-SHA-256 and SCRAM-SHA-256-PLUS", "RFC 7677"),
    rfc("tls", "Use of TLS in XMPP", "RFC 7590").partly("streams of clients"),
    rfc("plain", "PLAIN", "RFC 4616"),
    rfc("exporter", "Channel binding tls-exporter", "RFC 9266"),
    rfc("end-point", "Channel binding tls-server-end-point", "RFC 5929").partly("of its bindings, this one"),
    About::xep("legacy-errors", "Error Condition Mappings", "XEP-0086", "1.0"),
    About::xep("legacy-delay", "Legacy Delayed Delivery", "XEP-0091", "1.4"),
    About::xep("order", "Recommended Order of Stream Feature Negotiation", "XEP-0170", "1.0"),
    About::xep("stream-management", "Stream Management", "XEP-0198", "1.6.3")
        .partly("streams of clients; not inside SASL2"),
    About::xep("roster-versions", "Roster Versioning", "XEP-0237", "1.3"),
    About::xep("client-state", "Client State Indication", "XEP-0352", "1.0.0"),
    About::xep("direct-tls", "SRV records for XMPP over TLS", "XEP-0368", "1.1.0").partly("the server's side: ALPN"),
    About::xep("bindings", "SASL Channel-Binding Type Capability", "XEP-0440", "1.0.0"),
];

const fn rfc(name: &'static str, title: &'static str, source: &'static str) -> About {
    About::xep(name, title, source, "")
}

impl Protocols {
    pub(super) fn run(self, place: &Place) -> ExitCode {
        let all = WALLS.iter().chain(extensions::ABOUT).chain(extensions::ALSO);
        if self.markdown {
            say(HEADER);
            all.for_each(|about| say(row(about)));
        } else if place.json {
            all.for_each(|about| say(json(about)));
        } else {
            all.for_each(|about| say(format!("{:<9} {:<38} {}", about.source, about.title, support(about))));
        }
        ExitCode::SUCCESS
    }
}

fn support(about: &About) -> String {
    match about.maturity {
        Maturity::Complete => "complete".to_owned(),
        Maturity::Partial(note) => format!("partly: {note}"),
    }
}

fn row(about: &About) -> String {
    format!("| {} | {} | {} | {} |", about.source, about.title, about.version, support(about))
}

fn json(about: &About) -> serde_json::Value {
    let About { name, title, source, version, .. } = about;
    serde_json::json!({ "name": name, "title": title, "source": source, "version": version, "support": support(about) })
}

const HEADER: &str = "\
# Supported protocols

`yatter protocols --markdown` writes this page from what the program declares.

| source | title | version | support |
| --- | --- | --- | --- |";
