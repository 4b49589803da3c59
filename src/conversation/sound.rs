//! Answers of a server of which only sound comes back: an answer begins with what is audible, and ends after a while
//! of playout without anything that is.
//!
//! What is quiet belongs to an answer only between what is audible, so that noise which is streamed all the time
//! neither begins an answer nor lengthens one.

use bytes::Bytes;

use super::audible::{Level, Threshold, Windows};
use super::message::ServerMessage;
use crate::units::{NS_PER_MS, SampleRate, Samples};

/// How long after its last sound an answer has ended, unless something else is asked for.
pub const ANSWER_GAP_NS: i64 = 1_500 * NS_PER_MS;

/// What is known of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// When what tells it arrived.
    pub at_ns: i64,
    /// When its audio plays without buffer: behind what came before it, of an answer or not.
    pub plays_ns: i64,
    /// The end of an answer, or audio of one.
    pub what: ServerMessage,
}

/// An answer under way, as far as it is audible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Audible {
    /// When it begins to play.
    pub from_ns: i64,
    /// The end of what was audible of it last.
    pub until_ns: i64,
    /// The least level that was audible.
    pub quietest: Level,
}

/// Tells answers by their sound. Instants are those of the arrivals.
#[derive(Debug, Clone)]
pub struct Sound {
    rate: SampleRate,
    gap_ns: i64,
    windows: Windows,
    /// End of what has come, played as it comes.
    end_ns: i64,
    answer: Option<Audible>,
    /// What came since then: at most as long as the gap.
    quiet: Vec<Known>,
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
            answer: None,
            quiet: Vec::new(),
        }
    }

    /// PCM16 little-endian has come; returns what is known of answers with it, in order: the end of one, and the audio
    /// of one, of which earlier messages may be a part. The last is this message, unless that is quiet.
    #[must_use]
    pub fn heard(&mut self, at_ns: i64, pcm: &Bytes) -> Vec<Known> {
        let (samples, _) = pcm.as_chunks::<2>();
        if samples.is_empty() {
            return Vec::new();
        }
        let start_ns = self.end_ns.max(at_ns);
        let known = |what| Known {
            at_ns,
            plays_ns: start_ns,
            what,
        };
        let audio = known(ServerMessage::Audio(pcm.clone()));
        let length_ns = Samples(samples.len() as u64).duration_ns(self.rate);
        self.end_ns = start_ns.saturating_add(length_ns);
        let window_ns = self.windows.length_ns();
        let mut audible: Option<Audible> = None;
        let samples = samples.iter().map(|sample| i16::from_le_bytes(*sample));
        self.windows.push(start_ns, samples, |from_ns, level| {
            let window = Audible {
                from_ns,
                until_ns: from_ns + window_ns,
                quietest: level,
            };
            audible = Some(audible.map_or(window, |before| before.and(window)));
            true
        });
        let Some(audible) = audible else {
            // What is beyond the gap is of no answer.
            if self.ends_at().is_some_and(|ends_ns| self.end_ns <= ends_ns) {
                self.quiet.push(audio);
            }
            return Vec::new();
        };
        let ended = self
            .ends_at()
            .is_some_and(|ends_ns| ends_ns <= audible.from_ns);
        if ended {
            self.end();
        }
        self.answer = Some(self.answer.map_or(audible, |before| before.and(audible)));
        let ended = ended.then(|| known(ServerMessage::TurnEnded));
        let quiet = self.quiet.drain(..);
        ended.into_iter().chain(quiet).chain([audio]).collect()
    }

    /// When the answer that is heard ends, if nothing more of it comes.
    #[must_use]
    pub fn ends_at(&self) -> Option<i64> {
        Some(self.answer?.until_ns.saturating_add(self.gap_ns))
    }

    /// The answer that is heard.
    #[must_use]
    pub fn answer(&self) -> Option<Audible> {
        self.answer
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
        let had_begun = self.answer.is_some();
        self.end();
        had_begun
    }

    fn end(&mut self) {
        self.answer = None;
        self.quiet.clear();
    }
}

impl Audible {
    /// With what is audible after it.
    fn and(self, later: Audible) -> Audible {
        Audible {
            from_ns: self.from_ns,
            until_ns: later.until_ns,
            quietest: self.quietest.min(later.quietest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let of = |known: Known| match known.what {
            ServerMessage::Audio(pcm) => (known.at_ns / MS, Some(pcm.len() / 16)),
            ServerMessage::TurnEnded => (known.at_ns / MS, None),
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
    fn an_answer_plays_behind_the_quiet_that_came_before_it() {
        let mut sound = sound();
        for at_ms in 0..15 {
            assert_eq!(heard(&mut sound, at_ms, &pcm(20, 0)), []);
        }
        let known = sound.heard(15 * MS, &pcm(20, 900));
        let [answer] = &known[..] else {
            panic!("{known:?}");
        };
        assert_eq!((answer.at_ns, answer.plays_ns), (15 * MS, 300 * MS));
        let known = sound.heard(16 * MS, &pcm(20, 900));
        assert_eq!(known[0].plays_ns, 320 * MS);
    }

    #[test]
    fn how_long_an_answer_lasts_and_how_quiet_it_is_are_known() {
        let mut sound = sound();
        assert_eq!(sound.answer(), None);
        for (at_ms, level) in [(0, 900), (20, 328), (40, 0), (60, 900)] {
            let _ = sound.heard(at_ms * MS, &pcm(20, level));
        }
        let answer = sound.answer().unwrap();
        assert_eq!((answer.from_ns, answer.until_ns), (0, 80 * MS));
        assert_eq!(answer.quietest.dbfs().round(), -40.0);
        assert!(sound.has_ended(400 * MS));
        assert_eq!(sound.answer(), None);
    }

    #[test]
    fn messages_without_audio_are_not_kept() {
        let mut sound = sound();
        assert_eq!(heard(&mut sound, 0, &pcm(20, 900)), [(0, Some(20))]);
        for _ in 0..100 {
            assert_eq!(heard(&mut sound, 1, &Bytes::new()), []);
        }
        assert!(sound.quiet.is_empty());
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
