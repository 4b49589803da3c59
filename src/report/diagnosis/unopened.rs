//! Connections to one of the gateway's addresses that did not come to be, or long after those to others:
//! the load was not on all that the name leads to.

use std::collections::BTreeMap;

use super::{Finding, Kind, Look, Seen};
use crate::results::manifest::{AddressConnections, ConnectFailure};
use crate::results::row::RequestRow;
use crate::units::{Human, NS_PER_MS, counted, grouped};

/// Connections open late when even the fastest of an address took so long, and so many times as long as
/// the fastest of the others.
const LATE_NS: i64 = 250 * NS_PER_MS;
const TIMES: i64 = 10;

/// Where sessions ran.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_peer: BTreeMap<String, u64>,
}

impl Look for Sessions {
    fn add(&mut self, row: &RequestRow) {
        if row.turn != 0 || row.opened_ns.is_none() {
            return;
        }
        let Some(peer) = &row.peer else { return };
        match self.by_peer.get_mut(peer) {
            Some(count) => *count += 1,
            None => drop(self.by_peer.insert(peer.clone(), 1)),
        }
    }

    /// Said whenever a connection failed for another reason than a limit of our own, or was late.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let all = &seen.case.run.connections;
        let failed = all.iter().filter(|address| failures(address) > 0);
        if let Some(worst) = failed.max_by_key(|address| failures(address)) {
            return Some(self.failed(worst, all));
        }
        let late = all.iter().filter(|address| is_late(address, all));
        let slowest = late.max_by_key(|address| address.slowest_ns)?;
        Some(self.late(slowest, all))
    }
}

impl Sessions {
    fn failed(&self, worst: &AddressConnections, all: &[AddressConnections]) -> Finding {
        let others = all.iter().filter(|address| *address != worst);
        let others = others.filter(|address| failures(address) > 0);
        let mut evidence = format!("{}.", reasons(worst));
        for other in others {
            evidence += &format!(" {}: {}.", share(other), reasons(other));
        }
        let what = most_frequent(worst);
        let said = match what {
            Some(ConnectFailure::NoAnswer | ConnectFailure::NoSettings) | None => "did not answer",
            Some(ConnectFailure::Refused) if failures(worst) == 1 => "was refused",
            Some(ConnectFailure::Refused) => "were refused",
            Some(ConnectFailure::Unreachable) => "found no way to it",
            Some(ConnectFailure::Tls) => "failed in TLS",
            Some(ConnectFailure::NotHttp2) => "found no HTTP/2 there",
            Some(ConnectFailure::OurLimit) => "met a limit of this machine",
        };
        let advice = match what {
            Some(ConnectFailure::NoSettings) => {
                "Something accepts connections there and says nothing: see whether the replica behind \
                 the address hangs, and whether a proxy before it waits for one that is gone."
            }
            Some(ConnectFailure::Refused) => {
                "See whether the replica behind the address runs and listens on this port, and why the \
                 name leads there."
            }
            Some(ConnectFailure::Tls) => {
                "See what certificate the address shows, and whether it asks for ours."
            }
            Some(ConnectFailure::NotHttp2) => {
                "See what listens at the address: it is not what the others are."
            }
            _ => {
                "See whether the replica behind the address runs, whether the name still leads to it \
                 rightly, and which firewall on the way drops packets."
            }
        };
        Finding {
            kind: Kind::ConnectionsFailed,
            title: format!("{} {said}", share(worst)),
            evidence: evidence + &self.whereabouts(worst, all),
            advice: advice.to_owned(),
        }
    }

