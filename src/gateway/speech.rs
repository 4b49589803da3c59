//! The audio of answers: speech-like takes, made once for each usual sample rate and shared by all calls. Of other rates,
//! of which callers may name tens of thousands, nothing is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::pcm::synth::Voice;
use crate::units::{NS_PER_MS, NS_PER_S, SampleRate, Samples};

/// Different takes, so that sentences do not all sound alike.
const TAKES: u64 = 4;

/// Length of a take; longer sentences repeat it.
const TAKE_NS: i64 = 6 * NS_PER_S;

/// Length of one audio message.
const PIECE_NS: i64 = 100 * NS_PER_MS;

/// Length of the one take of a rate that is not kept.
const OWN_TAKE_NS: i64 = NS_PER_S;

/// The rates in Hz whose takes are kept: those of telephones, speech models and sound cards.
const KEPT_HZ: [u32; 9] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
];

/// Every take of a usual rate that has been asked for.
#[derive(Debug, Default)]
pub(super) struct Speech {
    by_rate: Mutex<HashMap<SampleRate, Arc<Voices>>>,
}

/// The takes at one sample rate.
#[derive(Debug)]
pub(super) struct Voices {
    rate: SampleRate,
    takes: Vec<Bytes>,
}

impl Speech {
    /// The takes at `rate`, made when they are asked for the first time; those of an unusual rate each time.
    pub(super) fn at(&self, rate: SampleRate) -> Arc<Voices> {
        if !KEPT_HZ.contains(&rate.0) {
            return Arc::new(Voices {
                rate,
                takes: vec![record(rate, OWN_TAKE_NS, 0)],
            });
        }
        let mut by_rate = self.by_rate.lock().unwrap_or_else(PoisonError::into_inner);
        let voices = by_rate.entry(rate).or_insert_with(|| {
            Arc::new(Voices {
                rate,
                takes: (0..TAKES).map(|take| record(rate, TAKE_NS, take)).collect(),
            })
        });
        Arc::clone(voices)
    }
}

impl Voices {
    /// `length_ns` of take `take` (any number) as the PCM of audio messages.
    pub(super) fn pieces(&self, take: u64, length_ns: i64) -> impl Iterator<Item = Bytes> {
        let take = &self.takes[(take % self.takes.len() as u64) as usize];
        let bytes_of = |ns| Samples::in_ns(ns, self.rate).0 as usize * 2;
        let (length, piece) = (bytes_of(length_ns), bytes_of(PIECE_NS));
        // Takes are whole pieces long, so that a piece never reaches over the end of one.
        let usable = take.len() / piece * piece;
        (0..length).step_by(piece).map(move |at| {
            let start = at % usable;
            take.slice(start..start + piece.min(length - at))
        })
    }
}

fn record(rate: SampleRate, length_ns: i64, seed: u64) -> Bytes {
    let mut samples = vec![0; Samples::in_ns(length_ns, rate).0 as usize];
    Voice::new(rate, seed).fill(&mut samples);
    samples.into_iter().flat_map(i16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_their_length_at_every_rate() {
        let speech = Speech::default();
        for rate in [8_000, 8_001, 11_025, 16_000, 47_999].map(SampleRate) {
            let voices = speech.at(rate);
            for ms in [40, 1_000, 13_370] {
                let pieces: Vec<Bytes> = voices.pieces(9, ms * NS_PER_MS).collect();
                let bytes: usize = pieces.iter().map(Bytes::len).sum();
                assert_eq!(bytes as u64, Samples::in_ns(ms * NS_PER_MS, rate).0 * 2);
                let most = Samples::in_ns(PIECE_NS, rate).0 as usize * 2;
                assert!(pieces.iter().all(|piece| (1..=most).contains(&piece.len())));
            }
        }
    }

    #[test]
    fn of_rates_that_callers_make_up_nothing_is_kept() {
        let speech = Speech::default();
        for rate in (8_000..=48_000).step_by(997).chain(KEPT_HZ) {
            let voices = speech.at(SampleRate(rate));
            let bytes: usize = voices.takes.iter().map(Bytes::len).sum();
            assert!(KEPT_HZ.contains(&rate) || bytes <= 96_000, "{rate}");
        }
        let kept = speech.by_rate.lock().expect("no panic").len();
        assert_eq!(kept, KEPT_HZ.len());
    }

    #[test]
    fn what_is_said_can_be_heard_at_once() {
        let voices = Speech::default().at(SampleRate(16_000));
        for take in 0..TAKES {
            let start = voices.pieces(take, PIECE_NS).next().expect("a piece");
            let (samples, _) = start.as_chunks::<2>();
            let loudest = samples
                .iter()
                .map(|&s| i16::from_le_bytes(s).unsigned_abs());
            assert!(loudest.max() > Some(1_000));
        }
    }
}
