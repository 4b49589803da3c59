//! Endpointing: when a caller began to speak and when they stopped, by the energy of their audio.
//!
//! Time is counted in samples received, never by a clock: a stream that arrives twice as fast is
//! heard twice as fast.

use crate::units::{NS_PER_MS, SampleRate, Samples};

/// A frame whose RMS is at least this is voiced: -45 dBFS, above the noise of a telephone line.
const VOICED_RMS: f64 = 184.3;

/// Consecutive voiced frames that make speech; fewer are a click.
const ONSET_FRAMES: u64 = 3;

/// Frames a second.
const FRAME_RATE: u32 = 100;

/// Audio of an utterance between two reports of [`Heard::Speech`].
const REPORT_NS: i64 = 500 * NS_PER_MS;

/// What the endpointer noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Speech has begun, after so much of the stream.
    Began(Samples),
    /// Speech goes on; this much of it so far, pauses inside included.
    Speech(Samples),
    /// Speech ended.
    EndOfSpeech {
        /// This much of it, without the silence after it.
        length: Samples,
        /// That was noticed after so much of the stream.
        at: Samples,
    },
}

/// Listens to one stream of PCM16 little-endian mono.
#[derive(Debug)]
pub(super) struct Endpointer {
    frame: u64,
    silence_limit: Samples,
    early_limit: Option<Samples>,
    report_every: Samples,
    /// Bytes that do not fill a frame yet; pieces of the stream can have any length.
    rest: Vec<u8>,
    /// The stream up to the last whole frame.
    position: u64,
    /// Voiced frames in a row up to now.
    run: u64,
    /// Speech up to the last voiced frame; 0: none that is not answered.
    heard: u64,
    silence: u64,
    reported: u64,
    answered_early: bool,
}

impl Endpointer {
    /// An endpointer for audio at `rate`.
    ///
    /// `silence_ns` of silence after speech end the utterance. `early_ns`, a shorter silence, has
    /// what was said until then answered, once in an utterance; what is said after it is answered
    /// again when the utterance ends.
    pub(super) fn new(rate: SampleRate, silence_ns: i64, early_ns: Option<i64>) -> Endpointer {
        let samples = |ns| Samples::in_ns(ns, rate);
        Endpointer {
            frame: u64::from(rate.0 / FRAME_RATE).max(1),
            silence_limit: samples(silence_ns),
            early_limit: early_ns.map(samples),
            report_every: samples(REPORT_NS),
            rest: Vec::new(),
            position: 0,
            run: 0,
            heard: 0,
            silence: 0,
            reported: 0,
            answered_early: false,
        }
    }

    /// Listens to the next piece of the stream.
    pub(super) fn push(&mut self, mut pcm: &[u8]) -> Vec<Heard> {
        let mut noticed = Vec::new();
        let frame_bytes = self.frame as usize * 2;
        if !self.rest.is_empty() {
            let taken = pcm.len().min(frame_bytes - self.rest.len());
            self.rest.extend_from_slice(&pcm[..taken]);
            pcm = &pcm[taken..];
            if self.rest.len() < frame_bytes {
                return noticed;
            }
            let whole = std::mem::take(&mut self.rest);
            noticed.extend(self.push_frame(&whole));
        }
        let frames = pcm.chunks_exact(frame_bytes);
        self.rest.extend_from_slice(frames.remainder());
        for frame in frames {
            noticed.extend(self.push_frame(frame));
        }
        noticed
    }

    /// The stream has ended: so has an utterance that was under way.
    pub(super) fn finish(&mut self) -> Option<Heard> {
        self.end_of_speech()
    }

    fn push_frame(&mut self, frame: &[u8]) -> Option<Heard> {
        self.position += self.frame;
        match is_voiced(frame) {
            true => self.push_voiced(),
            false => self.push_silent(),
        }
    }

    fn push_voiced(&mut self) -> Option<Heard> {
        self.run += 1;
        let pause = std::mem::take(&mut self.silence);
        if self.heard > 0 {
            self.heard += pause + self.frame;
        } else if self.run >= ONSET_FRAMES {
            self.heard = self.run * self.frame;
            return Some(Heard::Began(Samples(self.position - self.heard)));
        }
        if self.heard < self.reported + self.report_every.0 {
            return None;
        }
        self.reported = self.heard;
        Some(Heard::Speech(Samples(self.heard)))
    }

    fn push_silent(&mut self) -> Option<Heard> {
        self.run = 0;
        self.silence += self.frame;
        if self.silence >= self.silence_limit.0 {
            self.answered_early = false;
            return self.end_of_speech();
        }
        let early = self
            .early_limit
            .is_some_and(|limit| self.silence >= limit.0);
        if !early || self.answered_early || self.heard == 0 {
            return None;
        }
        self.answered_early = true;
        self.end_of_speech()
    }