    fn late(&self, slowest: &AddressConnections, all: &[AddressConnections]) -> Finding {
        let took = |address: &AddressConnections| {
            let ends = [address.fastest_ns, address.slowest_ns];
            match ends.map(|ns| Human(ns.unwrap_or(0)).to_string()) {
                [fastest, slowest] if fastest == slowest => slowest,
                [fastest, slowest] => format!("{fastest} to {slowest}"),
            }
        };
        let mut evidence = format!(
            "{} took {} until TCP, TLS and the HTTP/2 settings were through",
            counted(slowest.tried, "connection"),
            took(slowest)
        );
        let others = all.iter().filter(|address| *address != slowest);
        let mut others = others.filter(|address| address.slowest_ns.is_some());
        evidence += &match others.next() {
            Some(other) => format!(", those to {} {}.", other.address, took(other)),
            None => ".".to_owned(),
        };
        Finding {
            kind: Kind::ConnectionsFailed,
            title: format!("Connections to {} opened late", slowest.address),
            evidence: evidence + &self.whereabouts(slowest, all),
            advice: "See what makes it slow to take a connection: a proxy that first opens one of its \
                     own, a full backlog, a busy processor. Callers who connect for each call wait as \
                     long."
                .to_owned(),
        }
    }

    /// Where sessions ran meanwhile, with a space before it.
    fn whereabouts(&self, address: &AddressConnections, all: &[AddressConnections]) -> String {
        let there = self.by_peer.get(&address.address).copied().unwrap_or(0);
        let elsewhere = self.by_peer.values().sum::<u64>() - there;
        let is_open = |other: &AddressConnections| other.fastest_ns.is_some();
        match (there, elsewhere) {
            (0, 0) if !all.iter().any(is_open) => " No other connection was open.".to_owned(),
            (0, 0) => String::new(),
            (0, n) => format!(
                " All {} ran on the other connections.",
                counted(n, "session")
            ),
            (there, 0) => format!(" {} ran there.", counted(there, "session")),
            (there, n) => format!(
                " {} ran there, {} on the other connections.",
                counted(there, "session"),
                grouped(n)
            ),
        }
    }
}

/// Connections that did not come to be for another reason than a limit of our own.
fn failures(address: &AddressConnections) -> u64 {
    let failed = address.failed.iter();
    let others = failed.filter(|(why, _)| **why != ConnectFailure::OurLimit);
    others.map(|(_, count)| count).sum()
}

fn is_late(address: &AddressConnections, all: &[AddressConnections]) -> bool {
    let others = all.iter().filter(|other| *other != address);
    let fastest_ns = others.filter_map(|other| other.fastest_ns).min();
    let is_slow = |took_ns: i64| {
        took_ns >= LATE_NS && fastest_ns.is_some_and(|ns| took_ns >= ns.saturating_mul(TIMES))
    };
    address.late > 0 || address.fastest_ns.is_some_and(is_slow)
}

fn most_frequent(address: &AddressConnections) -> Option<ConnectFailure> {
    let failed = address.failed.iter();
    let others = failed.filter(|(why, _)| **why != ConnectFailure::OurLimit);
    others.max_by_key(|(_, count)| **count).map(|(why, _)| *why)
}

/// `2 of 8 connections to 10.0.0.9:50051`.
fn share(address: &AddressConnections) -> String {
    format!(
        "{} of {} to {}",
        grouped(failures(address)),
        counted(address.tried, "connection"),
        address.address
    )
}

