//! What the virtual caller hears: audio queued as it arrives, played at its own rate.

use super::audible::{Threshold, Windows};
use crate::units::{NS_PER_MS, SampleRate, Samples};

/// Shortest silence that a caller notices as a gap.
const GAP_NS: i64 = 20 * NS_PER_MS;

/// The playout of one answer. All instants are nanoseconds on the clock of the arrivals.
#[derive(Debug, Clone)]
pub struct Playout {
    rate: SampleRate,
    buffer_ns: i64,
    /// First sample heard.
    pub start_ns: Option<i64>,
    /// Last sample heard, if no more comes.
    pub end_ns: Option<i64>,
    /// First audible window, played without buffer.
    pub first_audible_ns: Option<i64>,
    /// Samples received.
    pub samples: u64,
    /// Silences of 20 ms or more inside a SPEAKING span.
    pub underruns: u32,
    /// Their total.
    pub underrun_ns: i64,
    /// Silences of 20 ms or more between SPEAKING spans.
    pub sentence_gaps: u32,
    /// Their total.
    pub sentence_gap_ns: i64,
    /// End of what has arrived, played without buffer.
    bare_end_ns: i64,
    new_span: bool,
    odd_byte: Option<u8>,
    windows: Windows,
}

impl Playout {
    /// A caller that waits `buffer_ns` after the first audio before it plays, and hears what is over `threshold`.
    #[must_use]
    pub fn new(rate: SampleRate, buffer_ns: i64, threshold: Threshold) -> Playout {
        Playout {
            rate,
            buffer_ns,
            start_ns: None,
            end_ns: None,
            first_audible_ns: None,
            samples: 0,
            underruns: 0,
            underrun_ns: 0,
            sentence_gaps: 0,
            sentence_gap_ns: 0,
            bare_end_ns: i64::MIN,
            new_span: false,
            odd_byte: None,
            windows: Windows::new(rate, threshold),
        }
    }

    /// A caller with the same habits who has heard nothing.
    #[must_use]
    pub fn anew(&self) -> Playout {
        let windows = self.windows.anew();
        Playout {
            windows,
            ..Playout::new(self.rate, self.buffer_ns, Threshold::default())
        }
    }

    /// SPEAKING or the end of a turn arrived: a silence before the next audio is a pause between sentences.
    pub fn new_span(&mut self) {
        self.new_span = true;
    }

    /// PCM16 little-endian arrived at `at_ns`, or plays from then on behind other audio; a sample may be cut between
    /// two messages.
    pub fn audio(&mut self, at_ns: i64, pcm: &[u8]) {
        let (first, rest) = match (self.odd_byte.take(), pcm) {
            (Some(low), [high, rest @ ..]) => (Some(i16::from_le_bytes([low, *high])), rest),
            (kept, rest) => {
                self.odd_byte = kept;
                (None, rest)
            }
        };
        let pairs = rest.chunks_exact(2);
        if let [byte] = pairs.remainder() {
            self.odd_byte = Some(*byte);
        }
        let samples = first
            .into_iter()
            .chain(pairs.map(|s| i16::from_le_bytes([s[0], s[1]])));
        let count = (rest.len() / 2) as u64 + u64::from(first.is_some());
        if count == 0 {
            return;
        }
        let bare_start_ns = self.bare_end_ns.max(at_ns);
        self.listen(bare_start_ns, samples);
        let length_ns = Samples(count).duration_ns(self.rate);
        self.bare_end_ns = bare_start_ns + length_ns;
        self.samples += count;
        let play_ns = match self.end_ns {
            None => {
                self.start_ns = Some(at_ns + self.buffer_ns);
                at_ns + self.buffer_ns
            }
            Some(end_ns) if at_ns - end_ns >= GAP_NS => {
                self.count_gap(at_ns - end_ns);
                at_ns
            }
            Some(end_ns) => end_ns.max(at_ns),
        };
        self.new_span = false;
        self.end_ns = Some(play_ns + length_ns);
    }

    /// What was not played by `at_ns` is thrown away; returns how much that is, if anything.
    pub fn clear(&mut self, at_ns: i64) -> Option<i64> {
        let left_ns = self.end_ns.filter(|end_ns| *end_ns > at_ns)? - at_ns;
        self.end_ns = Some(at_ns.max(self.start_ns.unwrap_or(at_ns)));
        self.bare_end_ns = self.bare_end_ns.min(at_ns);
        Some(left_ns)
    }

