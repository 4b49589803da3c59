//! Axes of charts: where ticks stand, and how figures are written beside them.

use crate::units::{NS_PER_MS, NS_PER_S};

/// Most ticks on an axis.
const MOST_TICKS: usize = 6;

/// One axis of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    log: bool,
    /// Where ticks stand, and what is written there.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Counts from 0 to at least `most`.
    pub(super) fn counts(most: f64) -> Axis {
        let step = nice_step(most.max(1.0)).max(1.0);
        let to = (most.max(1.0) / step).ceil() * step;
        Axis::linear(0.0, to, step, |value| thousands(value.round() as u64))
    }

    /// Numbers from 0 to at least `most`, with the decimals that they need.
    pub(super) fn numbers(most: f64) -> Axis {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = nice_step(most);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        Axis::linear(0.0, (most / step).ceil() * step, step, move |value| {
            format!("{value:.decimals$}")
        })
    }

    /// Quantities of any size from 0 to at least `most`.
    pub(super) fn quantities(most: f64) -> Axis {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = nice_step(most);
        Axis::linear(0.0, (most / step).ceil() * step, step, quantity)
    }

    /// Shares from 0 to 100 %.
    pub(super) fn shares() -> Axis {
        Axis::linear(0.0, 1.0, 0.25, |value| format!("{:.0} %", value * 100.0))
    }

    /// Shares from `least` to `most` with their signs, 0 among them.
    pub(super) fn signed_shares(least: f64, most: f64) -> Axis {
        let (least, most) = (least.min(0.0), most.max(0.0));
        let step = nice_step((most - least).max(0.01));
        let decimals = (-(step * 100.0).log10().floor()).max(0.0) as usize;
        let label = move |share: f64| match share.abs() < step / 2.0 {
            true => "0".to_owned(),
            false => format!("{:+.decimals$} %", share * 100.0),
        };
        let [from, to] = [(least / step).floor(), (most / step).ceil()];
        Axis::linear(from * step, to * step, step, label)
    }

    /// Lengths of time from 0 to at least `most` nanoseconds.
    pub(super) fn lengths(most: f64) -> Axis {
        let step = nice_step(most.max(1.0));
        Axis::linear(0.0, (most.max(1.0) / step).ceil() * step, step, short)
    }

    /// Lengths of time between powers of ten, for figures that differ by orders of magnitude.
    pub(super) fn decades(least: f64, most: f64) -> Axis {
        let from = least.max(1.0).log10().floor();
        let to = most.max(1.0).log10().ceil().max(from + 1.0);
        let powers = (from as i32..=to as i32).map(|power| 10_f64.powi(power));
        Axis {
            from,
            to,
            log: true,
            ticks: powers.map(|value| (value, short(value))).collect(),
        }
    }

    /// Instants of a run from `from` to `to` nanoseconds.
    pub(super) fn clock(from: f64, to: f64) -> Axis {
        const STEPS: [f64; 18] = [
            0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0,
            1_800.0, 3_600.0, 7_200.0, 14_400.0,
        ];
        let seconds = (to - from).max(1.0) / NS_PER_S as f64;
        let fits = |step: &f64| seconds / step <= MOST_TICKS as f64;
        let step = STEPS
            .into_iter()
            .find(fits)
            .unwrap_or_else(|| nice_step(seconds));
        let step_ns = step * NS_PER_S as f64;
        let label = move |ns: f64| instant(ns, step);
        let mut axis = Axis::linear((from / step_ns).ceil() * step_ns, to, step_ns, label);
        axis.from = from;
        axis
    }

    /// Lanes one above the other, from 0 to `count`, with their names.
    pub(super) fn lanes(count: f64, ticks: Vec<(f64, String)>) -> Axis {
        Axis {
            from: 0.0,
            to: count,
            log: false,
            ticks,
        }
    }

    fn linear(from: f64, to: f64, step: f64, label: impl Fn(f64) -> String) -> Axis {
        let count = ((to - from) / step + 1e-9).floor().max(0.0) as usize;
        let values = (0..=count).map(|i| from + i as f64 * step);
        Axis {
            from,
            to,
            log: false,
            ticks: values.map(|value| (value, label(value))).collect(),
        }
    }

    /// Where `value` lies: from 0 at the axis' begin to 1 at its end; no less and no more.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = if self.log {
            value.max(1.0).log10()
        } else {
            value
        };
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// A step of 1, 2 or 5 times a power of ten that gives at most [`MOST_TICKS`] steps.
fn nice_step(range: f64) -> f64 {
    let rough = range / (MOST_TICKS - 1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power * 10.0)
}

