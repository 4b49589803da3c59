//! Healthy runs of any kind: nothing is said of them but how the failures are called, where they are
//! more than one of a hundred.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{broken, kinds, noise, timeline, turn};
use crate::report::diagnosis::Kind;
use crate::results::row::{RequestRow, TimelineRow};

/// A healthy run: a load that comes and goes, answers whose times have nothing to do with it, and
/// failures without a reason.
#[derive(Debug, Clone)]
struct Healthy {
    seed: u64,
    turns: u32,
    peak: u32,
    sigma: f64,
    failing: f64,
    /// Failures come when the caller has spoken, and not at any time.
    at_once: bool,
    replicas: u32,
    turns_a_session: u32,
}

fn healthy() -> impl Strategy<Value = Healthy> {
    (
        any::<u64>(),
        20_u32..1_500,
        1_u32..300,
        0.05_f64..0.6,
        (0.0_f64..0.03, any::<bool>()),
        1_u32..5,
        1_u32..6,
    )
        .prop_map(
            |(seed, turns, peak, sigma, (failing, at_once), replicas, turns_a_session)| Healthy {
                seed,
                turns,
                peak,
                sigma,
                failing,
                at_once,
                replicas,
                turns_a_session,
            },
        )
}

impl Healthy {
    fn run(&self) -> (Vec<RequestRow>, Vec<TimelineRow>) {
        let mut noise = noise(self.seed);
        let seconds = i64::from(self.turns / 10 + 5);
        let load = |second: i64| {
            let way = second as f64 / seconds as f64;
            1 + (f64::from(self.peak) * (way * std::f64::consts::PI).sin()) as u32
        };
        let rows = (0..self.turns).map(|n| {
            let start_ms = i64::from(n) * 100;
            // A normal value from twelve even ones.
            let normal = (0..12).map(|_| noise()).sum::<f64>() - 6.0;
            let response = 300.0 * (self.sigma * normal).exp();
            let session = n / self.turns_a_session;
            let mut turn = RequestRow {
                session_id: format!("call-{session}"),
                turn: n % self.turns_a_session,
                replica: Some(format!("r{}", session % self.replicas)),
                ..turn(n, start_ms, response as i64, load(start_ms / 1_000))
            };
            if noise() < self.failing {
                let broken = match self.at_once {
                    true => broken(n, start_ms, 1_250 + (noise() * 100.0) as i64, 1_200),
                    false => broken(n, start_ms, 200 + (noise() * 60_000.0) as i64, 20_000),
                };
                turn = RequestRow {
                    session_id: turn.session_id,
                    turn: turn.turn,
                    ..broken
                };
            }
            turn
        });
        (rows.collect(), timeline(seconds, load))
    }
}

proptest! {
    // The same runs each time: by chance one in thousands has its failures on one replica.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(64)
    })]

    #[test]
    fn nothing_is_said_of_a_healthy_run(healthy in healthy()) {
        let (rows, timeline) = healthy.run();
        let failed = rows.iter().filter(|row| !row.status.is_success()).count();
        let expected = match failed * 100 > rows.len() {
            true => vec![Kind::FrequentError],
            false => vec![],
        };
        prop_assert_eq!(kinds(&rows, &timeline), expected);
    }
}
