//! What is measured: one row of the table each.

use anyhow::{Context, Result};
use serde_json::Value;

/// One row: a kind of load with its numbers, and what it may cost.
pub(super) struct Row {
    pub(super) name: &'static str,
    kind: Kind,
    /// The budget: at most so many times the relay, or at most so much.
    pub(super) budget: Budget,
}

enum Kind {
    /// Chat messages between pairs, so many under way per pair, so many bytes each: processor time per delivery.
    Route { pairs: usize, window: usize, bytes: usize },
    /// Memory of a quiet session: the slope between two numbers of sessions.
    Idle { from: usize, until: usize },
}

pub(super) enum Budget {
    TimesRelay(f64),
    AtMost(f64),
}

/// Every row there is.
pub(super) static ROWS: [Row; 4] = [
    Row {
        name: "route 10 pairs x 32",
        kind: Kind::Route { pairs: 10, window: 32, bytes: 350 },
        budget: Budget::TimesRelay(5.0),
    },
    Row {
        name: "route 100 pairs x 1",
        kind: Kind::Route { pairs: 100, window: 1, bytes: 350 },
        budget: Budget::TimesRelay(1.5),
    },
    Row {
        name: "route 10 pairs x 32, 2 KiB",
        kind: Kind::Route { pairs: 10, window: 32, bytes: 2048 },
        budget: Budget::TimesRelay(4.0),
    },
    Row { name: "idle session", kind: Kind::Idle { from: 200, until: 2000 }, budget: Budget::AtMost(4.0) },
];

impl Row {
    /// How many accounts the load logs in with.
    pub(super) fn accounts(&self) -> usize {
        match self.kind {
            Kind::Route { pairs, .. } => 2 * pairs,
            Kind::Idle { until, .. } => until,
        }
    }

    /// What the load is told.
    pub(super) fn arguments(&self, seconds: f64) -> Vec<String> {
        let words = match self.kind {
            Kind::Route { pairs, window, bytes } => {
                format!("route --pairs {pairs} --window {window} --bytes {bytes} --seconds {seconds}")
            }
            Kind::Idle { from, until } => format!("idle --from {from} --until {until}"),
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// The figure of the row out of what the load printed.
    pub(super) fn value(&self, result: &Value) -> Result<f64> {
        let (key, divisor) = match self.kind {
            Kind::Route { .. } => ("cpu_us_per_message", 1.0),
            Kind::Idle { .. } => ("bytes_per_session", 1024.0),
        };
        Ok(result[key].as_f64().with_context(|| format!("no {key}"))? / divisor)
    }

    pub(super) fn unit(&self) -> &'static str {
        match self.kind {
            Kind::Route { .. } => "µs CPU per message",
            Kind::Idle { .. } => "KiB per session",
        }
    }
}
