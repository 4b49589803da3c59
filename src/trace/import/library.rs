//! Which clip is spoken for a row: the one that it names, or one whose speech is about as long.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ImportError;
use super::log::Length;
use crate::trace::compile::{PICK, rng};
use crate::trace::model::{ClipRow, SpeechMethod};
use crate::units::{NS_PER_S, SampleRate, Samples};

/// Words that a token stands for: the usual rule of thumb for English.
pub const WORDS_PER_TOKEN: f64 = 0.75;
/// Words that are spoken in a second unless stated otherwise: 150 a minute.
pub const WORDS_PER_SECOND: f64 = 2.5;

/// A clip is as near as the nearest where it is no further off than that and one part in so many of
/// its length.
const NEAR: i64 = 10;

/// Clips to choose from, all of one sample rate.
pub struct Library<'a> {
    clips: &'a [ClipRow],
    /// Places in `clips`, by the length of the speech.
    by_length: Vec<(i64, usize)>,
    by_name: HashMap<&'a str, usize>,
    used: Vec<u64>,
    rng: ChaCha8Rng,
}

impl<'a> Library<'a> {
    /// A library of those `clips` that have the most common sample rate: a call has one.
    ///
    /// # Errors
    /// No clips.
    pub fn new(clips: &'a [ClipRow], seed: u64) -> Result<Library<'a>, ImportError> {
        let mut rates: HashMap<u32, usize> = HashMap::new();
        for clip in clips {
            *rates.entry(clip.sample_rate_hz).or_default() += 1;
        }
        let common = rates.into_iter().max_by_key(|&(rate, clips)| (clips, rate));
        let (rate, _) = common.ok_or(ImportError::NoClips)?;
        let ours = || {
            let clips = clips.iter().enumerate();
            clips.filter(move |(_, clip)| clip.sample_rate_hz == rate)
        };
        let mut by_length: Vec<_> = ours().map(|(at, clip)| (speech_ns(clip), at)).collect();
        by_length.sort_unstable();
        let mut by_name = HashMap::new();
        // In order of precedence: the first that takes a name keeps it.
        let names: [fn(&ClipRow) -> Option<&str>; 4] = [id, path, file_name, file_stem];
        for name in names {
            for (at, clip) in ours() {
                if let Some(name) = name(clip) {
                    by_name.entry(name).or_insert(at);
                }
            }
        }
        Ok(Library {
            clips,
            by_length,
            by_name,
            used: vec![0; clips.len()],
            rng: rng(seed, PICK),
        })
    }

    /// How many clips are chosen from.
    #[must_use]
    pub fn clips(&self) -> usize {
        self.by_length.len()
    }

    /// The clip of this name: its id, its source file, or the last part of that, with or without
    /// extension.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&'a ClipRow> {
        self.by_name.get(name).map(|&at| &self.clips[at])
    }

    /// A clip whose speech is nearest to `length_ns`, or about as near; any where there is no length.
    /// Of two that are drawn, the one that was used less is taken, so that all are used evenly.
    pub fn near(&mut self, length_ns: Option<i64>) -> &'a ClipRow {
        let near = match length_ns {
            Some(length_ns) => self.around(length_ns),
            None => 0..self.by_length.len(),
        };
        let mut draw = || self.by_length[self.rng.random_range(near.clone())].1;
        let (one, other) = (draw(), draw());
        let at = match self.used[other] < self.used[one] {
            true => other,
            false => one,
        };
        self.used[at] += 1;
        &self.clips[at]
    }

    /// Where in `by_length` the clips are that are near to `length_ns`: at least one.
    fn around(&self, length_ns: i64) -> Range<usize> {
        let from = self.by_length.partition_point(|&(ns, _)| ns < length_ns);
        let above = self.by_length.get(from).map(|&(ns, _)| ns);
        let below = from.checked_sub(1).map(|at| self.by_length[at].0);
        let distance = |ns: &i64| (ns - length_ns).abs();
        let nearest = below.into_iter().chain(above).min_by_key(distance);
        let nearest_ns = nearest.unwrap_or_default();
        let reach_ns = distance(&nearest_ns) + nearest_ns / NEAR;
        let (low, high) = (length_ns - reach_ns, length_ns + reach_ns);
        let first = self.by_length.partition_point(|&(ns, _)| ns < low);
        let end = self.by_length.partition_point(|&(ns, _)| ns <= high);
        first..end
    }
}

/// How long a clip's speech is; of one without speech, how long it is.
#[must_use]
pub fn speech_ns(clip: &ClipRow) -> i64 {
    let samples = match clip.speech_method {
        SpeechMethod::None => clip.samples,
        _ => clip.speech_end_samples - clip.speech_start_samples,
    };
    Samples(samples).duration_ns(SampleRate(clip.sample_rate_hz))
}