    fn end_of_speech(&mut self) -> Option<Heard> {
        self.reported = 0;
        match std::mem::take(&mut self.heard) {
            0 => None,
            heard => Some(Heard::EndOfSpeech {
                length: Samples(heard),
                at: Samples(self.position),
            }),
        }
    }
}

fn is_voiced(frame: &[u8]) -> bool {
    let (samples, _) = frame.as_chunks::<2>();
    let energy: i64 = samples
        .iter()
        .map(|&sample| i64::from(i16::from_le_bytes(sample)).pow(2))
        .sum();
    energy as f64 >= VOICED_RMS * VOICED_RMS * samples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: SampleRate = SampleRate(16_000);
    const SILENCE_NS: i64 = 500 * NS_PER_MS;
    const EARLY_NS: Option<i64> = Some(200 * NS_PER_MS);

    /// Alternating speech and silence, milliseconds, speech first.
    fn call(lengths_ms: &[usize]) -> Vec<u8> {
        let spans = lengths_ms.iter().enumerate();
        let levels = spans.flat_map(|(k, ms)| {
            let level: i16 = if k % 2 == 0 { 3_000 } else { 0 };
            std::iter::repeat_n(level, ms * 16)
        });
        levels.flat_map(i16::to_le_bytes).collect()
    }

    fn heard(early_ns: Option<i64>, pieces: &[&[u8]]) -> Vec<Heard> {
        let mut endpointer = Endpointer::new(RATE, SILENCE_NS, early_ns);
        let noticed = pieces.iter().map(|piece| endpointer.push(piece));
        let mut all: Vec<Heard> = noticed.collect::<Vec<_>>().concat();
        all.extend(endpointer.finish());
        all
    }

    fn ends_ms(heard: &[Heard]) -> Vec<u64> {
        let ends = heard.iter().filter_map(|heard| match heard {
            Heard::EndOfSpeech { length, .. } => Some(length.0 / 16),
            Heard::Began(_) | Heard::Speech(_) => None,
        });
        ends.collect()
    }

    #[test]
    fn silence_ends_an_utterance_and_a_pause_does_not() {
        let all = heard(None, &[&call(&[1_000, 490, 200, 500, 300, 600])]);
        assert_eq!(ends_ms(&all), [1_690, 300]);
    }

    #[test]
    fn the_end_comes_with_the_sample_that_completes_the_silence() {
        let pcm = call(&[1_000, 500]);
        let mut endpointer = Endpointer::new(RATE, SILENCE_NS, None);
        let until_then = endpointer.push(&pcm[..pcm.len() - 2]);
        assert_eq!(until_then.last(), Some(&Heard::Speech(Samples(16_000))));
        let then = endpointer.push(&pcm[pcm.len() - 2..]);
        assert_eq!(ends_ms(&then), [1_000]);
    }

    #[test]
    fn the_end_of_the_stream_ends_speech_and_nothing_else() {
        assert_eq!(ends_ms(&heard(None, &[&call(&[700])])), [700]);
        assert_eq!(heard(None, &[&call(&[0, 3_000])]), []);
        assert_eq!(heard(None, &[&call(&[20, 3_000])]), [], "a click");
    }

    #[test]
    fn speech_is_reported_while_it_goes_on_and_where_it_is() {
        let all = heard(None, &[&call(&[0, 700, 1_200, 600])]);
        let ms = |ms: u64| Samples(ms * 16);
        let expected = [
            Heard::Began(ms(700)),
            Heard::Speech(ms(500)),
            Heard::Speech(ms(1_000)),
            Heard::EndOfSpeech {
                length: ms(1_200),
                at: ms(2_400),
            },
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn an_early_endpoint_answers_once_and_the_rest_at_the_end() {
        let talk = call(&[1_000, 300, 400, 300, 400, 600, 200, 250]);
        assert_eq!(ends_ms(&heard(EARLY_NS, &[&talk])), [1_000, 1_100, 200]);
        let without_rest = call(&[1_000, 600]);
        assert_eq!(ends_ms(&heard(EARLY_NS, &[&without_rest])), [1_000]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_split_into_pieces_changes_nothing(cuts in proptest::collection::vec(0_usize..60_000, 0..40)) {
            let pcm = call(&[400, 550, 900, 210, 300, 700, 100]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(pcm.len())).collect();
            cuts.extend([0, pcm.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &pcm[w[0]..w[1]]).collect();
            for early_ns in [None, EARLY_NS] {
                prop_assert_eq!(heard(early_ns, &pieces), heard(early_ns, &[&pcm]));
            }
        }
    }
}
