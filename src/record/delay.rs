//! How long the proxy itself keeps what it carries: from when it has read a piece of a stream until
//! the piece is handed on, with room granted by the other side.

use std::sync::Mutex;

use hdrhistogram::Histogram;

/// Longest delay that is distinguished: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// What the proxy added to what it carried, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct AddedLatency {
    /// Pieces of streams that were carried.
    pub count: u64,
    /// Half of them were handed on within this time.
    pub p50_ns: i64,
    /// 99 % of them were.
    pub p99_ns: i64,
    /// All of them were.
    pub max_ns: i64,
}

/// Delays by direction.
#[derive(Debug)]
pub struct Delays {
    to_gateway: Mutex<Histogram<u64>>,
    to_caller: Mutex<Histogram<u64>>,
}

impl Default for Delays {
    fn default() -> Delays {
        let empty = || {
            // Fails only for bounds that make no sense.
            let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3);
            Mutex::new(histogram.unwrap_or_else(|_| unreachable!("the bounds are constant")))
        };
        Delays {
            to_gateway: empty(),
            to_caller: empty(),
        }
    }
}

impl Delays {
    /// A piece of what a caller sends was handed on after so many nanoseconds.
    pub(super) fn to_gateway(&self, ns: i64) {
        count(&self.to_gateway, ns);
    }

    /// A piece of what the gateway sends was handed on after so many nanoseconds.
    pub(super) fn to_caller(&self, ns: i64) {
        count(&self.to_caller, ns);
    }

    /// Towards the gateway and towards callers: how many delays lie between one of `ends_ns`, in
    /// ascending order, and the one before it, how many beyond the last, and the sum of all.
    pub(super) fn between(&self, ends_ns: &[u64]) -> [(Vec<u64>, u64); 2] {
        [&self.to_gateway, &self.to_caller].map(|histogram| {
            let histogram = lock(histogram);
            let mut from = 0;
            let mut between = Vec::new();
            for end in ends_ns.iter().copied().chain([u64::MAX]) {
                between.push(histogram.count_between(from, end));
                from = end.saturating_add(1);
            }
            let sum = histogram.mean() * histogram.len() as f64;
            (between, sum as u64)
        })
    }

    /// What was counted so far: towards the gateway, and towards callers.
    #[must_use]
    pub fn so_far(&self) -> [AddedLatency; 2] {
        [&self.to_gateway, &self.to_caller].map(|histogram| {
            let histogram = lock(histogram);
            let at = |q| i64::try_from(histogram.value_at_quantile(q)).unwrap_or(i64::MAX);
            AddedLatency {
                count: histogram.len(),
                p50_ns: at(0.5),
                p99_ns: at(0.99),
                max_ns: i64::try_from(histogram.max()).unwrap_or(i64::MAX),
            }
        })
    }
}

fn count(histogram: &Mutex<Histogram<u64>>, ns: i64) {
    lock(histogram).saturating_record(u64::try_from(ns).unwrap_or(0));
}

fn lock(histogram: &Mutex<Histogram<u64>>) -> std::sync::MutexGuard<'_, Histogram<u64>> {
    histogram
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_told_apart() {
        let delays = Delays::default();
        for us in 1..=100 {
            delays.to_gateway(us * 1000);
        }
        delays.to_caller(-5);
        let [to_gateway, to_caller] = delays.so_far();
        assert_eq!((to_gateway.count, to_caller.count), (100, 1));
        assert!((50_000..51_000).contains(&to_gateway.p50_ns));
        assert!((99_000..100_000).contains(&to_gateway.p99_ns));
        assert!((100_000..101_000).contains(&to_gateway.max_ns));
        assert_eq!(to_caller.max_ns, 0);
    }
}
