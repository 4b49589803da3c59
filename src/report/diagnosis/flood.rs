//! The gateway closed connections because more small frames came than it could take.

use std::collections::BTreeSet;

use super::failures::{Sign, clock};
use super::{Finding, Kind, Seen};
use crate::units::counted;

/// Said when one error says so: nobody says it by chance.
pub(super) fn finding(seen: &mut Seen<'_>) -> Option<Finding> {
    let failures = &mut seen.failures;
    let (turns, first_ns) = failures.with(Sign::Flood)?;
    let flooded = failures.kept.iter().filter(|f| f.sign == Sign::Flood);
    let connections: BTreeSet<_> = flooded.filter_map(|failure| failure.connection).collect();
    let mut evidence = format!(
        "{} failed on {} that the gateway closed with ENHANCE_YOUR_CALM (GOAWAY); the first at {}{}.",
        counted(turns, "turn"),
        match connections.len() {
            0 => "connections".to_owned(),
            n => counted(n as u64, "connection"),
        },
        clock(first_ns),
        seen.load.said_at(first_ns),
    );
    evidence += &failures.explain(|failure| failure.sign == Sign::Flood);
    Some(Finding {
        kind: Kind::ConnectionFlood,
        title: "The gateway closed connections for too much traffic".to_owned(),
        evidence,
        advice: "Share the sessions between more connections (--sessions-per-connection), raise \
                 the HTTP/2 windows of the gateway or proxy, and see why it does not read as fast \
                 as audio comes."
            .to_owned(),
    })
}
