//! Streams that break off at one age or size, whoever they are: something between the caller and the
//! gateway has a limit.

use std::collections::{BTreeMap, HashSet};

use super::broken::{Broken, YOUNGEST_NS, broken_streams};
use super::failures::{Failures, stream_bytes};
use super::known_limits::{KNOWN, Known, Measure};
use super::{Finding, Kind};
use crate::report::sketch::Sketch;
use crate::results::row::RequestRow;
use crate::units::{Human, NS_PER_MS, counted, grouped, grpc_code_name, percent};

/// Fewer streams are no evidence, nor is less than three in five of those that broke off.
const FEWEST: usize = 5;
/// How near each other ages must lie: so long, or a share of the age where that is longer.
const NEAR_NS: i64 = 150 * NS_PER_MS;
const NEAR_SHARE: i64 = 40;
/// How near sizes must lie: a few chunks, or a share where that is more; small ones a share as well,
/// since callers who all send as fast are alike in size where they are alike in age.
const NEAR_BYTES: i64 = 8_192;
const SMALL_SHARE: i64 = 16;
/// A limit is a known one when it lies so near: a share of it, or two chunks.
const KNOWN_SHARE: i64 = 50;
/// A timer ends streams at so nearly one age, and so long after the caller's last chunk at least, where
/// all callers speak for as long: what is answered with a failure takes a time that differs more, or
/// none, or is of the length of other streams, and has a code of its own, which a reset has not.
const TIMER_NS: i64 = 25 * NS_PER_MS;
const NO_ANSWER_NS: i64 = 100 * NS_PER_MS;
const CUT_CODES: [u32; 3] = [1, 4, 14];
/// Largest chance that ages anywhere within [`NEAR_NS`] lie so near each other.
const CHANCE: f64 = 1e-4;
/// Streams that start at one instant and break at another tell nothing of their age: the instants
/// that it counts from must be apart by so many times the width of the cluster.
const APART: i64 = 3;

/// How far the streams of turns that did not break came.
#[derive(Debug, Default)]
pub(super) struct Ages {
    age: Sketch,
    since_request: Sketch,
    bytes: Sketch,
}

/// Broken streams whose figures lie near each other.
struct Cluster {
    measure: Measure,
    streams: Vec<Broken>,
    /// Smallest, median and largest figure.
    least: i64,
    median: i64,
    most: i64,
}

