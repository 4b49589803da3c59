//! Compares what was heard with what was said, turn by turn.

use std::collections::HashMap;

use super::align::{edits, words};
use super::{Misheard, Wer};
use crate::report::stats::special::t_limit;
use crate::results::exclusion::Exclusion;
use crate::results::manifest::RunManifest;
use crate::results::neighbours::ClipUsed;
use crate::results::row::{RequestRow, Status};

/// Turns that are shown.
const WORST: usize = 5;
/// Characters of a transcript that a run keeps: one as long as that may have been cut.
const KEPT_CHARS: usize = 500;
/// Fewest clips that an interval is given for: with fewer it is hardly ever right and far too wide.
const LEAST_CLIPS: usize = 10;

/// A clip that is known to say something.
struct Spoken {
    clip_id: String,
    text: String,
    words: Vec<String>,
    /// Edits and words of all its turns.
    errors: u64,
    said: u64,
    /// The turn that was heard worst, and how many edits it took.
    worst: Option<(u64, Misheard)>,
}

/// The turns compared so far.
pub(in crate::report) struct WerAccumulator {
    clips: Vec<Spoken>,
    places: HashMap<String, usize>,
    /// Whether the run kept transcripts.
    keeps_text: bool,
    /// The counts so far.
    wer: Wer,
}

impl WerAccumulator {
    /// Nothing compared yet of `run`, which speaks `clips`.
    pub(in crate::report) fn of(run: &RunManifest, clips: &[ClipUsed]) -> WerAccumulator {
        let spoken = clips.iter().filter_map(|clip| {
            let text = clip.transcript.clone()?;
            let words = words(&text);
            (!words.is_empty()).then(|| Spoken {
                clip_id: clip.clip_id.clone(),
                text,
                words,
                errors: 0,
                said: 0,
                worst: None,
            })
        });
        let clips: Vec<Spoken> = spoken.collect();
        let places = (0..).zip(&clips);
        WerAccumulator {
            places: places
                .map(|(place, clip)| (clip.clip_id.clone(), place))
                .collect(),
            clips,
            keeps_text: run.spec.text.get() != Some(&false),
            wer: Wer::default(),
        }
    }

    /// Takes in a turn. One whose speech was sent, and of which no word came back, was not understood
    /// at all, whatever became of it: all its words are deleted, as scoring tools do with what is
    /// missing. Else a gateway that fails where it does not understand would look the better for it.
    /// One that failed before its speech was sent says nothing of how the gateway hears.
    pub(in crate::report) fn add(&mut self, row: &RequestRow) {
        if !self.keeps_text || Exclusion::of(row).is_some() {
            return;
        }
        let wer = &mut self.wer;
        let place = row.clip_id.as_ref().and_then(|id| self.places.get(id));
        let Some(clip) = place.and_then(|&place| self.clips.get_mut(place)) else {
            wer.no_reference += 1;
            return;
        };
        let ended_well = row.status.is_success() || row.status == Status::NoAnswer;
        let is_sent = row.end_of_speech_sent_ns.is_some();
        let heard = match &row.transcript {
            Some(text) if text.chars().count() >= KEPT_CHARS => {
                wer.too_long += 1;
                return;
            }
            Some(text) => text.as_str(),
            None if is_sent || ended_well => "",
            None => {
                wer.failed += 1;
                return;
            }
        };
        let heard_words = words(heard);
        let is_unheard = heard_words.is_empty();
        wer.unheard += u64::from(is_unheard);
        wer.unheard_failed += u64::from(is_unheard && !ended_well);
        let found = edits(&clip.words, &heard_words);
        let errors = found.total();
        wer.substitutions += found.substitutions;
        wer.deletions += found.deletions;
        wer.insertions += found.insertions;
        wer.words += clip.words.len() as u64;
        wer.turns += 1;
        wer.exact += u64::from(errors == 0);
        clip.errors += errors;
        clip.said += clip.words.len() as u64;
        if errors > clip.worst.as_ref().map_or(0, |(most, _)| *most) {
            let misheard = Misheard {
                session_id: row.session_id.clone(),
                copy: row.copy,
                turn: row.turn,
                clip_id: clip.clip_id.clone(),
                rate: errors as f64 / clip.words.len() as f64,
                said: clip.text.clone(),
                heard: heard.to_owned(),
            };
            clip.worst = Some((errors, misheard));
        }
    }

