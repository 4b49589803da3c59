//! Streams that break off at one age or size, whoever they are: something between the caller and the
//! gateway has a limit.

use std::collections::HashSet;

use super::broken::{Broken, YOUNGEST_NS, broken_streams};
use super::count::Count;
use super::failures::stream_bytes;
use super::known_limits::{KNOWN, Known};
use super::measure::{ByMeasure, Measure, NEAR_NS};
use super::values::most_frequent;
use super::{Finding, Kind, Look, Seen};
use crate::report::end_code::EndCode;
use crate::report::sketch::Sketch;
use crate::results::row::RequestRow;
use crate::units::{Human, NS_PER_MS, counted};

/// Fewer streams are no evidence, nor is less than three in five of those that broke off.
const FEWEST: usize = 5;
/// A limit is a known one when it lies so near: a share of it, or two chunks.
const KNOWN_SHARE: i64 = 50;
/// A timer ends streams at so nearly one age, and so long after the caller's last chunk at least, where
/// all callers speak for as long: what is answered with a failure takes a time that differs more, or
/// none, or is of the length of other streams, and has a code of its own, which a reset has not.
const TIMER_NS: i64 = 25 * NS_PER_MS;
const NO_ANSWER_NS: i64 = 100 * NS_PER_MS;
/// Largest chance that ages anywhere within [`NEAR_NS`] lie so near each other.
const CHANCE: f64 = 1e-4;
/// Streams that start at one instant and break at another tell nothing of their age: the instants
/// that it counts from must be apart by so many times the width of the cluster.
const APART: i64 = 3;

/// How far the streams of turns that did not break came.
#[derive(Debug, Default)]
pub(super) struct Ages(ByMeasure<Sketch>);

/// Broken streams whose figures lie near each other.
struct Cluster {
    measure: Measure,
    streams: Vec<Broken>,
    /// Smallest, median and largest figure.
    least: i64,
    median: i64,
    most: i64,
}

impl Look for Ages {
    fn add(&mut self, row: &RequestRow) {
        let is_broken = EndCode::of_failure(row).is_some();
        let Some(closed_ns) = row.closed_ns.filter(|_| !is_broken) else {
            return;
        };
        let since = |ns: Option<i64>| ns.map(|ns| closed_ns - ns);
        let figures: ByMeasure<_> = [
            since(row.opened_ns),
            since(row.last_chunk_sent_ns),
            stream_bytes(row),
        ];
        for (sketch, figure) in self.0.iter_mut().zip(figures) {
            figure.into_iter().for_each(|figure| sketch.add(figure));
        }
    }

    /// Said when most of the streams that broke off did so at one figure, which hardly any
    /// other stream came beyond.
    fn finding(&self, seen: &mut Seen<'_>) -> Option<Finding> {
        let failures = &mut seen.failures;
        let streams = broken_streams(failures.unexplained());
        let [age, since, bytes] = Measure::ALL.map(|measure| Cluster::of_most(&streams, measure));
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
}

impl Ages {
    /// Turns that went on beyond the figure of `cluster`.
    fn beyond(&self, cluster: &Cluster) -> u64 {
        let limit = cluster.most + cluster.measure.near(cluster.most);
        self.0[cluster.measure as usize].above(limit)
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
        let near_it = cluster.least - Measure::Age.near(cluster.least);
        let is_usual =
            self.0[Measure::Age as usize].above(near_it) * 10 > cluster.streams.len() as u64;
        let is_cut = |stream: &Broken| stream.is_reset || stream.code.is_cut();
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
        let figure = |stream: &Broken| stream.figures[measure as usize];
        let known = streams.iter().filter_map(|s| Some((figure(s)?, *s)));
        let mut sorted: Vec<(i64, Broken)> = known.filter(|(figure, _)| *figure > 0).collect();
        sorted.sort_unstable_by_key(|(figure, stream)| (*figure, stream.session));
        let end_of = |start: usize| {
            let widest = sorted[start].0 + measure.near(sorted[start].0);
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
            Measure::Age | Measure::Bytes => stream.opened_ns,
            Measure::SinceRequest => {
                let since_ns = stream.figures[self.measure as usize].unwrap_or(0);
                stream.opened_ns + stream.age_ns - since_ns
            }
        };
        let starts = || self.streams.iter().map(from);
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
        let (measure, streams) = (self.measure, &self.streams);
        let (figure, origin) = (measure.said(self.median), measure.origin());
        let [least, most] = [self.least, self.most].map(|figure| measure.exactly(figure));
        let code = most_frequent(streams.iter().map(|stream| stream.code));
        let code = code.map_or_else(|| "no known code".to_owned(), |(code, _)| code.to_string());
        let beyond = match beyond {
            0 => "no turn went on beyond that".to_owned(),
            n => format!("{} went on beyond that", counted(n, "turn")),
        };
        let count = Count {
            turns: broken as u64,
            failed: streams.len() as u64,
        };
        let mut evidence = format!(
            "{} did so {figure} {origin} ({least} to {most}), with {code}; {beyond}.",
            count.said("stream", " that broke off"),
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
        let title = match measure {
            Measure::Age | Measure::SinceRequest => {
                format!("Streams are cut off {figure} {origin}")
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