impl Ages {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) {
        if row.grpc_code.is_some_and(|code| code != 0) {
            return;
        }
        let Some(closed_ns) = row.closed_ns else {
            return;
        };
        if let Some(opened_ns) = row.opened_ns {
            self.age.add(closed_ns - opened_ns);
        }
        if let Some(sent_ns) = row.last_chunk_sent_ns {
            self.since_request.add(closed_ns - sent_ns);
        }
        if let Some(bytes) = stream_bytes(row) {
            self.bytes.add(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    fn sketch(&self, measure: Measure) -> &Sketch {
        match measure {
            Measure::Age => &self.age,
            Measure::SinceRequest => &self.since_request,
            Measure::Bytes => &self.bytes,
        }
    }

    /// Said when most of the streams that broke off did so at one figure, which hardly any
    /// other stream came beyond.
    pub(super) fn finding(&self, failures: &mut Failures) -> Option<Finding> {
        let streams = broken_streams(failures.unexplained());
        let alike = |measure| Cluster::of_most(&streams, measure);
        let (age, since) = (alike(Measure::Age), alike(Measure::SinceRequest));
        let bytes = alike(Measure::Bytes);
        let limits = || {
            let alike = [&age, &since, &bytes].into_iter().flatten();
            alike.filter(|cluster| self.is_limit(cluster))
        };
        let named = limits().find_map(|cluster| Some((cluster, Some(cluster.known()?))));
        // What fails at once after the caller has spoken is of one age too where all speak for as
        // long; and where ages are alike, what was sent by then is as well.
        let is_timer = age.as_ref().is_some_and(|age| self.is_of_a_timer(age));
        let at_once = since.as_ref().is_some_and(|since| {
            since.median < NO_ANSWER_NS || (since.median < YOUNGEST_NS && !is_timer)
        });
        let unnamed = limits().find(|cluster| match cluster.measure {
            Measure::Age => !at_once,
            Measure::SinceRequest | Measure::Bytes => age.is_none(),
        });
        let (cluster, known) = named.or(unnamed.map(|cluster| (cluster, None)))?;
        let other = since.as_ref();
        let other = other.filter(|_| known.is_none() && cluster.measure == Measure::Age);
        let mut finding = cluster.finding(streams.len(), self.beyond(cluster), known, other);
        let sessions: HashSet<u64> = cluster.streams.iter().map(|s| s.session).collect();
        finding.evidence += &failures.explain(|failure| sessions.contains(&failure.session));
        Some(finding)
    }

    /// Turns that went on beyond the figure of `cluster`.
    fn beyond(&self, cluster: &Cluster) -> u64 {
        let (measure, most) = (cluster.measure, cluster.most);
        self.sketch(measure).above(most + near(measure, most))
    }

    /// Whether the ages of `cluster` lie nearer each other than those of any work do, and others end
    /// well before that.
    fn is_of_a_timer(&self, cluster: &Cluster) -> bool {
        // A busy machine is late for a few: the middle eight of ten count. They are sorted by age.
        let streams = &cluster.streams;
        let few = streams.len() / 10;
        let (least, most) = (streams[few], streams[streams.len() - 1 - few]);
        let (width, n) = (most.age_ns - least.age_ns, (streams.len() - 2 * few) as f64);
        let share = width as f64 / NEAR_NS as f64;
        let is_narrow = width <= TIMER_NS && n * share.powf(n - 1.0) < CHANCE;
        let near_it = cluster.least - near(Measure::Age, cluster.least);
        let is_usual = self.age.above(near_it) * 10 > cluster.streams.len() as u64;
        let is_cut = |stream: &Broken| stream.is_reset || CUT_CODES.contains(&stream.code);
        is_narrow && !is_usual && cluster.streams.iter().all(is_cut)
    }

    /// Whether the cluster's figure ends whatever reaches it.
    fn is_limit(&self, cluster: &Cluster) -> bool {
        let is_late = cluster.measure == Measure::Bytes || cluster.median >= YOUNGEST_NS;
        let is_hard = self.beyond(cluster) * 10 <= cluster.streams.len() as u64;
        is_late && is_hard && cluster.is_spread_in_time()
    }
}

impl Cluster {
    /// The largest cluster, if most of the streams that broke off are in it.
    fn of_most(streams: &[Broken], measure: Measure) -> Option<Cluster> {
        let largest = Cluster::largest(streams, measure)?;
        let count = largest.streams.len();
        (count >= FEWEST && count * 5 >= streams.len() * 3).then_some(largest)
    }

    /// The largest cluster of the streams whose figure is known.
    fn largest(streams: &[Broken], measure: Measure) -> Option<Cluster> {
        let known = streams
            .iter()
            .filter_map(|s| Some((s.measured(measure)?, *s)));
        let mut sorted: Vec<(i64, Broken)> = known.filter(|(figure, _)| *figure > 0).collect();
        sorted.sort_unstable_by_key(|(figure, stream)| (*figure, stream.session));
        let end_of = |start: usize| {
            let widest = sorted[start].0 + near(measure, sorted[start].0);
            sorted.partition_point(|(figure, _)| *figure <= widest)
        };
        // The first of the largest.
        let start = (0..sorted.len())
            .rev()
            .max_by_key(|start| end_of(*start) - start)?;
        let inside = &sorted[start..end_of(start)];
        Some(Cluster {
            measure,
            streams: inside.iter().map(|(_, stream)| *stream).collect(),
            least: inside.first()?.0,
            median: inside[inside.len() / 2].0,
            most: inside.last()?.0,
        })
    }

    /// Whether the instants that the figure counts from lie far enough apart.
    fn is_spread_in_time(&self) -> bool {
        let from = |stream: &Broken| match self.measure {
            Measure::Age | Measure::Bytes => Some(stream.opened_ns),
            Measure::SinceRequest => {
                let since_ns = stream.measured(Measure::SinceRequest)?;
                Some(stream.opened_ns + stream.age_ns - since_ns)
            }
        };
        let starts = || self.streams.iter().filter_map(from);
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else {
            return false;
        };
        let width = match self.measure {
            Measure::Bytes => NEAR_NS,
            Measure::Age | Measure::SinceRequest => (self.most - self.least).max(NEAR_NS / 2),
        };
        last - first > APART * width
    }

    fn known(&self) -> Option<Known> {
        let near = |known: &Known| {
            let apart = (self.median - known.value).abs();
            known.measures.contains(&self.measure) && apart <= known.value / KNOWN_SHARE
        };
        KNOWN.into_iter().find(near)
    }

    fn finding(
        &self,
        broken: usize,
        beyond: u64,
        known: Option<Known>,
        other: Option<&Cluster>,
    ) -> Finding {
        let (figure, where_from) = match self.measure {
            Measure::Age => (Human(self.median).to_string(), "after they were opened"),
            Measure::SinceRequest => (
                Human(self.median).to_string(),
                "after the caller's last chunk",
            ),
            Measure::Bytes => (mebibytes(self.median), "into what they sent"),
        };
        let range = match self.measure {
            Measure::Bytes => format!("{} to {}", mebibytes(self.least), mebibytes(self.most)),
            _ => format!("{} to {}", exact(self.least), exact(self.most)),
        };
        let mut codes: BTreeMap<u32, usize> = BTreeMap::new();
        for stream in &self.streams {
            *codes.entry(stream.code).or_default() += 1;
        }
        let code = codes.iter().max_by_key(|(_, count)| **count);
        let code = code
            .and_then(|(code, _)| grpc_code_name(*code))
            .unwrap_or("no known code");
        let beyond = match beyond {
            0 => "no turn went on beyond that".to_owned(),
            n => format!("{} went on beyond that", counted(n, "turn")),
        };
        let count = self.streams.len() as u64;
        let mut evidence = format!(
            "{} of {} that broke off ({}) did so {figure} {where_from} ({range}), with {code}; {beyond}.",
            grouped(count),
            counted(broken as u64, "stream"),
            percent(count, broken as u64),
        );
        if let Some(other) = other {
            evidence += &format!(
                " All are alike in length, so that it may count from the caller's last chunk as well: {} after it.",
                Human(other.median)
            );
        }
        let advice = match known {
            Some(known) => {
                evidence += &format!(" That is {}.", known.whose);
                known.advice.to_owned()
            }
            None => "Look for this figure among the timeouts and limits of what lies between voicelt and \
                     the gateway (ingress, service mesh, load balancer), and in the gateway itself."
                .to_owned(),
        };
        let title = match self.measure {
            Measure::Age => format!("Streams are cut off {figure} after they were opened"),
            Measure::SinceRequest => {
                format!("Streams are cut off {figure} after the caller's last chunk")
            }
            Measure::Bytes => format!("Streams are cut off after {figure} of audio"),
        };
        Finding {
            kind: Kind::StreamLimit,
            title,
            evidence,
            advice,
        }
    }
}

/// How far apart figures of one limit may lie.
fn near(measure: Measure, figure: i64) -> i64 {
    let least = match measure {
        Measure::Bytes => NEAR_BYTES.min(figure / SMALL_SHARE),
        Measure::Age | Measure::SinceRequest => NEAR_NS,
    };
    least.max(figure / NEAR_SHARE)
}

fn mebibytes(bytes: i64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Seconds to the millisecond: a limit is told by how little its figures differ.
fn exact(ns: i64) -> String {
    format!("{:.3} s", ns as f64 / 1e9)
}