    /// The word error rate, with the turns that were heard worst where `texts` may be shown.
    pub(in crate::report) fn finish(self, texts: bool) -> Wer {
        let not_known = self.not_known();
        let mut wer = self.wer;
        let errors = wer.substitutions + wer.deletions + wer.insertions;
        wer.rate = (wer.words > 0).then(|| errors as f64 / wer.words as f64);
        let spoken = self.clips.iter().filter(|clip| clip.said > 0);
        let counts: Vec<[u64; 2]> = spoken.map(|clip| [clip.errors, clip.said]).collect();
        wer.clips = counts.len() as u64;
        wer.interval = interval(&counts);
        wer.not_known = not_known;
        if texts {
            wer.worst = worst(self.clips);
        }
        wer
    }

    /// Why nothing was compared, where nothing was.
    fn not_known(&self) -> Option<String> {
        let why = if self.wer.turns > 0 {
            return None;
        } else if !self.keeps_text {
            "the run kept no transcripts; make it again without --no-text, of a trace that is not \
             recorded"
        } else if self.clips.is_empty() {
            "no clip of the run has a transcript; give what is said to `voicelt prepare \
             --transcripts FILE`, and make the run again"
        } else if self.wer.no_reference > 0 && self.wer.failed + self.wer.too_long == 0 {
            "no turn speaks a clip that has a transcript; give `voicelt prepare --transcripts` more \
             of them"
        } else if self.wer.failed > 0 {
            "every turn failed before its speech was sent; see the errors"
        } else if self.wer.too_long > 0 {
            "the gateway's transcripts are longer than a run keeps (500 characters)"
        } else {
            "no turn of the steady phase was measured"
        };
        Some(why.to_owned())
    }
}

/// The turns that were heard worst, one a clip.
fn worst(clips: Vec<Spoken>) -> Vec<Misheard> {
    let worst = clips.into_iter().filter_map(|clip| clip.worst);
    let mut worst: Vec<Misheard> = worst.map(|(_, misheard)| misheard).collect();
    let rate = |a: &Misheard, b: &Misheard| b.rate.total_cmp(&a.rate);
    worst.sort_by(|a, b| rate(a, b).then_with(|| a.clip_id.cmp(&b.clip_id)));
    worst.truncate(WORST);
    worst
}

