//! One call laid out in time: its utterances, and the messages that carry them.

use super::model::SessionRows;
use super::model::{ClipRow, EventKind, EventRow, Microphone, SessionRow, SpeechMethod, TurnRow};
use super::pace::Pace;
use crate::units::{NS_PER_MS, NS_PER_S, SampleRate, Samples};

/// How a call goes, whatever is said in it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSpec {
    /// `None`: push-to-talk for calls of one turn, open for others.
    pub microphone: Option<Microphone>,
    /// Time an answer is given, from the end of speech, before the think time.
    pub answer_time_ns: i64,
    /// Push-to-talk: silence sent after each utterance.
    pub hang_ns: i64,
    /// Audio in a chunk.
    pub chunk_ns: i64,
    /// How fast chunks are sent.
    pub pace: Pace,
    /// BCP 47 language of the caller.
    pub language_code: String,
}

impl Default for CallSpec {
    fn default() -> Self {
        CallSpec {
            microphone: None,
            answer_time_ns: 4 * NS_PER_S,
            hang_ns: 0,
            chunk_ns: NS_PER_S / 50,
            pace: Pace::RealTime,
            language_code: "en-US".to_owned(),
        }
    }
}

/// What makes a call impossible.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// A chunk that is not a whole number of samples, or too short or long.
    #[error("chunks of {0} ns are not possible; use a whole number of milliseconds from 1 to 1000")]
    Chunk(i64),
}

impl CallSpec {
    /// Finds what would keep any clips from being laid out.
    ///
    /// # Errors
    /// An impossible chunk.
    pub fn check(&self) -> Result<(), CallError> {
        match (NS_PER_MS..=NS_PER_S).contains(&self.chunk_ns) && self.chunk_ns % NS_PER_MS == 0 {
            true => Ok(()),
            false => Err(CallError::Chunk(self.chunk_ns)),
        }
    }
}

/// When an utterance begins. None begins before the one before it has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// At this instant, since the start of the trace.
    At(i64),
    /// When the answer before it was heard and thought about.
    AfterAnswer {
        /// How long it was thought about.
        think_ns: i64,
    },
}

/// What a caller says next.
#[derive(Debug, Clone, Copy)]
pub struct Utterance<'a> {
    /// What is said.
    pub clip: &'a ClipRow,
    /// When; that of a call's first utterance is the call's start.
    pub begins: Begins,
}

/// Lays out the call `session`, which says `utterances`, at least one, from `start_ns` on; all clips
/// have the rate of the first. The caller waits with `spec.answer_time_ns` for each answer, so that
/// an utterance that begins at a given instant has as think time what is left until then.
///
/// The rest of what a session has is left as for one that was not recorded.
#[must_use]
pub fn lay_out(
    spec: &CallSpec,
    session: u32,
    start_ns: i64,
    utterances: &[Utterance<'_>],
) -> SessionRows {
    let microphone = spec.microphone.unwrap_or(match utterances.len() {
        0 | 1 => Microphone::PushToTalk,
        _ => Microphone::Open,
    });
    let rate = utterances.first().map(|first| first.clip.sample_rate_hz);
    let rate = SampleRate(rate.unwrap_or(SampleRate::PREPARED.0));
    let (chunk_samples, interval_ns) = spec.pace.chunks(spec.chunk_ns, rate);
    let mut call = LaidOut {
        spec,
        chunk_samples,
        interval_ns,
        session,
        at_ns: start_ns,
        microphone,
        rate,
        turns: Vec::with_capacity(utterances.len()),
        events: Vec::with_capacity(2 * utterances.len() + 2),
    };
    call.push(0, EventKind::Config, 0, None);
    let mut last = 0;
    let mut speech_end_ns = start_ns;
    for (turn, utterance) in (0_u32..).zip(utterances) {
        let mut think_ns = None;
        if turn > 0 {
            let answered_ns = speech_end_ns + spec.answer_time_ns;
            let at_ns = match utterance.begins {
                Begins::At(at_ns) => at_ns,
                Begins::AfterAnswer { think_ns } => answered_ns + think_ns,
            };
            think_ns = Some((at_ns - answered_ns).max(0));
            call.wait_until(last, at_ns);
        }
        speech_end_ns = call.speak(turn, think_ns, utterance.clip);
        last = turn;
    }
    call.finish(last);
    SessionRows {
        session: SessionRow {
            session,
            session_id: format!("s{session:06}"),
            start_ns,
            language_code: spec.language_code.clone(),
            sample_rate_hz: rate.0,
            microphone,
            turns: u32::try_from(call.turns.len()).unwrap_or(u32::MAX),
            recorded_status: None,
            recorded_end_ns: None,
            metadata: None,
        },
        turns: call.turns,
        events: call.events,
        replies: Vec::new(),
    }
}

/// One session being written; `at_ns` is where its next audio starts.
struct LaidOut<'a> {
    spec: &'a CallSpec,
    chunk_samples: u64,
    /// From one chunk to the next.
    interval_ns: i64,
    session: u32,
    at_ns: i64,
    microphone: Microphone,
    rate: SampleRate,
    turns: Vec<TurnRow>,
    events: Vec<EventRow>,
}

