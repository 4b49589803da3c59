//! What a difference amounts to: its interval, its p-value, and what is left of that among others.

use crate::report::stats::special::{t_limit, t_two_sided};

/// Of the standard normal: beyond it lie 5 % of cases.
const Z: f64 = 1.959_963_984_540_054;
/// The limit of an adjusted p-value.
pub(super) const LIMIT: f64 = 0.05;

/// A difference and what chance does to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    /// 95 % interval; null without one, an end is null where it has none.
    pub interval: Option<[Option<f64>; 2]>,
    /// The chance of a difference at least this large without a cause.
    pub p_value: f64,
}

/// Judges an `observed` difference by its `draws`, where about `clusters` clusters stand behind them.
///
/// The interval is the draws' own (percentiles), widened for few clusters as Student's t is (Hesterberg
/// 2015). The p-value takes its half towards 0 for a normal one, so that it is below 0.05 where 0 is
/// outside the interval, and small ones need not be counted in draws.
pub(super) fn by_draws(observed: f64, draws: &mut [f64], clusters: f64) -> Judged {
    draws.sort_unstable_by(f64::total_cmp);
    if !observed.is_finite() {
        return without_answer(observed, draws);
    }
    let at = |share: f64| draws.get((share * draws.len() as f64) as usize).copied();
    let (Some(low), Some(high)) = (at(0.025), at(0.975)) else {
        return Judged {
            interval: None,
            p_value: 1.0,
        };
    };
    let df = (clusters - 1.0).max(1.0);
    let few = (1.0 + 1.0 / df).sqrt();
    let (below, above) = ((observed - low).max(0.0), (high - observed).max(0.0));
    let wider = few * t_limit(df) / Z;
    let end = |end: f64| Some(end).filter(|end| end.is_finite());
    let towards = if observed > 0.0 { below } else { above };
    Judged {
        interval: Some([end(observed - wider * below), end(observed + wider * above)]),
        p_value: match (observed == 0.0, towards == 0.0) {
            (true, _) => 1.0,
            // As if each cluster had chosen its side by itself.
            (false, true) => 0.5_f64.powf(clusters - 1.0).min(1.0),
            (false, false) => t_two_sided(observed.abs() * Z / (towards * few), df),
        },
    }
}

/// One of both has no answer: the share of draws in which that is not so.
fn without_answer(observed: f64, draws: &[f64]) -> Judged {
    let others = draws.iter().filter(|draw| **draw != observed).count();
    let share = (others + 1) as f64 / (draws.len() + 1) as f64;
    Judged {
        interval: None,
        p_value: (2.0 * share).min(1.0),
    }
}

/// Judges an `observed` difference whose standard error is known.
pub(super) fn by_error(observed: f64, error: f64, clusters: f64) -> Judged {
    let df = (clusters - 1.0).max(1.0);
    let half = error * t_limit(df);
    Judged {
        interval: Some([Some(observed - half), Some(observed + half)]),
        p_value: match observed == 0.0 {
            true => 1.0,
            false => t_two_sided(observed.abs() / error, df),
        },
    }
}

/// The p-values adjusted by Holm (1979), so that among all of them a false alarm is as rare as it
/// would be for one alone.
pub(super) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let left = (p_values.len() - place) as f64;
        largest = largest.max(p_values[index] * left).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws around `observed` like those of a normal distribution.
    fn draws(observed: f64, error: f64) -> Vec<f64> {
        // Sums of uniform spacings: near enough to normal, and the same every time.
        let uniform = |i: u32, by: f64| (f64::from(i) * by).fract() - 0.5;
        let bys = [0.618_033_988, 0.414_213_562, 0.732_050_807, 0.236_067_977];
        let sum = |i: u32| bys.iter().map(|by| uniform(i, *by)).sum::<f64>();
        (0..4_000)
            .map(|i| observed + error * sum(i) * 3_f64.sqrt())
            .collect()
    }

    #[test]
    fn an_interval_that_leaves_out_0_is_a_p_value_below_the_limit() {
        for tenths in 0..40 {
            let observed = f64::from(tenths) / 10.0;
            for clusters in [3.0, 8.0, 1_000.0] {
                let judged = by_draws(observed, &mut draws(observed, 1.0), clusters);
                let [low, _] = judged.interval.unwrap();
                assert_eq!(
                    low.unwrap() > 0.0,
                    judged.p_value < LIMIT,
                    "{observed} {clusters}"
                );
            }
        }
        let two = by_draws(2.0, &mut draws(2.0, 1.0), 1e6).p_value;
        assert!((0.035..0.06).contains(&two), "{two}");
        assert!(by_draws(9.0, &mut draws(9.0, 1.0), 1e6).p_value < 1e-9);
    }

    #[test]
    fn draws_without_an_answer_open_an_end() {
        let mut mixed = draws(3.0, 1.0);
        mixed
            .iter_mut()
            .step_by(20)
            .for_each(|draw| *draw = f64::INFINITY);
        let judged = by_draws(3.0, &mut mixed, 1e3);
        assert!(matches!(judged.interval, Some([Some(_), None])));
        let all = by_draws(f64::INFINITY, &mut vec![f64::INFINITY; 999], 1e3);
        assert_eq!((all.interval, all.p_value), (None, 0.002));
        assert_eq!(
            by_draws(f64::INFINITY, &mut draws(0.0, 1.0), 1e3).p_value,
            1.0
        );
        assert_eq!(by_draws(1.0, &mut [], 1e3).p_value, 1.0);
    }

    #[test]
    fn a_certain_difference_is_as_certain_as_there_are_clusters() {
        let certain = |clusters| by_draws(5.0, &mut vec![5.0; 100], clusters).p_value;
        assert!(certain(50.0) < 1e-12);
        assert_eq!((certain(1.0), certain(2.0)), (1.0, 0.5));
        assert_eq!(by_draws(0.0, &mut vec![0.0; 100], 50.0).p_value, 1.0);
        let judged = by_error(0.1, 0.04, 1e6);
        assert!(judged.interval.unwrap()[0] > Some(0.0) && judged.p_value < LIMIT);
    }

    #[test]
    fn holm_adjusts_the_smallest_most_and_keeps_their_order() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
        assert!(adjusted.iter().zip(&expected).all(close), "{adjusted:?}");
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }
}
