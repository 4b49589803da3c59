//! The shape of a trace: how long its sessions and utterances are, and how they come over time.

use super::TraceError;
use super::extent::session_end_ns;
use super::model::SessionRows;
use super::stream::Bundle;

/// Mean gaps in a window in which starts are counted for the index of dispersion.
const GAPS_PER_WINDOW: i64 = 10;
/// Fewest windows that make an index.
const MIN_WINDOWS: usize = 10;

/// What is known of each session and utterance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Starts of the sessions, in order.
    starts: Vec<i64>,
    /// Ends of the sessions.
    ends: Vec<i64>,
    /// Lengths of the sessions.
    sessions: Vec<i64>,
    /// Lengths of the utterances.
    turns: Vec<i64>,
}

/// Lengths in nanoseconds, as a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min_ns: i64,
    /// The median.
    pub p50_ns: i64,
    /// 95 of 100 are no longer.
    pub p95_ns: i64,
    /// The longest.
    pub max_ns: i64,
}

/// How bursty arrivals are.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Dispersion {
    /// Variance over mean of the number of starts in windows.
    pub index: f64,
    /// Length of a window.
    pub window_ns: i64,
}

impl Profile {
    /// Reads all sessions of a bundle, and keeps a few numbers of each.
    ///
    /// # Errors
    /// A bundle that cannot be read.
    pub fn of(bundle: &Bundle) -> Result<Profile, TraceError> {
        let mut profile = Profile::default();
        for rows in bundle.sessions()? {
            profile.take_in(&rows?);
        }
        profile.ends.sort_unstable();
        profile.sessions.sort_unstable();
        profile.turns.sort_unstable();
        Ok(profile)
    }

    fn take_in(&mut self, rows: &SessionRows) {
        let start_ns = rows.session.start_ns;
        let end_ns = session_end_ns(start_ns, &rows.events);
        self.starts.push(start_ns);
        self.ends.push(end_ns);
        self.sessions.push(end_ns - start_ns);
        self.turns
            .extend(rows.turns.iter().map(|turn| turn.end_ns - turn.at_ns));
    }

    /// How long sessions are, from the start to the last message; `None` without any.
    #[must_use]
    pub fn session_lengths(&self) -> Option<Lengths> {
        lengths(&self.sessions)
    }

    /// How long utterances are; `None` without any.
    #[must_use]
    pub fn turn_lengths(&self) -> Option<Lengths> {
        lengths(&self.turns)
    }

    /// Coefficient of variation of the gaps between starts: their standard deviation over their
    /// mean. 0 when evenly spaced, 1 for a Poisson process, more when bursty. `None` for fewer than
    /// three sessions, or when all start at once.
    #[must_use]
    pub fn gap_variation(&self) -> Option<f64> {
        let gaps: Vec<f64> = self
            .starts
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let (mean, variance) = mean_and_variance(&gaps)?;
        (mean > 0.0).then(|| variance.sqrt() / mean)
    }

    /// Index of dispersion of counts (Cox and Lewis, "The Statistical Analysis of Series of
    /// Events", 1966): variance over mean of the number of starts in windows of ten mean gaps, so
    /// that traces of different rates compare. 0 when evenly spaced, 1 for a Poisson process, more
    /// when bursty. `None` for fewer than ten windows.
    #[must_use]
    pub fn dispersion(&self) -> Option<Dispersion> {
        let (first, last) = (*self.starts.first()?, *self.starts.last()?);
        let gaps = i64::try_from(self.starts.len() - 1).ok()?.max(1);
        let window_ns = (last - first) / gaps * GAPS_PER_WINDOW;
        let windows = usize::try_from((last - first).checked_div(window_ns)?).ok()?;
        if windows < MIN_WINDOWS {
            return None;
        }
        let mut counts = vec![0.0; windows];
        for start_ns in &self.starts {
            // The last window may be cut off by the end, so that it is left out.
            let window = usize::try_from((start_ns - first) / window_ns).ok()?;
            if let Some(count) = counts.get_mut(window) {
                *count += 1.0;
            }
        }
        let (mean, variance) = mean_and_variance(&counts)?;
        Some(Dispersion {
            index: variance / mean,
            window_ns,
        })
    }

    /// From trace time 0 to the end of the last session.
    #[must_use]
    pub fn duration_ns(&self) -> i64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// How many sessions start in each of so many equal parts of the trace.
    #[must_use]
    pub fn starts_in(&self, parts: usize) -> Vec<u64> {
        let mut counts = vec![0; parts];
        for start_ns in &self.starts {
            counts[self.part(*start_ns, parts)] += 1;
        }
        counts
    }