impl LaidOut<'_> {
    /// Says `clip` and returns the instant at which its speech ends.
    fn speak(&mut self, turn: u32, think_ns: Option<i64>, clip: &ClipRow) -> i64 {
        let since = |samples| self.at_ns + self.length_ns(samples);
        let voiced = clip.speech_method != SpeechMethod::None;
        let speech_end_ns = since(clip.speech_end_samples);
        let end_ns = since(clip.samples);
        self.turns.push(TurnRow {
            session: self.session,
            turn,
            at_ns: self.at_ns,
            end_ns,
            speech_start_ns: voiced.then(|| since(clip.speech_start_samples)),
            speech_end_ns: voiced.then_some(speech_end_ns),
            think_ns,
            clip: Some(clip.clip),
        });
        let count = clip.samples.div_ceil(self.chunk_samples);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.push(turn, EventKind::Audio, count, Some(clip.clip));
        if self.microphone == Microphone::PushToTalk {
            self.fill(turn, self.spec.hang_ns);
        }
        if voiced { speech_end_ns } else { end_ns }
    }

    /// The gap before the next utterance: silence from an open microphone, nothing otherwise.
    fn wait_until(&mut self, turn: u32, at_ns: i64) {
        match self.microphone {
            Microphone::Open => self.fill(turn, at_ns - self.at_ns),
            Microphone::PushToTalk => self.at_ns = self.at_ns.max(at_ns),
        }
    }

    fn finish(&mut self, turn: u32) {
        if self.microphone == Microphone::Open {
            self.fill(turn, self.spec.answer_time_ns);
        }
        self.push(turn, EventKind::HalfClose, 0, None);
    }

    /// Whole chunks of silence that cover `length_ns`.
    fn fill(&mut self, turn: u32, length_ns: i64) {
        let count = length_ns.max(0) as u64;
        let count = u32::try_from(count.div_ceil(self.interval_ns as u64)).unwrap_or(u32::MAX);
        if count > 0 {
            self.push(turn, EventKind::Fill, count, None);
        }
    }

    /// How long it takes to send so many samples: their length, or with another pace the time until
    /// the chunk leaves that has the last of them.
    fn length_ns(&self, samples: u64) -> i64 {
        match self.spec.pace {
            Pace::RealTime => Samples(samples).duration_ns(self.rate),
            _ => {
                let chunks = samples.div_ceil(self.chunk_samples);
                i64::try_from(chunks)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(self.interval_ns)
            }
        }
    }

    /// Appends an event of `chunks` chunks (0: not audio) and moves past it.
    fn push(&mut self, turn: u32, kind: EventKind, chunks: u32, clip: Option<u32>) {
        let chunk_bytes = u32::try_from(self.chunk_samples * 2).unwrap_or(u32::MAX);
        self.events.push(EventRow {
            session: self.session,
            turn,
            at_ns: self.at_ns,
            kind,
            clip,
            offset_bytes: 0,
            chunk_bytes: if chunks > 0 { chunk_bytes } else { 0 },
            interval_ns: if chunks > 0 { self.interval_ns } else { 0 },
            count: chunks.max(1),
            text: None,
        });
        self.at_ns += i64::from(chunks) * self.interval_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = NS_PER_MS;

    /// A clip whose speech ends a tenth of a second before it does.
    fn clip(ms: u64) -> ClipRow {
        ClipRow {
            clip: 0,
            clip_id: "0".repeat(64),
            file: None,
            sample_rate_hz: 16_000,
            samples: ms * 16,
            speech_start_samples: 0,
            speech_end_samples: (ms - 100) * 16,
            speech_method: SpeechMethod::Vad,
            peak_dbfs: -3.0,
            rms_dbfs: -20.0,
            source_path: None,
            transcript: None,
        }
    }

    fn call(spec: &CallSpec, clip: &ClipRow, begins: &[Begins]) -> SessionRows {
        let utterances: Vec<_> = begins
            .iter()
            .map(|&begins| Utterance { clip, begins })
            .collect();
        lay_out(spec, 0, 7 * MS, &utterances)
    }

    #[test]
    fn one_turn_is_push_to_talk_and_half_closes_with_its_last_chunk() {
        let call = call(&CallSpec::default(), &clip(1010), &[Begins::At(7 * MS)]);
        let kinds: Vec<_> = call.events.iter().map(|e| (e.kind, e.count)).collect();
        let expected = [
            (EventKind::Config, 1),
            (EventKind::Audio, 51),
            (EventKind::HalfClose, 1),
        ];
        assert_eq!(kinds, expected);
        let half_close_ns = call.events[2].at_ns;
        assert_eq!(
            half_close_ns,
            7 * MS + 51 * 20 * MS,
            "a short chunk is paced too"
        );
        assert_eq!(call.turns[0].end_ns, (7 + 1010) * MS);
        assert_eq!(call.turns[0].speech_end_ns, Some((7 + 910) * MS));
        assert_eq!(call.session.microphone, Microphone::PushToTalk);
    }

    #[test]
    fn an_open_microphone_sends_silence_between_and_after_utterances() {
        let after = Begins::AfterAnswer { think_ns: NS_PER_S };
        let call = call(
            &CallSpec::default(),
            &clip(1000),
            &[Begins::At(7 * MS), after],
        );
        let events = call.events.iter();
        let kinds: Vec<_> = events.map(|e| (e.turn, e.kind, e.count)).collect();
        use EventKind::{Audio, Config, Fill, HalfClose};
        // Speech ends at 0.9 s, so that the next turn starts at 0.9 + 4 + 1 = 5.9 s.
        let expected = [
            (0, Config, 1),
            (0, Audio, 50),
            (0, Fill, 245),
            (1, Audio, 50),
            (1, Fill, 200),
            (1, HalfClose, 1),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(call.turns[1].at_ns, (7 + 5900) * MS);
        assert_eq!(call.turns[1].think_ns, Some(1000 * MS));
        let gaps = call.events.windows(2).all(|w| {
            w[0].count == 1 || w[0].at_ns + i64::from(w[0].count) * w[0].interval_ns == w[1].at_ns
        });
        assert!(gaps, "an open microphone never pauses");
    }

    #[test]
    fn at_another_pace_speech_ends_when_its_last_chunk_leaves() {
        let spec = CallSpec {
            pace: Pace::Original,
            ..CallSpec::default()
        };
        // 1 s is 16,000 samples, 8 chunks of 2,048; 0.9 s of speech is 8 of them too.
        let call = call(&spec, &clip(1000), &[Begins::At(7 * MS)]);
        let audio = &call.events[1];
        assert_eq!(
            (audio.count, audio.chunk_bytes, audio.interval_ns),
            (8, 4096, 10 * MS)
        );
        assert_eq!(call.turns[0].speech_end_ns, Some((7 + 80) * MS));
        assert_eq!(
            (call.turns[0].end_ns, call.events[2].at_ns),
            (87 * MS, 87 * MS)
        );
    }

    #[test]
    fn a_given_instant_is_kept_unless_the_caller_still_speaks() {
        let spec = CallSpec {
            microphone: Some(Microphone::PushToTalk),
            ..CallSpec::default()
        };
        let at = [0, 5007, 5500].map(|ms| Begins::At(ms * MS));
        let call = call(&spec, &clip(1000), &at);
        let at: Vec<_> = call.turns.iter().map(|turn| turn.at_ns / MS).collect();
        assert_eq!(at, [7, 5007, 6007]);
        // 5.007 s is 0.1 s after the 4 s from the end of speech, 6.007 s before they are over.
        let think: Vec<_> = call.turns.iter().map(|turn| turn.think_ns).collect();
        assert_eq!(think, [None, Some(100 * MS), Some(0)]);
    }
}
