//! The audio of answers: speech-like takes, made once for each sample rate and shared by all calls.

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

/// Every take that has been asked for.
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
    /// The takes at `rate`, made when they are asked for the first time.
    pub(super) fn at(&self, rate: SampleRate) -> Arc<Voices> {
        let mut by_rate = self.by_rate.lock().unwrap_or_else(PoisonError::into_inner);
        let voices = by_rate.entry(rate).or_insert_with(|| {
            Arc::new(Voices {
                rate,
                takes: (0..TAKES).map(|take| record(rate, take)).collect(),
            })
        });
        Arc::clone(voices)
    }
}

impl Voices {
    /// `length_ns` of take `take` (any number) as the PCM of audio messages.
    pub(super) fn pieces(&self, take: u64, length_ns: i64) -> impl Iterator<Item = Bytes> {
        let take = &self.takes[(take % TAKES) as usize];
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

fn record(rate: SampleRate, seed: u64) -> Bytes {
    let mut samples = vec![0; Samples::in_ns(TAKE_NS, rate).0 as usize];
    Voice::new(rate, seed).fill(&mut samples);
    samples.into_iter().flat_map(i16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_their_length_at_every_rate() {
        let speech = Speech::default();
        for rate in [8_000, 11_025, 16_000, 48_000].map(SampleRate) {
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