    fn count_gap(&mut self, gap_ns: i64) {
        let (count, total) = match self.new_span {
            true => (&mut self.sentence_gaps, &mut self.sentence_gap_ns),
            false => (&mut self.underruns, &mut self.underrun_ns),
        };
        *count += 1;
        *total += gap_ns;
    }

    /// Looks for the first audible window; stops looking once it is found.
    fn listen(&mut self, start_ns: i64, samples: impl Iterator<Item = i16>) {
        if self.first_audible_ns.is_some() {
            return;
        }
        let first = &mut self.first_audible_ns;
        self.windows.push(start_ns, samples, |at_ns, _| {
            *first = Some(at_ns);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = NS_PER_MS;

    fn pcm(ms: usize, level: i16) -> Vec<u8> {
        std::iter::repeat_n(level.to_le_bytes(), ms * 16)
            .flatten()
            .collect()
    }

    fn playout() -> Playout {
        Playout::new(SampleRate::PREPARED, 60 * MS, Threshold::default())
    }

    #[test]
    fn audio_that_comes_fast_is_heard_at_its_own_rate() {
        let mut caller = playout();
        for k in 0..10 {
            caller.audio(1000 * MS + k, &pcm(100, 1000));
        }
        assert_eq!(caller.start_ns, Some(1060 * MS));
        assert_eq!(caller.end_ns, Some(2060 * MS));
        assert_eq!(caller.first_audible_ns, Some(1000 * MS));
        assert_eq!((caller.underruns, caller.sentence_gaps), (0, 0));
    }

    #[test]
    fn a_dry_queue_is_an_underrun_or_a_pause_between_sentences() {
        let mut caller = playout();
        caller.audio(0, &pcm(100, 1000)); // heard from 60 to 160
        caller.audio(200 * MS, &pcm(100, 1000)); // 40 late, heard from 200 to 300
        caller.new_span();
        caller.audio(350 * MS, &pcm(100, 1000)); // 50 late, a new sentence
        caller.audio(460 * MS, &pcm(100, 1000)); // 10 late: not noticed
        assert_eq!((caller.underruns, caller.underrun_ns), (1, 40 * MS));
        assert_eq!((caller.sentence_gaps, caller.sentence_gap_ns), (1, 50 * MS));
        assert_eq!(caller.end_ns, Some(560 * MS));
    }

    #[test]
    fn what_is_cleared_is_not_heard() {
        let mut caller = playout();
        assert_eq!(caller.clear(0), None, "nothing plays");
        caller.audio(0, &pcm(100, 1000)); // heard from 60 to 160
        assert_eq!(caller.clear(100 * MS), Some(60 * MS));
        assert_eq!(caller.end_ns, Some(100 * MS));
        assert_eq!(caller.clear(100 * MS), None);
        caller.audio(110 * MS, &pcm(100, 1000));
        assert_eq!(caller.end_ns, Some(210 * MS));
        let mut buffering = playout();
        buffering.audio(0, &pcm(100, 1000));
        assert_eq!(
            buffering.clear(20 * MS),
            Some(140 * MS),
            "before it is heard at all"
        );
        assert_eq!(buffering.end_ns, Some(60 * MS));
    }

    #[test]
    fn silence_before_the_voice_is_not_audible() {
        let mut caller = playout();
        caller.audio(0, &pcm(30, 10));
        caller.audio(5 * MS, &pcm(30, 1000));
        assert_eq!(caller.first_audible_ns, Some(30 * MS));
    }

    #[test]
    fn a_sample_may_be_cut_between_messages() {
        let (mut whole, mut cut) = (playout(), playout());
        let audio = pcm(40, -12345);
        whole.audio(0, &audio);
        for piece in [&audio[..1], &audio[1..1], &audio[1..8], &audio[8..]] {
            cut.audio(0, piece);
        }
        assert_eq!(cut.samples, whole.samples);
        assert_eq!(cut.end_ns, whole.end_ns);
        assert_eq!(cut.first_audible_ns, whole.first_audible_ns);
    }
}
