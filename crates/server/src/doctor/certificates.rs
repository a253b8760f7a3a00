//! Whether every host can prove its name: files readable, key fitting, dates and names right.

use net::tls::{Description, Source, inspect};
use xmpp::Timestamp;

use super::Finding;
use crate::config::{Config, Domain};
use crate::wire::certificate_source;

/// A certificate that ends within this many seconds is worth a word: 14 days.
const SOON_S: i64 = 14 * 86_400;

/// The certificate of every host.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let hosts = config.host_tables();
    hosts.map(|(host, table)| one(host, &certificate_source(config, table), Timestamp::now())).collect()
}

fn one(host: &Domain, source: &Source, now: Timestamp) -> Finding {
    match inspect(host.as_str(), source) {
        Ok(Some(found)) => judge(host, &found, now),
        Ok(None) => Finding::ok("certificate", format!("{host}: a self-signed one will be made at the first start")),
        Err(error) => Finding::fail("certificate", format!("{host}: {error}")),
    }
}

fn judge(host: &Domain, found: &Description, now: Timestamp) -> Finding {
    let left = found.not_after.as_seconds() - now.as_seconds();
    let until = found.not_after;
    if found.not_before.as_seconds() > now.as_seconds() {
        let from = found.not_before;
        return Finding::fail("certificate", format!("{host}: not valid before {from}: is the clock right?"));
    }
    if left < 0 {
        return Finding::fail(
            "certificate",
            format!("{host}: ended at {until}: renew it, then send the server SIGHUP"),
        );
    }
    if !found.names.iter().any(|name| covers(name, host.as_str())) {
        let names = found.names.join(", ");
        return Finding::fail(
            "certificate",
            format!("{host}: it is for {names}: clients will refuse it; get one for {host}"),
        );
    }
    if left < SOON_S {
        return Finding::warn("certificate", format!("{host}: ends at {until}: renew it, then send the server SIGHUP"));
    }
    if found.self_signed {
        return Finding::ok(
            "certificate",
            format!("{host}: self-signed, clients ask before they trust it; SHA-256 {}", found.fingerprint),
        );
    }
    Finding::ok("certificate", format!("{host}: valid until {until}"))
}

/// Whether a name of a certificate is this host's, or a wildcard for its label (RFC 6125 §6.4.3).
fn covers(name: &str, host: &str) -> bool {
    let wildcard = || Some((name.strip_prefix("*.")?, host.split_once('.')?.1));
    name.eq_ignore_ascii_case(host) || wildcard().is_some_and(|(name, host)| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn judged(names: &[&str], days_left: i64) -> Verdict {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let found = Description {
            fingerprint: "AB".to_owned(),
            not_before: now,
            not_after: Timestamp::from_millis(now.as_millis() + days_left * 86_400_000),
            names: names.iter().map(ToString::to_string).collect(),
            self_signed: false,
        };
        judge(&Domain::parse("im.example.org").unwrap(), &found, now).verdict
    }

    #[test]
    fn dates_and_names_are_judged() {
        for (names, days_left, expected) in [
            (&["im.example.org"][..], 90, Verdict::Ok),
            (&["other.example", "*.example.org"], 90, Verdict::Ok),
            (&["im.example.org"], 3, Verdict::Warn),
            (&["im.example.org"], -1, Verdict::Fail),
            (&["example.org"], 90, Verdict::Fail),
            (&["*.org"], 90, Verdict::Fail),
        ] {
            assert_eq!(judged(names, days_left), expected, "{names:?} {days_left}");
        }
    }
}