    /// The largest number of sessions that are open at once in each of so many equal parts.
    #[must_use]
    pub fn sessions_in(&self, parts: usize) -> Vec<u64> {
        let mut most = vec![0; parts];
        let (mut open, mut ended, mut reached) = (0_u64, 0, 0);
        for start_ns in &self.starts {
            let part = self.part(*start_ns, parts);
            while ended < self.ends.len() && self.ends[ended] <= *start_ns {
                let end_part = self.part(self.ends[ended], parts);
                fill(&mut most, &mut reached, end_part, open);
                open -= 1;
                ended += 1;
            }
            fill(&mut most, &mut reached, part, open);
            open += 1;
            most[part] = most[part].max(open);
        }
        for end_ns in &self.ends[ended..] {
            fill(&mut most, &mut reached, self.part(*end_ns, parts), open);
            open -= 1;
        }
        most
    }

    fn part(&self, at_ns: i64, parts: usize) -> usize {
        let length_ns = i128::from(self.duration_ns().max(1));
        let part = i128::from(at_ns) * parts as i128 / length_ns;
        usize::try_from(part).unwrap_or(0).min(parts - 1)
    }
}

/// So many sessions are open from the part that was reached up to `part`.
fn fill(most: &mut [u64], reached: &mut usize, part: usize, open: u64) {
    for count in &mut most[*reached..=part.max(*reached)] {
        *count = (*count).max(open);
    }
    *reached = part.max(*reached);
}

/// `None` without any values; the variance is that of the values as the whole population.
fn mean_and_variance(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    Some((mean, squares.sum::<f64>() / count))
}

/// Of sorted lengths; the quantiles are the smallest length that so many do not exceed.
fn lengths(sorted: &[i64]) -> Option<Lengths> {
    let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
    Some(Lengths {
        min_ns: *sorted.first()?,
        p50_ns: at(50),
        p95_ns: at(95),
        max_ns: *sorted.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};

    /// Of sessions with these starts and lengths.
    fn profile(sessions: &[(i64, i64)]) -> Profile {
        let mut sessions = sessions.to_vec();
        sessions.sort_unstable();
        let mut ends: Vec<_> = sessions
            .iter()
            .map(|(start, length)| start + length)
            .collect();
        ends.sort_unstable();
        Profile {
            starts: sessions.iter().map(|(start, _)| *start).collect(),
            ends,
            ..Profile::default()
        }
    }

    #[test]
    fn quantiles_are_lengths_that_exist() {
        let sorted: Vec<i64> = (1..=100).collect();
        let expected = Lengths {
            min_ns: 1,
            p50_ns: 50,
            p95_ns: 95,
            max_ns: 100,
        };
        assert_eq!(lengths(&sorted), Some(expected));
        assert_eq!(lengths(&[7]).map(|l| (l.p50_ns, l.p95_ns)), Some((7, 7)));
        assert_eq!(lengths(&[]), None);
    }

    #[test]
    fn burstiness_is_0_when_even_1_when_random_and_more_in_bursts() {
        let even: Vec<_> = (0..2000).map(|n| (n * 1000, 1)).collect();
        let even = profile(&even);
        assert_eq!(even.gap_variation(), Some(0.0));
        assert!(even.dispersion().unwrap().index < 0.01);

        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let poisson: Vec<_> = (0..5000)
            .map(|_| (random.random_range(0..10_000_000), 1))
            .collect();
        let poisson = profile(&poisson);
        assert!((poisson.gap_variation().unwrap() - 1.0).abs() < 0.1);
        assert!((poisson.dispersion().unwrap().index - 1.0).abs() < 0.2);

        let bursts: Vec<_> = (0..2000).map(|n| (n / 20 * 20_000 + n % 20, 1)).collect();
        let bursts = profile(&bursts);
        assert!(bursts.gap_variation().unwrap() > 3.0);
        assert!(bursts.dispersion().unwrap().index > 5.0);

        let at_once = profile(&[(5, 1); 50]);
        assert_eq!(
            (at_once.gap_variation(), at_once.dispersion()),
            (None, None)
        );
        assert_eq!(Profile::default().dispersion(), None);
    }

    proptest! {
        #[test]
        fn parts_count_every_start_and_every_open_session(
            sessions in prop::collection::vec((0_i64..1000, 1_i64..400), 1..40),
            parts in 1_usize..50,
        ) {
            let profile = profile(&sessions);
            let starts = profile.starts_in(parts);
            prop_assert_eq!(starts.iter().sum::<u64>(), sessions.len() as u64);
            let mut most = vec![0; parts];
            for at in 0..profile.duration_ns() {
                let is_open = |(start, length): &&(i64, i64)| *start <= at && at < start + length;
                let open = sessions.iter().filter(is_open).count() as u64;
                let part = profile.part(at, parts);
                most[part] = most[part].max(open);
            }
            let counted = profile.sessions_in(parts);
            prop_assert_eq!(counted.iter().max(), most.iter().max());
            // A session that ends within the first instant of a part may count there.
            for (part, (counted, most)) in counted.iter().zip(&most).enumerate() {
                prop_assert!(counted >= most, "part {}: {} < {}", part, counted, most);
                let before = if part == 0 { 0 } else { profile.sessions_in(parts)[part - 1] };
                prop_assert!(*counted <= (*most).max(before), "part {}", part);
            }
        }
    }
}
