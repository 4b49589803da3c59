//! What came of the connections that were tried, by address. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::results::manifest::{AddressConnections, ConnectFailure};
use crate::transport::channel::{ConnectError, SETTINGS_TIMEOUT};
use crate::units::NS_PER_S;

/// A connection that is still being opened when the run ends has gone unanswered if that has lasted so
/// long; a younger one does not count.
const UNANSWERED_NS: i64 = NS_PER_S;

/// Counts the connections of one worker.
#[derive(Debug, Default)]
pub(in crate::replay) struct Book {
    /// Those that are being opened: for whom, where, and since when.
    pending: Vec<(u32, SocketAddr, i64)>,
    addresses: BTreeMap<SocketAddr, AddressConnections>,
}

impl Book {
    /// Connection number `number` is being opened to `peer`.
    pub(super) fn begun(&mut self, number: u32, peer: SocketAddr, now_ns: i64) {
        self.pending.push((number, peer, now_ns));
    }

    /// It is there, after so many nanoseconds.
    pub(super) fn answered(&mut self, number: u32, peer: SocketAddr, took_ns: i64) {
        let address = self.over(number, peer);
        address.late += u64::from(
            u128::try_from(took_ns).is_ok_and(|took| took >= SETTINGS_TIMEOUT.as_nanos()),
        );
        address.fastest_ns = Some(
            address
                .fastest_ns
                .map_or(took_ns, |known| known.min(took_ns)),
        );
        address.slowest_ns = Some(
            address
                .slowest_ns
                .map_or(took_ns, |known| known.max(took_ns)),
        );
    }

    /// There is none.
    pub(super) fn failed(&mut self, number: u32, peer: SocketAddr, why: ConnectFailure) {
        let address = self.over(number, peer);
        *address.failed.entry(why).or_default() += 1;
    }

    /// What is still being opened for this number is no longer.
    pub(super) fn forget(&mut self, number: u32) {
        self.pending.retain(|pending| pending.0 != number);
    }

    fn over(&mut self, number: u32, peer: SocketAddr) -> &mut AddressConnections {
        let is_it = |pending: &(u32, SocketAddr, i64)| (pending.0, pending.1) == (number, peer);
        if let Some(nth) = self.pending.iter().position(is_it) {
            self.pending.swap_remove(nth);
        }
        let address = self.addresses.entry(peer).or_default();
        address.tried += 1;
        address
    }

    /// What came of all connections by now, the end of the run.
    pub(super) fn close(mut self, now_ns: i64) -> Book {
        for (number, peer, begun_ns) in std::mem::take(&mut self.pending) {
            if now_ns - begun_ns >= UNANSWERED_NS {
                self.failed(number, peer, ConnectFailure::NoAnswer);
            }
        }
        self
    }

    /// What the books of all workers say, in the order of the addresses.
    pub(in crate::replay) fn sum(books: impl IntoIterator<Item = Book>) -> Vec<AddressConnections> {
        let mut all = BTreeMap::<SocketAddr, AddressConnections>::new();
        for (peer, of_worker) in books.into_iter().flat_map(|book| book.addresses) {
            all.entry(peer).or_default().add(of_worker);
        }
        let named = all.into_iter().map(|(peer, counts)| AddressConnections {
            address: peer.to_string(),
            ..counts
        });
        named.collect()
    }
}

/// Why there is no connection, in a word.
pub(super) fn why(error: &ConnectError) -> ConnectFailure {
    match error {
        ConnectError::TimedOut { .. } => ConnectFailure::NoAnswer,
        ConnectError::Tcp { source, .. } => match source.kind() {
            std::io::ErrorKind::ConnectionRefused => ConnectFailure::Refused,
            std::io::ErrorKind::TimedOut => ConnectFailure::NoAnswer,
            _ => ConnectFailure::Unreachable,
        },
        ConnectError::OurLimit { .. } => ConnectFailure::OurLimit,
        ConnectError::Tls { .. } | ConnectError::Pem { .. } => ConnectFailure::Tls,
        ConnectError::Http2 { .. } => ConnectFailure::NotHttp2,
        ConnectError::Resolve { .. } => ConnectFailure::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_address_and_those_under_way_at_the_end_by_their_age() {
        let [one, two]: [SocketAddr; 2] = [([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 1).into()];
        let book = |late_ns: i64| {
            let mut book = Book::default();
            book.begun(0, one, 0);
            book.begun(1, two, 0);
            book.begun(1, one, 5);
            book.begun(2, two, late_ns);
            book.answered(0, one, 7);
            book.answered(1, one, 3 * NS_PER_S);
            book.failed(1, two, ConnectFailure::Refused);
            book.close(2 * NS_PER_S)
        };
        let sum = Book::sum([book(NS_PER_S), book(NS_PER_S + 1)]);
        let answered = AddressConnections {
            address: one.to_string(),
            tried: 4,
            late: 2,
            fastest_ns: Some(7),
            slowest_ns: Some(3 * NS_PER_S),
            ..AddressConnections::default()
        };
        let failed = [(ConnectFailure::NoAnswer, 1), (ConnectFailure::Refused, 2)];
        let not = AddressConnections {
            address: two.to_string(),
            tried: 3,
            failed: failed.into(),
            ..AddressConnections::default()
        };
        assert_eq!(sum, [answered, not]);
    }
}
