//! What is kept and what is removed at every pair of rates, that nothing moves, and that pieces are of one whole.

use std::f64::consts::PI;

use proptest::prelude::*;

use super::*;

const TO: u32 = 16_000;
const RATES: [u32; 7] = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000];
/// Rates no one plans for: GSM and old sound cards, video clocks, primes.
const ODD_RATES: [u32; 5] = [12_000, 24_000, 37_800, 44_056, 8_011];

/// What prepared clips and recorded calls become where a protocol has a rate of its own.
const WIRE: [(u32, u32); 6] = [
    (16_000, 24_000),
    (16_000, 8_000),
    (8_000, 24_000),
    (24_000, 8_000),
    (24_000, 16_000),
    (44_100, 24_000),
];

/// All pairs of rates that are looked at.
fn pairs() -> impl Iterator<Item = (u32, u32)> {
    let to_16_khz = RATES.into_iter().chain(ODD_RATES).map(|rate| (rate, TO));
    to_16_khz.chain(WIRE)
}

/// The middle second of two.
fn middle(to: u32) -> Range<usize> {
    let half = to as usize / 2;
    half..3 * half
}

fn convert(from_hz: u32, to_hz: u32, input: &[f32]) -> Vec<f32> {
    let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
    let mut out = Vec::new();
    // Uneven pieces: block edges must not show.
    for piece in input.chunks(1_152) {
        resampler.push(piece, &mut out);
    }
    resampler.finish(&mut out);
    out
}

fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
    let samples = (seconds * f64::from(rate)) as usize;
    (0..samples)
        .map(|n| (0.5 * (2.0 * PI * hz * n as f64 / f64::from(rate)).sin()) as f32)
        .collect()
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// Gain of the tone in dB and the level of everything else, relative to the tone put in.
fn measure(hz: f64, from: u32, to: u32) -> (f64, f64) {
    let out = convert(from, to, &tone(hz, from, 2.0));
    // The middle second, away from the clip's own edges: whole periods of whole hertz.
    let range = middle(to);
    let (start, middle) = (range.start, &out[range]);
    let angle = |n: usize| 2.0 * PI * hz * (n + start) as f64 / f64::from(to);
    let (mut sin, mut cos) = (0.0, 0.0);
    for (n, &sample) in middle.iter().enumerate() {
        sin += f64::from(sample) * angle(n).sin() * 2.0 / middle.len() as f64;
        cos += f64::from(sample) * angle(n).cos() * 2.0 / middle.len() as f64;
    }
    let rest = middle.iter().enumerate().map(|(n, &sample)| {
        (f64::from(sample) - sin * angle(n).sin() - cos * angle(n).cos()).powi(2)
    });
    let rest = rest.sum::<f64>() / middle.len() as f64;
    (db(sin.hypot(cos) / 0.5), db((2.0 * rest).sqrt() / 0.5))
}

#[test]
fn tones_of_the_pass_band_come_through_alone_and_at_their_level() {
    for (from, to) in pairs() {
        let top = (0.975 * f64::from(from.min(to)) / 2.0).floor();
        for hz in [50.0, 440.0, 1_000.0, 3_000.0_f64.min(top), 0.9 * top, top] {
            let (gain, rest) = measure(hz.floor(), from, to);
            assert!(gain.abs() < 0.05, "{hz} Hz, {from} to {to}: {gain:.4} dB");
            assert!(rest < -120.0, "{hz} Hz, {from} to {to}: noise {rest:.1} dB");
        }
    }
}

#[test]
fn nothing_above_the_lower_rate_is_left() {
    for (from, to) in pairs() {
        let (limit, nyquist) = (f64::from(to) / 2.0, f64::from(from) / 2.0);
        // At 16 kHz out from 8.1 kHz on.
        let stopped = [1.0125, 1.0625, 1.125, 1.543, 1.999].map(|part| part * limit);
        for hz in stopped.into_iter().chain([0.99 * nyquist]) {
            if hz < 1.0125 * limit || hz >= nyquist {
                continue;
            }
            let out = convert(from, to, &tone(hz, from, 2.0));
            let middle = &out[middle(to)];
            let power = middle.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
            let level = db((2.0 * power / middle.len() as f64).sqrt() / 0.5);
            assert!(level < -120.0, "{hz} Hz, {from} to {to}: {level:.1} dB");
        }
    }
}

