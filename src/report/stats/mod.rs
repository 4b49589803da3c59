//! Exact quantiles of values of which some never came, and how far they can be trusted.
//!
//! A quantile is the **nearest rank** (the inverted distribution function, type 1 of Hyndman and
//! Fan 1996): the value at rank ⌈p·n⌉ of the sorted rows. It is always a value that was measured,
//! and it stays defined when the largest values are "never", where an interpolation would not.
//! `interval` has its confidence interval, which is made of measured values too.

mod interval;
mod level;
mod percentiles;
mod sample;
pub(in crate::report) mod special;

pub use level::Level;
pub use percentiles::{PerLevel, Percentiles, Quantile};
pub use sample::Sample;

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// How often of `seeds` the interval of the median and of p95 hold the true one, for sessions of
    /// five turns. The full simulation is `tools/bench/src/bin/coverage.rs`.
    fn held(alike: f64, seeds: u64) -> [u64; 2] {
        let mut held = [0; 2];
        for seed in 0..seeds {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
            let mut sample = Sample::default();
            for session in 0..80 {
                let effect = alike.sqrt() * normal();
                for _ in 0..5 {
                    let logarithm = effect + (1.0 - alike).sqrt() * normal();
                    sample.push(Some((1e6 * logarithm.exp()) as i64), session);
                }
            }
            let interval = sample.percentiles().interval_ns;
            // The exponentials of 0 and 1.644854.
            let truths = [1_000_000, 5_180_252];
            for ((held, truth), ends) in held
                .iter_mut()
                .zip(truths)
                .zip([interval.p50, interval.p95])
            {
                let within =
                    |[low, high]: [Option<i64>; 2]| low <= Some(truth) && Some(truth) <= high;
                *held += u64::from(ends.is_some_and(within));
            }
        }
        held
    }

    #[test]
    fn intervals_hold_the_true_quantile_as_often_as_they_say() {
        for alike in [0.0, 0.5] {
            let held = held(alike, 300);
            // 95 % of 300 are 285; by chance they are fewer than 272 once in 3,000 times.
            assert!(
                held.iter().all(|held| (272..=299).contains(held)),
                "{alike} {held:?}"
            );
        }
    }
}
