//! Synthetic calls, as they pass a recorder.

use voicelt::pcm::synth::speech_like;
use voicelt::trace::journal::{JournalKind, JournalRow};
use voicelt::units::{NS_PER_MS, SampleRate};

const RATE: SampleRate = SampleRate(16_000);
const CHUNK_NS: i64 = 20 * NS_PER_MS;
/// Samples of a chunk.
const CHUNK: usize = 320;

/// What passes the recorder, in order of time: a row, and audio that is kept.
pub(crate) type Passing = (JournalRow, Option<Vec<u8>>);

/// A call as it passes the recorder.
pub(crate) struct Caller {
    pub(crate) call: u64,
    pub(crate) at_ns: i64,
    pub(crate) keeps_audio: bool,
    pub(crate) passing: Vec<Passing>,
}

impl Caller {
    pub(crate) fn new(call: u64, at_ns: i64) -> Caller {
        let mut caller = Caller {
            call,
            at_ns,
            keeps_audio: true,
            passing: Vec::new(),
        };
        caller.push(JournalKind::Opened);
        let config = caller.push(JournalKind::Config);
        config.session_id = Some(format!("call-{call}"));
        config.text = Some("en-US".to_owned());
        config.rate_hz = Some(RATE.0);
        caller
    }

    pub(crate) fn push(&mut self, kind: JournalKind) -> &mut JournalRow {
        let row = JournalRow::new(self.call, self.at_ns, kind);
        self.passing.push((row, None));
        &mut self.passing.last_mut().unwrap().0
    }

    /// Sends samples in chunks, each a little off its time.
    pub(crate) fn send(&mut self, samples: &[i16], is_voiced: impl Fn(usize) -> bool) {
        let start_ns = self.at_ns;
        for (number, samples) in samples.chunks(CHUNK).enumerate() {
            let jitter_ns = (number as i64 * 7919) % 1000 * 3000;
            self.at_ns = start_ns + (number as i64 + 1) * CHUNK_NS + jitter_ns;
            let pcm: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let is_zero = pcm.iter().all(|byte| *byte == 0);
            let keeps_audio = self.keeps_audio;
            let row = self.push(if is_zero {
                JournalKind::Silence
            } else {
                JournalKind::Audio
            });
            row.bytes = pcm.len() as u32;
            if !is_zero && keeps_audio {
                self.passing.last_mut().unwrap().1 = Some(pcm);
            } else if !is_zero {
                row.voiced = Some(is_voiced(number));
            }
        }
    }

    /// Half a second of silence, a second of speech, and silence until the end of two seconds.
    pub(crate) fn speak(&mut self, seed: u64) {
        let mut samples = speech_like(32_000, 8_000..24_000, RATE, seed);
        samples[..7_680].fill(0);
        samples[24_320..].fill(0);
        self.send(&samples, |number| (25..75).contains(&number));
    }

    pub(crate) fn hears(&mut self, kind: JournalKind, after_ms: i64, bytes: u32) {
        self.at_ns += after_ms * NS_PER_MS;
        let row = self.push(kind);
        row.bytes = bytes;
        if matches!(kind, JournalKind::Transcript | JournalKind::LlmText) {
            row.text = Some("hello".to_owned());
        }
    }

    /// The server answers with a second of speech, 200 ms from now, and listens again.
    pub(crate) fn answer(&mut self) {
        self.hears(JournalKind::Transcript, 50, 5);
        self.hears(JournalKind::Processing, 10, 0);
        self.hears(JournalKind::LlmText, 40, 5);
        self.hears(JournalKind::Speaking, 50, 0);
        for _ in 0..10 {
            self.hears(JournalKind::ReplyAudio, 5, 3_200);
        }
        self.hears(JournalKind::Listening, 5, 0);
    }

    pub(crate) fn end(mut self) -> Vec<Passing> {
        self.push(JournalKind::HalfClose);
        self.hears(JournalKind::EndOfTurn, 5, 0);
        self.hears(JournalKind::Closed, 1, 0);
        self.passing.last_mut().unwrap().0.text = Some("OK".to_owned());
        self.passing
    }
}

/// A caller who has spoken, and was answered.
pub(crate) fn one_turn(call: u64, at_ns: i64) -> Caller {
    let mut caller = Caller::new(call, at_ns);
    caller.hears(JournalKind::Listening, 1, 0);
    caller.speak(call * 2 + 1);
    caller.answer();
    caller
}

/// A caller who has spoken twice, and was answered.
pub(crate) fn two_turns(call: u64, at_ns: i64) -> Caller {
    let mut caller = one_turn(call, at_ns);
    caller.speak(call * 2 + 2);
    caller.answer();
    caller
}
