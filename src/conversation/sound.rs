//! Answers of a server of which only sound comes back: an answer begins with what is audible, and ends after a while
//! of playout without anything that is.
//!
//! What is quiet belongs to an answer only between what is audible, so that noise which is streamed all the time
//! neither begins an answer nor lengthens one.

use bytes::Bytes;

use super::audible::{Threshold, Windows};
use super::message::ServerMessage;
use crate::units::{SampleRate, Samples};

/// Tells answers by their sound. Instants are those of the arrivals.
#[derive(Debug, Clone)]
pub struct Sound {
    rate: SampleRate,
    gap_ns: i64,
    windows: Windows,
    /// End of what has come, played as it comes.
    end_ns: i64,
    /// While there is an answer: the end of what was audible of it last.
    audible_until_ns: Option<i64>,
    /// What came since then, and when: at most as long as the gap.
    quiet: Vec<(i64, Bytes)>,
}

impl Sound {
    /// Nothing was heard yet; an answer ends after `gap_ns` without sound.
    #[must_use]
    pub fn new(rate: SampleRate, threshold: Threshold, gap_ns: i64) -> Sound {
        Sound {
            rate,
            gap_ns,
            windows: Windows::new(rate, threshold),
            end_ns: i64::MIN,
            audible_until_ns: None,
            quiet: Vec::new(),
        }
    }

    /// PCM16 little-endian has come; returns what is known of answers with it, in order: the end of one, and the audio
    /// of one, of which earlier messages may be a part.
    #[must_use]
    pub fn heard(&mut self, at_ns: i64, pcm: &Bytes) -> Vec<(i64, ServerMessage)> {
        let start_ns = self.end_ns.max(at_ns);
        let (samples, _) = pcm.as_chunks::<2>();
        let length_ns = Samples(samples.len() as u64).duration_ns(self.rate);
        self.end_ns = start_ns.saturating_add(length_ns);
        let window_ns = self.windows.length_ns();
        let mut audible: Option<(i64, i64)> = None;
        let samples = samples.iter().map(|sample| i16::from_le_bytes(*sample));
        self.windows.push(start_ns, samples, |window_at_ns| {
            let (first_ns, _) = audible.unwrap_or((window_at_ns, 0));
            audible = Some((first_ns, window_at_ns + window_ns));
            true
        });
        let Some((first_ns, until_ns)) = audible else {
            // What is beyond the gap is of no answer.
            if self.ends_at().is_some_and(|ends_ns| self.end_ns <= ends_ns) {
                self.quiet.push((at_ns, pcm.clone()));
            }
            return Vec::new();
        };
        let mut known = Vec::new();
        if self.ends_at().is_some_and(|ends_ns| ends_ns <= first_ns) {
            self.quiet.clear();
            known.push((at_ns, ServerMessage::TurnEnded));
        }
        self.audible_until_ns = Some(until_ns);
        let quiet = self.quiet.drain(..);
        known.extend(quiet.map(|(at_ns, pcm)| (at_ns, ServerMessage::Audio(pcm))));
        known.push((at_ns, ServerMessage::Audio(pcm.clone())));
        known
    }

    /// When the answer that is heard ends, if nothing more of it comes.
    #[must_use]
    pub fn ends_at(&self) -> Option<i64> {
        Some(self.audible_until_ns?.saturating_add(self.gap_ns))
    }

    /// Whether an answer has ended by now, which it does once.
    pub fn has_ended(&mut self, now_ns: i64) -> bool {
        let has_ended = self.ends_at().is_some_and(|ends_ns| ends_ns <= now_ns);
        if has_ended {
            self.end();
        }
        has_ended
    }

    /// What was not played by `at_ns` is thrown away; whether an answer ends with that.
    pub fn cleared(&mut self, at_ns: i64) -> bool {
        self.end_ns = self.end_ns.min(at_ns);
        self.windows = self.windows.anew();
        let had_begun = self.audible_until_ns.is_some();
        self.end();
        had_begun
    }

    fn end(&mut self) {
        self.audible_until_ns = None;
        self.quiet.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NS_PER_MS;

    const MS: i64 = NS_PER_MS;

    fn pcm(ms: usize, level: i16) -> Bytes {
        level.to_le_bytes().repeat(ms * 8).into()
    }

    fn sound() -> Sound {
        Sound::new(SampleRate(8_000), Threshold::default(), 300 * MS)
    }

    /// What is known with a piece, as milliseconds and samples.
    fn heard(sound: &mut Sound, at_ms: i64, pcm: &Bytes) -> Vec<(i64, Option<usize>)> {
        let known = sound.heard(at_ms * MS, pcm).into_iter();
        let of = |(at_ns, message): (i64, ServerMessage)| match message {
            ServerMessage::Audio(pcm) => (at_ns / MS, Some(pcm.len() / 16)),
            ServerMessage::TurnEnded => (at_ns / MS, None),
            other => panic!("{other:?}"),
        };
        known.map(of).collect()
    }

    #[test]
    fn noise_is_no_answer_and_a_pause_does_not_end_one() {
        let mut sound = sound();
        for k in 0..50 {
            assert_eq!(heard(&mut sound, 20 * k, &pcm(20, 90)), []);
        }
        assert_eq!(heard(&mut sound, 1_000, &pcm(20, 900)), [(1_000, Some(20))]);
        for k in 1..14 {
            assert_eq!(heard(&mut sound, 1_000 + 20 * k, &pcm(20, 90)), []);
        }
        let known = heard(&mut sound, 1_280, &pcm(20, 900));
        assert_eq!(known.len(), 14, "the pause is a part of it: {known:?}");
        assert_eq!(known[0], (1_020, Some(20)));
        assert_eq!(sound.ends_at(), Some(1_600 * MS));
        assert!(!sound.has_ended(1_599 * MS));
        for k in 1..100 {
            assert_eq!(heard(&mut sound, 1_280 + 20 * k, &pcm(20, 90)), []);
            assert!(sound.quiet.len() <= 15);
        }
        assert!(sound.has_ended(1_600 * MS) && !sound.has_ended(9_999 * MS));
        assert_eq!(heard(&mut sound, 3_300, &pcm(20, 900)), [(3_300, Some(20))]);
    }

    #[test]
    fn a_gap_of_playout_ends_an_answer_though_all_of_it_came_at_once() {
        let mut sound = sound();
        assert_eq!(heard(&mut sound, 0, &pcm(100, 900)), [(0, Some(100))]);
        assert_eq!(heard(&mut sound, 1, &pcm(400, 0)), []);
        assert_eq!(
            heard(&mut sound, 2, &pcm(100, 900)),
            [(2, None), (2, Some(100))]
        );
        assert_eq!(sound.ends_at(), Some(900 * MS));
    }

    #[test]
    fn what_is_cleared_ends_an_answer_at_once() {
        let mut sound = sound();
        assert!(!sound.cleared(0));
        assert_eq!(heard(&mut sound, 0, &pcm(1_000, 900)), [(0, Some(1_000))]);
        assert!(sound.cleared(200 * MS));
        assert_eq!(sound.ends_at(), None);
        assert_eq!(heard(&mut sound, 300, &pcm(20, 900)), [(300, Some(20))]);
        assert_eq!(sound.ends_at(), Some(620 * MS));
    }
}