#[test]
fn the_length_is_rounded_for_clips_of_any_length() {
    for (from, to) in pairs() {
        for samples in [0_u64, 1, 2, 3, 100, 4_409, 4_410, 50_003] {
            let out = convert(from, to, &vec![0.1; samples as usize]);
            let exact = samples as f64 * f64::from(to) / f64::from(from);
            let rounded = (exact + 0.5).floor();
            assert_eq!(out.len() as f64, rounded, "{samples}, {from} to {to}");
        }
    }
}

#[test]
fn an_impulse_lands_where_it_should() {
    for (from, to) in pairs() {
        for at in [0, 50, 4_410, 12_000] {
            let mut input = vec![0.0; 16_000];
            input[at] = 1.0;
            let out = convert(from, to, &input);
            let peak = (0..out.len()).max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs()));
            let due = at as f64 * f64::from(to) / f64::from(from);
            let found = peak.unwrap() as f64;
            assert!(
                (found - due).abs() <= 1.0,
                "{at}, {from} to {to}: {found}, due {due}"
            );
        }
    }
}

#[test]
fn speech_ends_where_it_ended() {
    for (from, to) in pairs() {
        for end in [2_000_usize, 7_919, 12_001] {
            // A steady level that stops: the instant at which it is half of that.
            let mut input = vec![0.5; end];
            input.resize(end + 4_000, 0.0);
            let out = convert(from, to, &input);
            let last = out.iter().rposition(|&sample| sample > 0.25).unwrap();
            let due = end as f64 * f64::from(to) / f64::from(from);
            let found = last as f64 + 0.5;
            assert!(
                (found - due).abs() <= 1.0 + f64::from(to) / f64::from(from) / 2.0,
                "{end}, {from} to {to}: {found}, due {due}"
            );
        }
    }
}

/// How far what stands for instant `due` of the input is from it, in samples of the input, by the phase at `hz`.
fn shift(out: &[f32], hz: f64, due: f64, rate: u32) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (k, &sample) in out.iter().enumerate() {
        let angle = 2.0 * PI * hz * (k as f64 / f64::from(TO) - due);
        re += f64::from(sample) * angle.cos();
        im -= f64::from(sample) * angle.sin();
    }
    -im.atan2(re) / (2.0 * PI * hz) * f64::from(rate)
}

#[test]
fn whatever_the_rate_nothing_moves_by_a_twentieth_of_a_source_sample() {
    let awkward = [
        16_001, 15_999, 22_254, 44_056, 35_467, 7_919, 12_345, 47_952, 65_537,
    ];
    for rate in [8_000, 44_100, 48_000].into_iter().chain(awkward) {
        // An impulse in the first block and in a later one.
        for at in [rate / 8, rate / 2 + 7] {
            let mut input = vec![0.0; rate as usize];
            input[at as usize] = 1.0;
            let due = f64::from(at) / f64::from(rate);
            let out = convert(rate, TO, &input);
            for hz in [310.0, 1_900.0, 3_100.0] {
                let moved = shift(&out, hz, due, rate);
                assert!(
                    moved.abs() < 0.05,
                    "impulse {at} at {rate}, {hz} Hz: {moved:.3}"
                );
            }
        }
        // A sine, whose phase is that of a cosine a quarter of a period later.
        let hz = 1_000.0;
        let out = convert(rate, TO, &tone(hz, rate, 2.0));
        let start = middle(TO).start as f64 / f64::from(TO);
        let due = 0.25 / hz - start;
        let moved = shift(&out[middle(TO)], hz, due, rate);
        assert!(moved.abs() < 0.05, "tone at {rate}: {moved:.3}");
    }
}

#[test]
fn a_clip_shorter_than_a_block_keeps_its_level() {
    // 20 ms at 48 kHz.
    let out = convert(48_000, TO, &tone(1_000.0, 48_000, 0.020));
    let rms = (out.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / out.len() as f64).sqrt();
    assert_eq!(out.len(), 320);
    assert!(db(rms * 2.0_f64.sqrt() / 0.5).abs() < 0.3, "{rms}");
}

#[test]
fn a_finished_resampler_starts_afresh() {
    let first = tone(700.0, 44_100, 0.5);
    let mut resampler = Resampler::new(44_100, TO).unwrap();
    let mut runs = [Vec::new(), Vec::new()];
    for run in &mut runs {
        resampler.push(&first, run);
        resampler.finish(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0], convert(44_100, TO, &first));
}

#[test]
fn equal_rates_pass_through_untouched() {
    let input = tone(123.4, TO, 0.1);
    assert_eq!(convert(TO, TO, &input), input);
}

