//! How often `voicelt compare` finds a difference where there is none, and how often it finds one that
//! is there, by simulation: pairs of identical runs, and pairs of which the second answers 10 % slower.
//!
//! Replays of one trace (200 calls of five turns) share what a call and an utterance do to an answer,
//! and each call has luck of its own in each run; closed loops (20 users, 50 requests each) share
//! nothing, and the requests of a user are a little alike. Few users (5, of 40 requests) are to raise
//! no false alarms; what is found in them is only told. Stages are lognormal; one answer in a hundred
//! never comes. Exit code 1 when a share is outside its bound.
#![expect(clippy::print_stdout, reason = "its table is what it is for")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use voicelt::report::compare::model::Change;
use voicelt::report::compare::{Comparison, Input, Leniency, compare};
use voicelt::results::manifest::{ClosedLoop, RunManifest};
use voicelt::results::row::{RequestRow, Status};
use voicelt::results::sample::{manifest, row, unanswered};

const SEEDS: u64 = 400;
const QUICK_SEEDS: u64 = 60;
/// Most pairs of identical runs with any difference, in percent.
const MOST_ALARMS: f64 = 8.0;
/// Fewest pairs with the planted slowdown in which it is found, in percent.
const FEWEST_FOUND: f64 = 90.0;
const SLOWDOWN: f64 = 1.1;
const NS_PER_MS: f64 = 1e6;

#[derive(Clone, Copy)]
enum Kind {
    Replays,
    ClosedLoops,
    FewUsers,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Replays => "replays, paired",
            Kind::ClosedLoops => "closed loops, unpaired",
            Kind::FewUsers => "five users, unpaired",
        }
    }

    /// Clusters, and requests of each.
    fn shape(self) -> (u32, u32) {
        match self {
            Kind::Replays => (200, 5),
            Kind::ClosedLoops => (20, 50),
            Kind::FewUsers => (5, 40),
        }
    }

    /// Standard deviations of logarithms: of a call in every run, of an utterance in every run, of a
    /// call or user in one run, of chance alone.
    fn effects(self) -> [f64; 4] {
        match self {
            Kind::Replays => [0.2, 0.2, 0.15, 0.3],
            Kind::ClosedLoops | Kind::FewUsers => [0.0, 0.0, 0.05, 0.4],
        }
    }
}

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let seeds = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => SEEDS,
        ["--quick"] => QUICK_SEEDS,
        _ => bail!("usage: alarms [--quick]"),
    };
    println!("{seeds} pairs of runs each");
    let mut good = true;
    for kind in [Kind::Replays, Kind::ClosedLoops, Kind::FewUsers] {
        let alarms = share(seeds, |seed| differs(&pair(kind, seed, 1.0)));
        let found = share(seeds, |seed| worsens(&pair(kind, seed, SLOWDOWN)));
        let is_judged = !matches!(kind, Kind::FewUsers);
        let bound = match is_judged {
            true => format!("at least {FEWEST_FOUND}"),
            false => "not judged".to_owned(),
        };
        println!(
            "{:24} false alarms {alarms:.1} % (at most {MOST_ALARMS}), 10 % slower found \
             {found:.1} % ({bound})",
            kind.name()
        );
        // Of few seeds, three standard deviations are chance.
        let chance = |share: f64| match seeds == SEEDS {
            true => 0.0,
            false => 300.0 * (share / 100.0 * (1.0 - share / 100.0) / seeds as f64).sqrt(),
        };
        good &= alarms <= MOST_ALARMS + chance(MOST_ALARMS);
        good &= !is_judged || found >= FEWEST_FOUND - chance(FEWEST_FOUND);
    }
    Ok(ExitCode::from(u8::from(!good)))
}

/// In how many percent of the seeds it is so.
fn share(seeds: u64, is_so: impl Fn(u64) -> bool + Sync) -> f64 {
    let (next, count) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    count.fetch_add(u64::from(is_so(seed)), Ordering::Relaxed);
                }
            });
        }
    });
    100.0 * count.into_inner() as f64 / seeds as f64
}

fn differs(comparison: &Comparison) -> bool {
    let mut differences = comparison.against.iter().flat_map(|one| &one.differences);
    differences.any(|difference| difference.change != Change::NotSignificant)
}

fn worsens(comparison: &Comparison) -> bool {
    let mut differences = comparison.against.iter().flat_map(|one| &one.differences);
    differences.any(|difference| difference.change == Change::Worse)
}

/// Two runs, the second so many times as slow.
fn pair(kind: Kind, seed: u64, slower: f64) -> Comparison {
    let base = run(kind, 3 * seed, 3 * seed + 1, 1.0);
    let other = run(kind, 3 * seed, 3 * seed + 2, slower);
    let compared = compare(&base, &[other], Leniency::default());
    compared.unwrap_or_else(|error| unreachable!("both are valid: {error}"))
}

/// A run of the trace number `trace`, in which chance is `chance`.
fn run(kind: Kind, trace: u64, chance: u64, slower: f64) -> Input {
    let mut of_trace = ChaCha8Rng::seed_from_u64(trace);
    let mut of_run = ChaCha8Rng::seed_from_u64(chance);
    let normal = |random: &mut ChaCha8Rng| -> f64 { StandardNormal.sample(random) };
    let [of_call, of_turn, by_luck, by_chance] = kind.effects();
    let (clusters, turns) = kind.shape();
    let mut rows = Vec::new();
    for cluster in 0..clusters {
        let effect = of_call * normal(&mut of_trace) + by_luck * normal(&mut of_run);
        for turn in 0..turns {
            let mut stage = |median_ms: f64| {
                let own = of_turn * normal(&mut of_trace) + by_chance * normal(&mut of_run);
                (slower * median_ms * NS_PER_MS * (effect + own).exp()) as i64
            };
            let stages = [stage(100.0), stage(200.0), stage(150.0)];
            let never = normal(&mut of_run) > 2.326;
            rows.push(request(cluster, turn, stages, never));
        }
    }
    let run = RunManifest {
        run_id: format!("{chance:032x}"),
        closed_loop: match kind {
            Kind::Replays => None,
            Kind::ClosedLoops | Kind::FewUsers => Some(users(clusters)),
        },
        spec: serde_json::json!({ "phases": [["steady", 102_000_000_000_i64]] }).into(),
        ..manifest()
    };
    Input::of_rows(&run, &rows, &[])
}

/// A request whose transcript, first text and audio take so long.
fn request(cluster: u32, turn: u32, [asr, llm, tts]: [i64; 3], never: bool) -> RequestRow {
    let plain = match never {
        true => unanswered(turn, Status::Timeout),
        false => row(turn),
    };
    let there = |ns: i64| Some(ns).filter(|_| !never);
    let speech = 1_200_000_000;
    RequestRow {
        session_id: format!("call-{cluster}"),
        user: Some(cluster),
        response_ns: there(asr + llm + tts),
        audible_ns: there(asr + llm + tts + 10_000_000),
        asr_ns: there(speech + asr),
        llm_ttft_ns: there(llm),
        tts_ns: there(tts),
        e2e_ns: there(llm + tts),
        total_ns: Some(speech + 2 * (asr + llm + tts)),
        closed_ns: Some(50_000_000_000),
        ..plain
    }
}

fn users(users: u32) -> ClosedLoop {
    ClosedLoop {
        scenario: None,
        users,
        pace: "realtime".to_owned(),
        think_ns: [1_000_000_000; 2],
        requests_per_user: None,
        turns_per_session: 1,
        stages: Vec::new(),
    }
}
