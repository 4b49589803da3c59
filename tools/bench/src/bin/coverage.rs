//! How often the 95 % intervals of quantiles hold the true quantile, by simulation: independent
//! rows, and rows of sessions that are alike.
//!
//! Latencies are lognormal (σ = 1), the logarithm a sum of an effect of the session and one of the
//! turn, so that the true quantiles are known. A cell counts the seeds for which a figure and its
//! interval are given. Exit code 1 when a cell is outside the bounds.
#![expect(clippy::print_stdout, reason = "its table is what it is for")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use voicelt::report::stats::{Percentiles, Sample};

const SEEDS: u64 = 10_000;
const QUICK_SEEDS: u64 = 1_000;
const ROWS: [usize; 4] = [400, 1_000, 3_000, 10_000];
/// Rows of a session, and the correlation of logarithms of two of them.
const SHAPES: [(usize, f64); 9] = [
    (1, 0.0),
    (5, 0.0),
    (5, 0.05),
    (5, 0.2),
    (5, 0.5),
    (20, 0.0),
    (20, 0.05),
    (20, 0.2),
    (20, 0.5),
];
/// Of the standard normal: the logarithms of the true quantiles.
const TRUE: [f64; 3] = [0.0, 1.644_853_626_951_472_7, 2.326_347_874_040_841];
/// What coverage may be, in percent.
const BOUNDS: [f64; 2] = [94.0, 98.5];
/// Cells with fewer intervals say too little.
const FEWEST: u64 = 200;

/// What became of one quantile over the seeds.
#[derive(Default)]
struct Cell {
    given: AtomicU64,
    below: AtomicU64,
    above: AtomicU64,
}

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let quick = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--quick"] => true,
        _ => bail!("usage: coverage [--quick]"),
    };
    let seeds = if quick { QUICK_SEEDS } else { SEEDS };
    println!("{seeds} seeds a cell; coverage in %, share of seeds with a figure in %");
    println!(
        "{:>6} {:>8} {:>6}  {:>14} {:>14} {:>14}",
        "rows", "session", "alike", "p50", "p95", "p99"
    );
    let mut outside = 0;
    for rows in ROWS {
        for shape in SHAPES {
            let cells = simulate(rows, shape, seeds);
            let shown = cells.each_ref().map(|cell| show(cell, seeds, &mut outside));
            let [p50, p95, p99] = shown;
            let (size, alike) = shape;
            println!("{rows:>6} {size:>8} {alike:>6}  {p50:>14} {p95:>14} {p99:>14}");
        }
    }
    let [low, high] = BOUNDS;
    println!("{outside} cells outside {low} to {high} %");
    Ok(ExitCode::from(u8::from(outside > 0)))
}

fn simulate(rows: usize, (size, alike): (usize, f64), seeds: u64) -> [Cell; 3] {
    let cells: [Cell; 3] = Default::default();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    count(&cells, &draw(rows, size, alike, seed));
                }
            });
        }
    });
    cells
}

/// The figures of one simulated run.
fn draw(rows: usize, size: usize, alike: f64, seed: u64) -> Percentiles {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
    let mut sample = Sample::default();
    let mut session = 0.0;
    for row in 0..rows {
        if row % size == 0 {
            session = alike.sqrt() * normal();
        }
        let logarithm = session + (1.0 - alike).sqrt() * normal();
        sample.push(Some(latency_ns(logarithm)), (row / size) as u32);
    }
    sample.percentiles()
}

/// 300 ms at the median.
fn latency_ns(logarithm: f64) -> i64 {
    (3e8 * logarithm.exp()).round() as i64
}

fn count(cells: &[Cell; 3], figures: &Percentiles) {
    let interval = figures.interval_ns;
    for ((cell, truth), ends) in
        cells
            .iter()
            .zip(TRUE)
            .zip([interval.p50, interval.p95, interval.p99])
    {
        let Some([low, high]) = ends else { continue };
        let truth = latency_ns(truth);
        let counter = |cell: &AtomicU64, so: bool| cell.fetch_add(u64::from(so), Ordering::Relaxed);
        counter(&cell.given, true);
        counter(&cell.above, low.is_none_or(|low| low > truth));
        counter(&cell.below, high.is_some_and(|high| high < truth));
    }
}

fn show(cell: &Cell, seeds: u64, outside: &mut u32) -> String {
    let [given, below, above] =
        [&cell.given, &cell.below, &cell.above].map(|count| count.load(Ordering::Relaxed));
    if given < FEWEST {
        return "–".to_owned();
    }
    let coverage = 100.0 - 100.0 * (below + above) as f64 / given as f64;
    // Chance alone moves a cell that far: 4 standard deviations of a share of 94 %.
    let chance = 400.0 * (0.94 * 0.06 / given as f64).sqrt();
    let within = match seeds == SEEDS {
        true => (BOUNDS[0]..=BOUNDS[1]).contains(&coverage),
        false => (BOUNDS[0] - chance..=BOUNDS[1] + chance).contains(&coverage),
    };
    *outside += u32::from(!within);
    let mark = if within { "" } else { "!" };
    format!(
        "{mark}{coverage:.2} ({:.0})",
        100.0 * given as f64 / seeds as f64
    )
}
