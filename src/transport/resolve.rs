//! The addresses of a gateway's name, looked up again while a run goes on: names move.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::connect_error::ConnectError;
use super::endpoint::Endpoint;
use crate::clock::monotonic_ns;

/// How long a look-up may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Changes that are kept; a name whose addresses change at each look-up makes no endless list.
const MOST_CHANGES: usize = 1_000;

/// An address that a name got or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressChange {
    /// When that was seen, on the monotonic clock.
    pub at_ns: i64,
    /// The address.
    pub address: SocketAddr,
    /// Whether the name got it; otherwise it lost it.
    pub came: bool,
}

/// The addresses of one endpoint, shared by all that connect to it.
#[derive(Debug)]
pub(super) struct Resolver {
    host: String,
    port: u16,
    /// What a look-up finds, instead of what the system would say.
    #[cfg(test)]
    table: Option<Mutex<Vec<SocketAddr>>>,
    known: Mutex<Known>,
    /// Held by whoever looks up.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they came, so that the others keep their numbers when one does.
    addresses: Arc<[SocketAddr]>,
    /// When they were last looked up.
    at_ns: Option<i64>,
    changes: Vec<AddressChange>,
}

impl Known {
    fn take(&mut self, found: &[SocketAddr], at_ns: i64) {
        let is_first = self.at_ns.replace(at_ns).is_none();
        let lost = self.addresses.iter().filter(|old| !found.contains(old));
        let lost: Vec<_> = lost.map(|&address| (address, false)).collect();
        let mut addresses: Vec<_> = self.addresses.to_vec();
        addresses.retain(|old| found.contains(old));
        let mut changes = lost;
        for &address in found {
            if !addresses.contains(&address) {
                addresses.push(address);
                changes.push((address, true));
            }
        }
        if changes.is_empty() || is_first {
            self.addresses = addresses.into();
            return;
        }
        self.addresses = addresses.into();
        let room = MOST_CHANGES.saturating_sub(self.changes.len());
        let changes = changes.into_iter().take(room);
        self.changes
            .extend(changes.map(|(address, came)| AddressChange {
                at_ns,
                address,
                came,
            }));
    }
}

impl Resolver {
    pub(super) fn new(endpoint: &Endpoint) -> Resolver {
        Resolver {
            host: endpoint.host.clone(),
            port: endpoint.port,
            #[cfg(test)]
            table: None,
            known: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Whether the endpoint is named by its address, which does not move.
    pub(super) fn is_address(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    /// The addresses, at least one, as they were `within` that time, or looked up now. When that
    /// fails, those that were known.
    ///
    /// # Errors
    /// A name that never had an address.
    pub(super) async fn addresses(
        &self,
        within: Duration,
    ) -> Result<Arc<[SocketAddr]>, ConnectError> {
        if let Some(known) = self.known_within(within) {
            return Ok(known);
        }
        let _sole = self.looking.lock().await;
        if let Some(known) = self.known_within(within) {
            return Ok(known);
        }
        let found = self.look_up().await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(found) => known.take(&found, monotonic_ns()),
            Err(error) if known.at_ns.is_none() => return Err(error),
            Err(_) => known.at_ns = Some(monotonic_ns()),
        }
        Ok(known.addresses.clone())
    }

    fn known_within(&self, within: Duration) -> Option<Arc<[SocketAddr]>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let age_ns = monotonic_ns() - known.at_ns?;
        let is_fresh = u128::try_from(age_ns).is_ok_and(|age| age <= within.as_nanos());
        (is_fresh || self.is_address()).then(|| known.addresses.clone())
    }

    async fn look_up(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        #[cfg(test)]
        if let Some(table) = &self.table {
            return Ok(table.lock().unwrap().clone());
        }
        let failed = |source| ConnectError::resolve(&self.host, source);
        let found = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = tokio::time::timeout(PATIENCE, found)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let addresses: Vec<_> = found.map_err(failed)?.collect();
        match addresses.is_empty() {
            true => Err(failed(std::io::Error::other("it has no address"))),
            false => Ok(addresses),
        }
    }

    /// What has changed since the first look-up, in order.
    pub(super) fn changes(&self) -> Vec<AddressChange> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.changes.clone()
    }

    /// Of a name that leads to `addresses`.
    #[cfg(test)]
    pub(super) fn of(endpoint: &Endpoint, addresses: Vec<SocketAddr>) -> Resolver {
        Resolver {
            table: Some(Mutex::new(addresses)),
            ..Resolver::new(endpoint)
        }
    }

    /// The name leads to `addresses` from now on.
    #[cfg(test)]
    pub(super) fn moved(&self, addresses: &[SocketAddr]) {
        *self.table.as_ref().unwrap().lock().unwrap() = addresses.to_vec();
    }
}

/// Whether packets to an address may leave what is one's own: it is no loopback, private, shared or link-local
/// address (RFC 1918, 4193, 6598, 3927, 4291).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            !(address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || is_shared)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_unspecified())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u16) -> SocketAddr {
        ([10, 0, 0, 1], n).into()
    }

    #[test]
    fn addresses_keep_their_place_and_changes_are_told() {
        let mut known = Known::default();
        let [a, b, c] = [1, 2, 3].map(address);
        known.take(&[b, a, b], 5);
        assert_eq!(*known.addresses, [b, a]);
        known.take(&[a, b], 6);
        assert_eq!(*known.addresses, [b, a], "another order is no change");
        assert!(known.changes.is_empty(), "the first are no change");
        known.take(&[c, a], 7);
        assert_eq!(*known.addresses, [a, c]);
        let told: Vec<_> = known
            .changes
            .iter()
            .map(|c| (c.at_ns, c.address, c.came))
            .collect();
        assert_eq!(told, [(7, b, false), (7, c, true)]);
        for n in 0..2_000 {
            known.take(&[address(n)], 8);
        }
        assert_eq!(known.changes.len(), MOST_CHANGES);
        assert_eq!(*known.addresses, [address(1_999)]);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_again_when_what_is_known_is_old() {
        let endpoint = "http://gateway.example:1".parse().unwrap();
        let resolver = Resolver::of(&endpoint, vec![address(1)]);
        let within = async |age| resolver.addresses(age).await.unwrap().to_vec();
        assert_eq!(within(Duration::ZERO).await, [address(1)]);
        resolver.moved(&[address(2)]);
        assert_eq!(within(Duration::MAX).await, [address(1)]);
        assert_eq!(within(Duration::ZERO).await, [address(2)]);
        assert_eq!(resolver.changes().len(), 2);
    }

    #[test]
    fn addresses_of_ones_own_are_not_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for own in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "::1",
            "::ffff:10.0.0.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(!public(own), "{own}");
        }
        for others in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(public(others), "{others}");
        }
    }
}
