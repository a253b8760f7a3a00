//! How many accounts may be made: in an hour at one host, and in an hour from one address.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Counts the registrations of the last hour at one host.
pub(super) struct Pace {
    most: usize,
    most_of_one: usize,
    made: Mutex<VecDeque<Made>>,
}

/// One registration, or one under way.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Made {
    at_ms: i64,
    from: Option<Source>,
}

/// Whom an address stands for: with IPv6 everybody of one /64.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    V4([u8; 4]),
    V6([u16; 4]),
}

/// The place of a registration under way; given back when it comes to nothing.
pub(super) struct Place {
    pace: Arc<Pace>,
    made: Option<Made>,
}

impl Pace {
    pub(super) fn new(most: usize, most_of_one: usize) -> Pace {
        Pace { most, most_of_one, made: Mutex::default() }
    }

    /// A place for one more now; none while too many were made. This machine itself is only counted among all.
    pub(super) fn place(self: &Arc<Self>, now_ms: i64, peer: Option<IpAddr>) -> Option<Place> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.front().is_some_and(|oldest| now_ms.saturating_sub(oldest.at_ms) >= HOUR_MS) {
            made.pop_front();
        }
        let from = peer.map(source);
        let is_near = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        let of_one = made.iter().filter(|made| made.from == from).count();
        if made.len() >= self.most || !is_near && of_one >= self.most_of_one {
            return None;
        }
        let one = Made { at_ms: now_ms, from };
        made.push_back(one);
        Some(Place { pace: self.clone(), made: Some(one) })
    }
}

impl Place {
    /// The account is made.
    pub(super) fn keep(mut self) {
        self.made = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(one) = self.made else { return };
        let mut made = self.pace.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = made.iter().position(|made| *made == one) {
            made.remove(at);
        }
    }
}

fn source(peer: IpAddr) -> Source {
    match peer.to_canonical() {
        IpAddr::V4(address) => Source::V4(address.octets()),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Source::V6([a, b, c, d])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(most: usize, most_of_one: usize) -> Arc<Pace> {
        Arc::new(Pace::new(most, most_of_one))
    }

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn an_hour_has_so_many_places() {
        let pace = pace(2, 2);
        pace.place(0, from("192.0.2.1")).unwrap().keep();
        pace.place(1_000, from("192.0.2.2")).unwrap().keep();
        assert!(pace.place(HOUR_MS - 1, from("192.0.2.3")).is_none());
        pace.place(HOUR_MS, from("192.0.2.3")).unwrap().keep();
        assert!(pace.place(HOUR_MS + 999, from("192.0.2.3")).is_none());
        assert!(pace.place(HOUR_MS + 1_000, from("192.0.2.3")).is_some());
    }

    #[test]
    fn one_address_has_fewer() {
        let pace = pace(100, 1);
        for (address, free) in [
            ("192.0.2.1", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:0:1::1", true),
            ("2001:db8:0:1:ffff::2", false),
            ("2001:db8:0:2::1", true),
            ("127.0.0.1", true),
            ("127.0.0.1", true),
        ] {
            let place = pace.place(0, from(address));
            assert_eq!(place.is_some(), free, "{address}");
            if let Some(place) = place {
                place.keep();
            }
        }
    }

    #[test]
    fn what_comes_to_nothing_takes_no_place() {
        let pace = pace(1, 1);
        let place = pace.place(0, None).unwrap();
        assert!(pace.place(0, None).is_none());
        drop(place);
        assert!(pace.place(0, None).is_some());
    }
}