/// How long a row's speech is to be: its time, or its tokens as words at so many a second.
#[must_use]
pub fn asked_ns(length: Length, words_per_second: f64) -> i64 {
    /// A day: longer than any clip, and far from overflow.
    const LONGEST_NS: f64 = 24.0 * 3600.0 * NS_PER_S as f64;
    let ns = match length {
        Length::Time(ns) => ns as f64,
        Length::Tokens(tokens) => tokens * WORDS_PER_TOKEN / words_per_second * NS_PER_S as f64,
    };
    ns.clamp(0.0, LONGEST_NS).round() as i64
}

fn id(clip: &ClipRow) -> Option<&str> {
    Some(&clip.clip_id)
}

fn path(clip: &ClipRow) -> Option<&str> {
    clip.source_path.as_deref()
}

fn file_name(clip: &ClipRow) -> Option<&str> {
    Path::new(path(clip)?).file_name()?.to_str()
}

fn file_stem(clip: &ClipRow) -> Option<&str> {
    Path::new(path(clip)?).file_stem()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;
    use crate::units::NS_PER_MS;

    fn clips(lengths_ms: &[usize]) -> Vec<ClipRow> {
        let clips = (0..).zip(lengths_ms).map(|(number, &ms)| ClipRow {
            clip: number,
            ..sample::clip(&vec![number as i16; ms * 16], &format!("a/{number}.wav"))
        });
        clips.collect()
    }

    #[test]
    fn the_nearest_clip_is_taken_and_those_as_near_in_turn() {
        let clips = clips(&[1000, 3000, 3100, 3200, 9000]);
        let mut library = Library::new(&clips, 1).unwrap();
        let mut used = [0; 5];
        for _ in 0..300 {
            used[library.near(Some(3050 * NS_PER_MS)).clip as usize] += 1;
        }
        assert_eq!((used[0], used[4]), (0, 0));
        assert!(
            used[1..4].iter().all(|&n| (95..=105).contains(&n)),
            "{used:?}"
        );
        assert_eq!(library.near(Some(0)).clip, 0);
        assert_eq!(library.near(Some(i64::MAX / 4)).clip, 4);
    }

    #[test]
    fn without_a_length_the_whole_library_is_used_evenly() {
        let clips = clips(&[100; 7]);
        let clips: Vec<_> = clips
            .into_iter()
            .enumerate()
            .map(|(n, c)| ClipRow {
                samples: c.samples + 160 * n as u64,
                speech_end_samples: c.samples + 160 * n as u64,
                ..c
            })
            .collect();
        let draw = |seed| {
            let mut library = Library::new(&clips, seed).unwrap();
            (0..700)
                .map(|_| library.near(None).clip)
                .collect::<Vec<_>>()
        };
        let drawn = draw(1);
        for clip in 0..7 {
            let used = drawn.iter().filter(|&&c| c == clip).count();
            assert!((95..=105).contains(&used), "{clip}: {used}");
        }
        assert_eq!(drawn, draw(1), "the seed decides");
        assert_ne!(drawn, draw(2));
    }

    #[test]
    fn a_clip_has_several_names_and_the_longest_takes_precedence() {
        let mut clips = clips(&[100, 200]);
        clips[0].source_path = Some("b/1.wav".to_owned());
        let library = Library::new(&clips, 1).unwrap();
        let of = |name: &str| library.named(name).map(|clip| clip.clip);
        assert_eq!(of("b/1.wav"), Some(0));
        assert_eq!(of("a/1.wav"), Some(1));
        assert_eq!(
            (of("1.wav"), of("1")),
            (Some(0), Some(0)),
            "the first of two"
        );
        assert_eq!(of(&clips[1].clip_id), Some(1));
        assert_eq!(of("2"), None);
    }

    #[test]
    fn clips_of_the_most_common_rate_are_chosen_from() {
        let mut clips = clips(&[100, 200, 300]);
        clips[1].sample_rate_hz = 8_000;
        let library = Library::new(&clips, 1).unwrap();
        assert_eq!(library.clips(), 2);
        assert!(library.named("a/1.wav").is_none());
        assert!(matches!(Library::new(&[], 1), Err(ImportError::NoClips)));
    }

    #[test]
    fn tokens_are_words_are_seconds() {
        assert_eq!(asked_ns(Length::Tokens(100.0), 2.5), 30 * NS_PER_S);
        assert_eq!(asked_ns(Length::Time(7), 2.5), 7);
        assert_eq!(asked_ns(Length::Tokens(1e18), 0.1), 24 * 3600 * NS_PER_S);
    }
}
