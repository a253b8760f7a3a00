//! How fast SQLite is here: printed, not judged. `cargo test -p yatter-store -- --ignored --nocapture rates`

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use store::{Batch, Row};

use crate::bed::{Bed, ask, wait};

const ROW_BYTES: usize = 300;
const LASTS: Duration = Duration::from_secs(3);

#[test]
#[ignore = "a measurement"]
fn rates_of_archive_writes() {
    println!("  homes | waiting at once | rows/s | µs of CPU per row | longest wait ms");
    for (homes, waiting) in [(20, 1), (20, 10), (20, 100), (20, 1_000), (1_000, 100), (1_000, 1_000), (1_000, 5_000)] {
        let bed = Bed::sqlite();
        let (rows, longest, cpu) = write_rows(&bed, homes, waiting, false);
        let each = cpu.as_secs_f64() * 1e6 / rows as f64;
        let per_second = rows as f64 / LASTS.as_secs_f64();
        println!(
            "{homes:>7} | {waiting:>15} | {per_second:>6.0} | {each:>17.1} | {:>15.1}",
            longest.as_secs_f64() * 1e3
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn rates_of_reads() {
    let bed = Bed::sqlite();
    let (rows, _, _) = write_rows(&bed, HOMES, 1_000, true);
    let archive = bed.store.archive("messages");
    let (start, mut count) = (Instant::now(), 0_u64);
    while start.elapsed() < LASTS {
        let home = format!("home{}@example.org", count % HOMES);
        count += 1;
        assert!(!ask(archive.undelivered(&home, 0, 10)).is_empty());
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / count as f64;
    println!("reads of 10 rows among {rows}: one after another {each:.0} µs each");
}

const HOMES: u64 = 1_000;

/// Appends rows of so many homes, `waiting` of them unacknowledged at any time; rows, longest wait, CPU time.
fn write_rows(bed: &Bed, homes: u64, waiting: usize, undelivered: bool) -> (u64, Duration, Duration) {
    let archive = bed.store.archive("messages");
    let homes: Vec<String> = (0..homes).map(|home| format!("home{home}@example.org")).collect();
    let epochs: Vec<_> = homes.iter().map(|home| bed.store.claim(home)).collect();
    let (start, cpu) = (Instant::now(), cpu_time());
    let (mut pending, mut longest, mut rows) = (VecDeque::new(), Duration::ZERO, 0);
    while start.elapsed() < LASTS {
        let home = rows as usize % homes.len();
        let with = "juliet@verona.example/balcony".to_owned();
        let row = Row { id: rows + 1, time_ms: 0, with, undelivered, bytes: vec![b'x'; ROW_BYTES] };
        let batch = Batch::new(&homes[home], epochs[home]).append(&archive, &homes[home], row);
        pending.push_back((Instant::now(), bed.store.submit(batch)));
        rows += 1;
        while pending.len() >= waiting {
            let (since, ticket) = pending.pop_front().unwrap();
            wait(ticket).unwrap();
            longest = longest.max(since.elapsed());
        }
    }
    wait(bed.store.barrier()).unwrap();
    (rows, longest, cpu_time() - cpu)
}

/// Of the whole process, user and system, in ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}