#[test]
fn impossible_rates_are_refused_and_awkward_ones_stay_small() {
    for (from_hz, to_hz) in [(0, TO), (TO, 999), (MAX_RATE_HZ + 1, TO)] {
        let refused = Resampler::new(from_hz, to_hz).err();
        assert_eq!(refused, Some(ResampleError::Rate { from_hz, to_hz }));
    }
    for rate in [MIN_RATE_HZ, 1_001, 767_999, 44_057] {
        let block_in = block_in(rate, TO);
        let block_out = resampled(block_in as u64, rate, TO);
        assert!(
            block_in.max(block_out as usize) <= 1 << 20,
            "{rate}: {block_in} to {block_out}"
        );
    }
}

/// Output samples `wanted` of `clip`, made as a piece with its neighbours and nothing else.
fn piece(resampler: &mut Resampler, clip: &[f32], wanted: Range<u64>, block: usize) -> Vec<f32> {
    let input = resampler.begin_piece(wanted, clip.len() as u64);
    let mut out = Vec::new();
    for block in clip[input.start as usize..input.end as usize].chunks(block) {
        resampler.push(block, &mut out);
    }
    resampler.finish(&mut out);
    out
}

fn noise(samples: usize, seed: u64) -> Vec<f32> {
    use rand::{RngExt, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    (0..samples)
        .map(|_| random.random_range(-1.0..1.0))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_are_bit_for_bit_those_of_the_whole_clip(
        rates in prop_oneof![
            prop::sample::select(&WIRE[..]),
            prop::sample::select(&[(16_000, 16_000), (22_254, 8_000), (8_000, 22_254), (16_001, 24_000)][..]),
        ],
        samples in 0..40_000_usize,
        cuts in prop::collection::vec(0.0..1.0, 0..8),
        block in 1..5_000_usize,
        seed: u64,
    ) {
        let (from, to) = rates;
        let clip = noise(samples, seed);
        let whole = convert(from, to, &clip);
        let mut cuts: Vec<u64> = cuts.iter().map(|cut: &f64| (*cut * whole.len() as f64) as u64).collect();
        cuts.extend([0, whole.len() as u64]);
        cuts.sort_unstable();
        let mut resampler = Resampler::new(from, to).unwrap();
        for range in cuts.windows(2).map(|pair| pair[0]..pair[1]) {
            let made = piece(&mut resampler, &clip, range.clone(), block);
            let due = &whole[range.start as usize..range.end as usize];
            let equal = made.iter().map(|s| s.to_bits()).eq(due.iter().map(|s| s.to_bits()));
            prop_assert!(equal, "{range:?} of {}", whole.len());
        }
        // A whole clip after pieces is as any.
        let mut again = Vec::new();
        resampler.push(&clip, &mut again);
        resampler.finish(&mut again);
        prop_assert!(again == whole);
    }

    #[test]
    fn a_piece_takes_its_own_samples_and_a_few_blocks(
        start in 0..1_u64 << 40,
        length in 1..1_u64 << 20,
        rates in prop::sample::select(&WIRE[..]),
    ) {
        let (from, to) = rates;
        let mut resampler = Resampler::new(from, to).unwrap();
        let input = resampler.begin_piece(start..start + length, 1 << 42);
        let at = |output: u64| output as f64 * f64::from(from) / f64::from(to);
        let most = at(length) + 3.0 * block_in(from, to) as f64;
        prop_assert!((input.end - input.start) as f64 <= most, "{input:?}");
        prop_assert!(input.start as f64 <= at(start) && input.end as f64 >= at(start + length).floor());
    }
}

#[test]
fn a_piece_beyond_the_clip_is_empty_and_one_that_was_dropped_leaves_no_trace() {
    let clip = noise(30_000, 1);
    let whole = convert(16_000, 24_000, &clip);
    let mut resampler = Resampler::new(16_000, 24_000).unwrap();
    for wanted in [45_000..46_000, 50_000..u64::MAX, 7..7, u64::MAX..u64::MAX] {
        assert!(piece(&mut resampler, &clip, wanted, 1_000).is_empty());
    }
    resampler.begin_piece(20_000..40_000, 30_000);
    resampler.push(&clip[..5_000], &mut Vec::new());
    let end = piece(&mut resampler, &clip, 44_000..u64::MAX, 1_000);
    assert_eq!(end, whole[44_000..]);
}