/// The 95 % interval of a ratio of sums over clusters, by linearisation (Cochran 1977, 6.4) and
/// Student's t: what another draw of clips would give. `None` with few clips, or without an error.
fn interval(counts: &[[u64; 2]]) -> Option<[f64; 2]> {
    let sum = |at: usize| counts.iter().map(|count| count[at] as f64).sum::<f64>();
    let (errors, words, clusters) = (sum(0), sum(1), counts.len() as f64);
    if counts.len() < LEAST_CLIPS || errors == 0.0 {
        return None;
    }
    let rate = errors / words;
    let apart = |&[errors, words]: &[u64; 2]| (errors as f64 - rate * words as f64).powi(2);
    let squares: f64 = counts.iter().map(apart).sum();
    let deviation = (squares * clusters / (clusters - 1.0)).sqrt() / words;
    let reach = t_limit(clusters - 1.0) * deviation;
    Some([(rate - reach).max(0.0), rate + reach])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Phase;
    use crate::results::sample::{manifest, row, unanswered};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn clip(id: &str, transcript: Option<&str>) -> ClipUsed {
        ClipUsed {
            clip_id: id.to_owned(),
            file: None,
            sample_rate_hz: 16_000,
            speech_method: "vad".to_owned(),
            peak_dbfs: -1.0,
            source_path: None,
            transcript: transcript.map(str::to_owned),
        }
    }

    fn heard(turn: u32, clip: &str, transcript: Option<&str>) -> RequestRow {
        RequestRow {
            clip_id: Some(clip.to_owned()),
            transcript: transcript.map(str::to_owned),
            ..row(turn)
        }
    }

    fn told(run: &RunManifest, clips: &[ClipUsed], rows: &[RequestRow], texts: bool) -> Wer {
        let mut accumulator = WerAccumulator::of(run, clips);
        rows.iter().for_each(|row| accumulator.add(row));
        accumulator.finish(texts)
    }

    #[test]
    fn turns_are_compared_and_those_left_out_are_counted() {
        let clips = [
            clip("a", Some("One two three four.")),
            clip("b", Some("five six")),
            clip("c", None),
            clip("d", Some("…")),
        ];
        let long = "x ".repeat(250);
        let rows = [
            heard(0, "a", Some("one two three four")),
            heard(1, "a", Some("one too three")),
            heard(2, "b", None),
            heard(3, "c", Some("whatever")),
            heard(4, "d", Some("whatever")),
            RequestRow {
                clip_id: Some("a".to_owned()),
                end_of_speech_sent_ns: None,
                ..unanswered(5, Status::Error)
            },
            RequestRow {
                clip_id: Some("b".to_owned()),
                ..unanswered(8, Status::Timeout)
            },
            heard(9, "b", Some(" … ")),
            heard(6, "a", Some(&long)),
            RequestRow {
                phase: Phase::Warmup,
                ..heard(7, "a", Some("nothing of it"))
            },
        ];
        let wer = told(&manifest(), &clips, &rows, true);
        assert_eq!(
            (wer.substitutions, wer.deletions, wer.insertions),
            (1, 7, 0)
        );
        assert_eq!((wer.words, wer.turns, wer.clips), (14, 5, 2));
        assert_eq!((wer.rate, wer.interval), (Some(8.0 / 14.0), None));
        assert_eq!((wer.exact, wer.unheard, wer.unheard_failed), (1, 3, 1));
        assert_eq!((wer.no_reference, wer.failed, wer.too_long), (2, 1, 1));
        assert_eq!(wer.not_known, None);
        let worst: Vec<_> = wer
            .worst
            .iter()
            .map(|m| (m.turn, m.rate, m.heard.as_str()))
            .collect();
        assert_eq!(worst, [(2, 1.0, ""), (1, 0.5, "one too three")]);
        assert_eq!(told(&manifest(), &clips, &rows, false).worst, []);
    }

    #[test]
    fn when_nothing_is_known_it_is_said_why_and_what_to_do() {
        let said = |clips: &[ClipUsed], rows: &[RequestRow], text: bool| {
            let mut run = manifest();
            run.spec.text = text.into();
            let wer = told(&run, clips, rows, true);
            assert_eq!((wer.rate, wer.turns), (None, 0));
            wer.not_known.unwrap()
        };
        let (with, without) = ([clip("a", Some("one"))], [clip("a", None)]);
        let rows = [heard(0, "a", Some("one"))];
        assert!(said(&without, &rows, true).contains("prepare --transcripts"));
        assert!(said(&with, &rows, false).contains("without --no-text"));
        assert!(said(&with, &[heard(0, "b", Some("x"))], true).contains("no turn speaks"));
        let failed = [RequestRow {
            clip_id: Some("a".to_owned()),
            end_of_speech_sent_ns: None,
            ..unanswered(0, Status::Error)
        }];
        assert!(said(&with, &failed, true).contains("every turn failed"));
        assert!(said(&with, &[], true).contains("no turn of the steady phase"));
    }

    /// Clips of 4 to 12 words whose own rates lie between 0 and 0.4.
    #[test]
    fn the_interval_holds_the_true_rate_about_as_often_as_it_says() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut held = 0;
        for _ in 0..400 {
            let counts: Vec<[u64; 2]> = (0..40)
                .map(|_| {
                    let (words, rate) = (
                        random.random_range(4..=12_u64),
                        random.random::<f64>() * 0.4,
                    );
                    let errors = (0..words).filter(|_| random.random::<f64>() < rate).count();
                    [errors as u64, words]
                })
                .collect();
            let [low, high] = interval(&counts).unwrap();
            held += u32::from(low <= 0.2 && 0.2 <= high);
        }
        assert!((360..=396).contains(&held), "{held} of 400");
        assert_eq!(interval(&[[1, 5]; 9]), None, "too few clips");
        assert_eq!(
            interval(&[[0, 5]; 90]),
            None,
            "no error is no proof that there is none"
        );
    }
}