/// A length of time in few characters: `0`, `50 µs`, `1.5 s`.
pub(super) fn short(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        0.0 => return "0".to_owned(),
        ns_abs if ns_abs < 1e3 => (ns, "ns"),
        ns_abs if ns_abs < 1e6 => (ns / 1e3, "µs"),
        ns_abs if ns_abs < 1e9 => (ns / 1e6, "ms"),
        ns_abs if ns_abs < 120e9 => (ns / 1e9, "s"),
        _ => (ns / 60e9, "min"),
    };
    let text = format!("{value:.2}");
    format!(
        "{} {unit}",
        text.trim_end_matches('0').trim_end_matches('.')
    )
}

/// A quantity in few characters: `0`, `12.5`, `80 G`.
pub(super) fn quantity(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e12 => (value / 1e12, " T"),
        size if size >= 1e9 => (value / 1e9, " G"),
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = match scaled.abs() {
        size if size > 0.0 && size < 0.01 => return format!("{scaled:.1e}{unit}"),
        size if size < 10.0 => format!("{scaled:.3}"),
        _ => format!("{scaled:.1}"),
    };
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// An instant of a run: `45s`, `2m`, `2m30s`, `1h05m`.
fn instant(ns: f64, step_s: f64) -> String {
    let ms = (ns / NS_PER_MS as f64).round() as i64;
    let (s, rest_ms) = (ms / 1_000, ms % 1_000);
    match s {
        s if step_s < 1.0 => format!("{}.{}s", s, rest_ms / 100),
        s if s < 60 => format!("{s}s"),
        s if s < 3_600 && s % 60 == 0 => format!("{}m", s / 60),
        s if s < 3_600 => format!("{}m{:02}s", s / 60, s % 60),
        s => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
    }
}

fn thousands(count: u64) -> String {
    match count {
        count if count >= 10_000 && count.is_multiple_of(1_000) => format!("{}k", count / 1_000),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_figures() {
        assert_eq!(labels(&Axis::counts(12.0)), ["0", "5", "10", "15"]);
        assert_eq!(labels(&Axis::counts(0.0)), ["0", "1"]);
        assert_eq!(
            labels(&Axis::lengths(1.2e9)),
            ["0", "500 ms", "1 s", "1.5 s"]
        );
        assert_eq!(labels(&Axis::numbers(1.3)), ["0.0", "0.5", "1.0", "1.5"]);
        assert_eq!(
            labels(&Axis::clock(0.0, 95e9)),
            ["0s", "20s", "40s", "1m", "1m20s"]
        );
        assert_eq!(labels(&Axis::clock(1e8, 1.05e9))[0], "0.2s");
        assert_eq!(
            labels(&Axis::signed_shares(-0.05, 0.021)),
            ["-6 %", "-4 %", "-2 %", "0", "+2 %", "+4 %"]
        );
        assert_eq!(
            labels(&Axis::decades(12_000.0, 2.1e6)),
            ["10 µs", "100 µs", "1 ms", "10 ms"]
        );
    }

    #[test]
    fn quantities_are_short() {
        let shown = [0.0, 0.25, 98.0, 12_345.0, 80e9, 0.0005].map(quantity);
        assert_eq!(shown, ["0", "0.25", "98", "12.3 k", "80 G", "5.0e-4"]);
    }

    proptest! {
        #[test]
        fn every_value_has_a_place_and_ticks_are_few(most in 0.0_f64..1e13, value in 0.0_f64..1e13) {
            for axis in [
                Axis::counts(most.min(1e6)),
                Axis::numbers(most),
                Axis::lengths(most),
                Axis::decades(value, most),
                Axis::clock(0.0, most),
            ] {
                let place = axis.place(value);
                prop_assert!((0.0..=1.0).contains(&place));
                prop_assert!((1..=15).contains(&axis.ticks.len()), "{:?}", axis);
            }
            prop_assert!(most < 1.0 || Axis::lengths(most).place(most) <= 1.0);
        }
    }
}
