//! Sessions that had to wait for a place on a connection, and those that got none: HTTP/2 servers
//! limit the streams of a connection.

use super::failures::{Sign, clock};
use super::{Finding, Kind, Look, Seen};
use crate::report::sketch::Sketch;
use crate::results::row::{RequestRow, Status};
use crate::units::{Human, NS_PER_MS, counted, grouped};

/// Shorter waits are not told from the time that a stream takes to open.
const SHORTEST_NS: i64 = 100 * NS_PER_MS;
/// Fewer sessions are no evidence.
const FEWEST: u64 = 3;

/// Waits of sessions for their stream.
#[derive(Debug, Default)]
pub(super) struct Waits {
    sessions: u64,
    waited: Sketch,
    longest_ns: i64,
    /// When the first wait began, and the last ended.
    span_ns: Option<(i64, i64)>,
    never_opened: u64,
}

impl Look for Waits {
    /// The first turn of a session tells when its stream was opened.
    fn add(&mut self, row: &RequestRow) {
        if row.turn != 0 {
            return;
        }
        self.sessions += 1;
        let start_ns = row.intended_start_ns;
        match row.opened_ns {
            // What is not blocked is our own lag.
            Some(opened_ns) => {
                let waited_ns = (opened_ns - start_ns).min(row.blocked_ns);
                if waited_ns >= SHORTEST_NS {
                    self.waited.add(waited_ns);
                    self.longest_ns = self.longest_ns.max(waited_ns);
                    self.widen(start_ns, opened_ns);
                }
            }
            None if is_unopened(row) => {
                self.never_opened += 1;
                self.widen(start_ns, start_ns);
            }
            None => {}
        }
    }

    /// Said when the gateway's limit is known and was reached, or when it refused streams.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let evidence = [self.waits(seen), refusals(seen)];
        let evidence: Vec<String> = evidence.into_iter().flatten().collect();
        if evidence.is_empty() {
            return None;
        }
        let how = seen
            .failures
            .explain(|failure| failure.sign == Sign::Refused);
        Some(Finding {
            kind: Kind::StreamSlots,
            title: "Streams found no place on their connection".to_owned(),
            evidence: evidence.join(" ") + &how,
            advice:
                "Use more connections (a smaller --sessions-per-connection), or raise the limit \
                     of streams where the connections end (nginx: http2_max_concurrent_streams, \
                     Envoy: max_concurrent_streams). Clients of your own meet the same limit."
                    .to_owned(),
        })
    }
}

impl Waits {
    fn widen(&mut self, from_ns: i64, to_ns: i64) {
        let (first, last) = self.span_ns.unwrap_or((from_ns, to_ns));
        self.span_ns = Some((first.min(from_ns), last.max(to_ns)));
    }

    fn waits(&self, seen: &Seen<'_>) -> Option<String> {
        let limit = *seen.case.run.spec.stream_limit.get()?;
        let connections = *seen.case.run.spec.connections.get()?;
        let room = limit.saturating_mul(connections);
        let (first_ns, last_ns) = self.span_ns?;
        let open = u64::from(seen.load.most(first_ns, last_ns)?);
        let waiting = self.waited.n();
        if waiting + self.never_opened < FEWEST || open < room {
            return None;
        }
        let mut text = format!(
            "The gateway takes {} on a connection, so that {} had room on {}.",
            counted(limit, "stream"),
            counted(room, "session"),
            counted(connections, "connection"),
        );
        if let Some(median) = self.waited.quantile(0.5) {
            text += &format!(
                " {} of {} waited for a place, {} at the median and {} at most, from {} on, with up \
                 to {} at once.",
                grouped(waiting),
                counted(self.sessions, "session"),
                Human(median),
                Human(self.longest_ns),
                clock(first_ns),
                grouped(open),
            );
        }
        if self.never_opened > 0 {
            let sessions = counted(self.never_opened, "session");
            text += &format!(" {sessions} got none within the timeout.");
        }
        Some(text)
    }
}

/// A session that waited for a place until it was given up.
fn is_unopened(row: &RequestRow) -> bool {
    row.status == Status::NotStarted && row.grpc_code.is_none() && row.error.is_none()
}

fn refusals(seen: &Seen<'_>) -> Option<String> {
    let (count, first_ns) = seen.failures.with(Sign::Refused)?;
    let mut text = format!(
        "{} were refused (REFUSED_STREAM), the first at {}{}",
        counted(count, "stream"),
        clock(first_ns),
        seen.load.said_at(first_ns)
    );
    if let Some(connections) = seen.case.run.spec.connections.get() {
        text += &format!(" on {}", counted(*connections, "connection"));
    }
    (count >= FEWEST).then(|| text + ".")
}
