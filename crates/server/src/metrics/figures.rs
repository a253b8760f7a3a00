//! The list of figures: name, sentence, and where each is read.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::{Figures, Now, process};

/// One figure.
pub struct Figure {
    /// Its name; on the page a counter's has `_total` at its end.
    pub name: &'static str,
    /// Its sentence.
    pub sentence: &'static str,
    /// How it is read.
    pub read: Read,
}

/// How a figure is read, and what kind it is.
pub enum Read {
    /// Only grows; counted by the doors.
    Counter(fn(&net::Metrics) -> u64),
    /// Only grows; counted by the doors, one for each value of a label.
    Counters(&'static str, fn(&net::Metrics) -> Vec<(&'static str, u64)>),
    /// Only grows; counted at the door for HTTP.
    Http(fn(&net::http::HttpMetrics) -> u64),
    /// Only grows; counted at the relay.
    Relay(fn(&net::relay::RelayMetrics) -> u64),
    /// Only grows; counted by the heart.
    Heart(fn(&im::Counters) -> &AtomicU64),
    /// Goes up and down.
    Gauge(fn(&Now) -> u64),
    /// Goes up and down; told by the system about the process.
    Process(fn(&process::Process) -> f64),
    /// Only grows; told by the system about the process.
    ProcessCounter(fn(&process::Process) -> f64),
}

impl Figure {
    fn kind(&self) -> MetricType {
        match self.read {
            Read::Counter(_)
            | Read::Counters(..)
            | Read::Http(_)
            | Read::Relay(_)
            | Read::Heart(_)
            | Read::ProcessCounter(_) => MetricType::Counter,
            Read::Gauge(_) | Read::Process(_) => MetricType::Gauge,
        }
    }
}

const fn counter(name: &'static str, sentence: &'static str, read: fn(&net::Metrics) -> u64) -> Figure {
    Figure { name, sentence, read: Read::Counter(read) }
}

const fn http(name: &'static str, sentence: &'static str, read: fn(&net::http::HttpMetrics) -> u64) -> Figure {
    Figure { name, sentence, read: Read::Http(read) }
}

const fn relay(name: &'static str, sentence: &'static str, read: fn(&net::relay::RelayMetrics) -> u64) -> Figure {
    Figure { name, sentence, read: Read::Relay(read) }
}

const fn heart(name: &'static str, sentence: &'static str, read: fn(&im::Counters) -> &AtomicU64) -> Figure {
    Figure { name, sentence, read: Read::Heart(read) }
}

const fn gauge(name: &'static str, sentence: &'static str, read: fn(&Now) -> u64) -> Figure {
    Figure { name, sentence, read: Read::Gauge(read) }
}

const fn process(name: &'static str, sentence: &'static str, read: fn(&process::Process) -> f64) -> Figure {
    Figure { name, sentence, read: Read::Process(read) }
}

/// A counter apart for encrypted streams.
fn by_tls(counter: &net::ByTls) -> Vec<(&'static str, u64)> {
    vec![("no", counter.plain.value()), ("yes", counter.encrypted.value())]
}

