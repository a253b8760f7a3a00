//! How many connections there are, in all and from one address, so that nobody takes all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Limits;

/// The connections that are open now.
#[derive(Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    /// Rung when the last connection ends.
    none_left: Notify,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place among them, given back when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    address: Option<IpAddr>,
}

impl Connections {
    /// Takes a place, or says which limit refuses it.
    pub(crate) fn enter(self: &Arc<Self>, peer: Option<IpAddr>, limits: &Limits) -> Result<Place, &'static str> {
        let address = peer.map(neighbourhood).filter(|address| !address.is_loopback());
        let mut open = self.open.lock();
        if open.total >= limits.connections {
            return Err("connections");
        }
        if let Some(address) = address {
            let count = open.by_address.entry(address).or_default();
            if *count >= limits.connections_per_address {
                return Err("connections_per_address");
            }
            *count += 1;
        }
        open.total += 1;
        Ok(Place { connections: self.clone(), address })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open.lock().total
    }

    /// Resolves when there is none.
    pub(crate) async fn none(&self) {
        loop {
            let rung = self.none_left.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            rung.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.total -= 1;
        if let Some(address) = self.address
            && let Some(count) = open.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&address);
            }
        }
        if open.total == 0 {
            self.connections.none_left.notify_waiters();
        }
    }
}

/// An IPv4 address itself, and of IPv6 the /64 that one household has.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::from((u128::from(v6) & (u128::MAX << 64)).to_be_bytes()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { connections: 5, connections_per_address: 2, ..Limits::default() }
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_has_its_share_and_gives_it_back() {
        let connections = Arc::new(Connections::default());
        let first = connections.enter(address("192.0.2.1"), &limits()).ok().unwrap();
        let _second = connections.enter(address("::ffff:192.0.2.1"), &limits()).ok().unwrap();
        assert_eq!(connections.enter(address("192.0.2.1"), &limits()).err(), Some("connections_per_address"));
        let _other = connections.enter(address("192.0.2.2"), &limits()).ok().unwrap();
        drop(first);
        assert!(connections.enter(address("192.0.2.1"), &limits()).is_ok());
    }

    #[test]
    fn a_household_of_ipv6_counts_as_one() {
        let connections = Arc::new(Connections::default());
        let _places: Vec<_> =
            ["2001:db8::1", "2001:db8::2"].map(|text| connections.enter(address(text), &limits()).ok().unwrap()).into();
        assert!(connections.enter(address("2001:db8::3"), &limits()).is_err());
        assert!(connections.enter(address("2001:db8:0:1::1"), &limits()).is_ok());
    }

    #[test]
    fn all_together_are_limited_and_loopback_only_so() {
        let connections = Arc::new(Connections::default());
        let places: Vec<_> = (0..5).map(|_| connections.enter(address("127.0.0.1"), &limits()).ok().unwrap()).collect();
        assert_eq!(connections.enter(None, &limits()).err(), Some("connections"));
        assert_eq!(connections.count(), 5);
        drop(places);
        assert_eq!(connections.count(), 0);
        assert!(connections.open.lock().by_address.is_empty());
    }
}