/// Each reason with its figure.
fn reasons(address: &AddressConnections) -> String {
    let said = address.failed.iter().map(|(why, count)| {
        let count = grouped(*count);
        match why {
            ConnectFailure::NoAnswer => format!("{count} got no answer at all in time"),
            ConnectFailure::NoSettings => {
                format!("{count} got no HTTP/2 settings in time, though they were accepted")
            }
            ConnectFailure::Refused => format!("{count} refused"),
            ConnectFailure::Unreachable => format!("{count} found no way there"),
            ConnectFailure::Tls => format!("{count} failed in TLS"),
            ConnectFailure::NotHttp2 => format!("{count} found no HTTP/2 there"),
            ConnectFailure::OurLimit => format!("{count} met a limit of this machine"),
        }
    });
    said.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Summary;
    use crate::results::manifest::RunManifest;
    use crate::results::sample::{manifest, row, second};

    const HEALTHY: &str = "10.0.0.1:50051";

    fn address(last: u8, tried: u64, failed: &[(ConnectFailure, u64)]) -> AddressConnections {
        let open = tried > failed.iter().map(|(_, count)| count).sum();
        AddressConnections {
            address: format!("10.0.0.{last}:50051"),
            tried,
            failed: failed.iter().copied().collect(),
            late: 0,
            fastest_ns: open.then_some(2 * NS_PER_MS),
            slowest_ns: open.then_some(3 * NS_PER_MS),
        }
    }

    fn run(connections: Vec<AddressConnections>) -> RunManifest {
        RunManifest {
            connections,
            ..manifest()
        }
    }

    /// The one finding of 20 turns, each of a session of its own, at [`HEALTHY`].
    fn said(connections: Vec<AddressConnections>) -> Option<[String; 2]> {
        let rows: Vec<_> = (0..20)
            .map(|n| RequestRow {
                session_id: format!("call-{n}"),
                turn: 0,
                peer: Some(HEALTHY.to_owned()),
                ..row(n)
            })
            .collect();
        let summary = Summary::of(&run(connections), &rows, &[second(0)], None);
        let mut found = summary.diagnosis.into_iter();
        let finding = found.next()?;
        assert_eq!(
            (finding.kind, found.next()),
            (Kind::ConnectionsFailed, None)
        );
        Some([finding.title, finding.evidence])
    }

    #[test]
    fn connections_that_fail_are_named_with_their_address_and_reasons() {
        use ConnectFailure::{NoAnswer, NoSettings, OurLimit, Refused};
        let healthy = address(1, 8, &[]);
        assert_eq!(said(vec![healthy.clone(), address(2, 8, &[])]), None);
        assert_eq!(
            said(vec![healthy.clone(), address(9, 8, &[(OurLimit, 3)])]),
            None
        );
        let [title, evidence] =
            said(vec![healthy.clone(), address(9, 8, &[(NoAnswer, 2)])]).unwrap();
        assert_eq!(title, "2 of 8 connections to 10.0.0.9:50051 did not answer");
        assert_eq!(
            evidence,
            "2 got no answer at all in time. All 20 sessions ran on the other connections."
        );
        let [title, evidence] = said(vec![
            address(1, 8, &[(Refused, 2)]),
            address(9, 4, &[(NoAnswer, 1), (NoSettings, 2)]),
        ])
        .unwrap();
        assert_eq!(title, "3 of 4 connections to 10.0.0.9:50051 did not answer");
        assert!(
            evidence.contains("2 of 8 connections to 10.0.0.1:50051: 2 refused."),
            "{evidence}"
        );
    }

    #[test]
    fn connections_that_open_late_are_named_beside_the_others() {
        let late = |late, ns| AddressConnections {
            late,
            fastest_ns: Some(ns),
            slowest_ns: Some(ns),
            ..address(9, 4, &[])
        };
        let healthy = address(1, 4, &[]);
        assert_eq!(said(vec![healthy.clone(), late(0, 200 * NS_PER_MS)]), None);
        assert_eq!(said(vec![late(0, 900 * NS_PER_MS)]), None, "as all are");
        let [title, evidence] = said(vec![healthy, late(0, 900 * NS_PER_MS)]).unwrap();
        assert_eq!(title, "Connections to 10.0.0.9:50051 opened late");
        assert_eq!(
            evidence,
            "4 connections took 900 ms until TCP, TLS and the HTTP/2 settings were through, those to \
             10.0.0.1:50051 2.00 ms to 3.00 ms. All 20 sessions ran on the other connections."
        );
        let [title, _] = said(vec![late(4, 2_500 * NS_PER_MS)]).unwrap();
        assert_eq!(title, "Connections to 10.0.0.9:50051 opened late");
    }
}