/// Every figure.
pub const FIGURES: &[Figure] = &[
    gauge("yatter_connections", "Client connections that are open.", |now| now.connections),
    gauge("yatter_sessions", "Clients that have logged in.", |now| now.sessions),
    gauge("yatter_accounts_awake", "Accounts that are in memory.", |now| now.accounts_awake),
    gauge("yatter_writes_waiting", "Writes that wait for the disk.", |now| now.writes_waiting),
    gauge("yatter_writes_waiting_bytes", "Bytes of the writes that wait for the disk.", |now| now.writes_waiting_bytes),
    counter("yatter_connections_opened", "Client connections accepted.", |doors| doors.connections_opened.value()),
    counter("yatter_connections_closed", "Client connections ended.", |doors| doors.connections_closed.value()),
    counter("yatter_connections_refused", "Client connections turned away because of a limit.", |doors| {
        doors.connections_refused.value()
    }),
    counter("yatter_tls_handshakes", "TLS handshakes finished.", |doors| doors.handshakes.value()),
    counter("yatter_tls_handshakes_failed", "TLS handshakes that failed or took too long.", |doors| {
        doors.handshakes_failed.value()
    }),
    counter("yatter_logins", "Logins that succeeded.", |doors| doors.logins.value()),
    counter("yatter_logins_failed", "Logins that failed.", |doors| doors.logins_failed.value()),
    Figure {
        name: "yatter_sessions_bound_legacy",
        sentence: "Sessions begun by clients that speak the dialect of 2000.",
        read: Read::Counters("encrypted", |doors| by_tls(&doors.legacy_streams)),
    },
    Figure {
        name: "yatter_sessions_bound_xmpp",
        sentence: "Sessions begun by clients that speak XMPP 1.0.",
        read: Read::Counters("encrypted", |doors| by_tls(&doors.xmpp_streams)),
    },
    counter("yatter_stanzas_received", "Stanzas read from sessions.", |doors| doors.stanzas_in.value()),
    heart("yatter_stanzas_routed", "Stanzas that were on their way to somebody.", |heart| &heart.routed),
    heart("yatter_stanzas_bounced", "Stanzas returned to their sender with an error.", |heart| &heart.bounced),
    heart("yatter_sessions_hibernated", "Sessions that lost their connection and waited for their client.", |heart| {
        &heart.asleep
    }),
    heart("yatter_sessions_resumed", "Sessions that their client came back to.", |heart| &heart.resumed),
    heart("yatter_writes_failed", "Writes that failed, after each of which an account was read again.", |heart| {
        &heart.writes_failed
    }),
    counter("yatter_stanzas_sent", "Stanzas written to sessions.", |doors| doors.stanzas_out.value()),
    counter("yatter_stream_received_bytes", "Bytes of streams read, without TLS.", |doors| doors.bytes_in.value()),
    counter("yatter_stream_sent_bytes", "Bytes of streams written, without TLS.", |doors| doors.bytes_out.value()),
    Figure {
        name: "yatter_stream_errors",
        sentence: "Streams closed with an error, by its condition (RFC 6120 §4.9.3).",
        read: Read::Counters("condition", |doors| doors.stream_errors.values()),
    },
    http("yatter_http_connections_opened", "HTTP connections accepted.", |http| http.connections_opened.value()),
    http("yatter_http_connections_refused", "HTTP connections turned away because of a limit.", |http| {
        http.connections_refused.value()
    }),
    http("yatter_http_requests_granted", "HTTP requests granted (status below 400).", |http| http.granted.value()),
    http("yatter_http_requests_refused", "HTTP requests refused (status 4xx).", |http| http.refused.value()),
    http("yatter_http_requests_failed", "HTTP requests that failed inside the server (status 5xx).", |http| {
        http.failed.value()
    }),
    relay("yatter_relay_connections_opened", "Connections accepted by the relay.", |relay| {
        relay.connections_opened.value()
    }),
    relay("yatter_relay_connections_refused", "Connections that the relay turned away because of a limit.", |relay| {
        relay.connections_refused.value()
    }),
    relay("yatter_relay_streams", "Pairs of connections that the relay joined.", |relay| relay.joined.value()),
    relay("yatter_relay_bytes", "Bytes that the relay carried.", |relay| relay.bytes.value()),
    process("process_resident_memory_bytes", "Memory of the process that is in RAM.", |process| process.resident_bytes),
    process("process_open_fds", "Files and connections that the process has open.", |process| process.open_files),
    Figure {
        name: "process_cpu_seconds",
        sentence: "Processor time that the process has used.",
        read: Read::ProcessCounter(|process| process.cpu_seconds),
    },
];

/// The figures together with the state of one moment, as the encoder takes them.
pub(super) struct Collected {
    pub(super) figures: Figures,
    pub(super) now: Now,
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now.fmt(f)
    }
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let process = process::Process::read();
        let doors = self.figures.running.streams.metrics();
        let heart = self.figures.hub.counters();
        for figure in FIGURES {
            let mut metric = encoder.encode_descriptor(figure.name, figure.sentence, None, figure.kind())?;
            match figure.read {
                Read::Counter(read) => ConstCounter::new(read(doors)).encode(metric)?,
                Read::Http(read) => ConstCounter::new(read(self.figures.running.http.metrics())).encode(metric)?,
                Read::Relay(read) => {
                    let relay = self.figures.running.relay.as_ref();
                    ConstCounter::new(relay.map_or(0, |relay| read(relay.metrics()))).encode(metric)?;
                }
                Read::Heart(read) => ConstCounter::new(read(heart).load(Ordering::Relaxed)).encode(metric)?,
                Read::Gauge(read) => ConstGauge::new(read(&self.now)).encode(metric)?,
                Read::ProcessCounter(read) => ConstCounter::new(read(&process)).encode(metric)?,
                Read::Process(read) => ConstGauge::new(read(&process)).encode(metric)?,
                Read::Counters(label, read) => {
                    for (value, count) in read(doors) {
                        let labels = [(label, value)];
                        ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_in_the_operators_page() {
        let page = include_str!("../../../../docs/operating.md");
        for figure in FIGURES {
            let end = if matches!(figure.kind(), MetricType::Counter) { "_total" } else { "" };
            let row = format!("| `{}{end}` | {} |", figure.name, figure.sentence);
            assert!(page.contains(&row), "missing: {row}");
        }
    }
}
