//! From clips and an arrival process to sessions, turns and events.

use std::ops::RangeInclusive;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::arrivals::{ArrivalError, Arrivals, Limits};
use super::model::{ClipRow, EventKind, EventRow, Microphone, SessionRow, SpeechMethod, TurnRow};
use crate::units::{NS_PER_S, SampleRate, Samples};

crate::names! {
    /// Which clip is spoken next.
    pub enum Pick {
        /// All turns of all sessions take the clips in turn.
        RoundRobin = "round-robin",
        /// Each turn takes any clip.
        Random = "random",
        /// Each session starts again at the first clip.
        Sequential = "sequential",
        /// Like round-robin, in an order that is shuffled anew each time around.
        Shuffle = "shuffle",
    }
}

/// What the callers of a prepared trace do.
#[derive(Debug, Clone, PartialEq)]
pub struct CompileSpec {
    /// How sessions arrive; `None`: one session a clip, one start a second.
    pub arrivals: Option<Arrivals>,
    /// Where arrivals end.
    pub limits: Limits,
    /// Utterances of a session.
    pub turns: RangeInclusive<u32>,
    /// Pause from the end of the heard answer to the next utterance.
    pub think_ns: RangeInclusive<i64>,
    /// `None`: push-to-talk for sessions of one turn, open for others.
    pub microphone: Option<Microphone>,
    /// Time an answer is given, from the end of speech, before the think time.
    pub answer_time_ns: i64,
    /// Push-to-talk: silence sent after each utterance.
    pub hang_ns: i64,
    /// Time between chunks.
    pub chunk_ns: i64,
    /// Which clip is spoken next.
    pub pick: Pick,
    /// BCP 47 language of the callers.
    pub language_code: String,
    /// Seed of every random choice.
    pub seed: u64,
}

impl Default for CompileSpec {
    fn default() -> Self {
        CompileSpec {
            arrivals: None,
            limits: Limits::default(),
            turns: 1..=1,
            think_ns: NS_PER_S..=NS_PER_S,
            microphone: None,
            answer_time_ns: 4 * NS_PER_S,
            hang_ns: 0,
            chunk_ns: NS_PER_S / 50,
            pick: Pick::RoundRobin,
            language_code: "en-US".to_owned(),
            seed: 1,
        }
    }
}

impl CompileSpec {
    /// Finds what would keep any clips from becoming a trace, before they are there.
    ///
    /// # Errors
    /// As for [`compile`].
    pub fn check(&self) -> Result<(), CompileError> {
        self.check_calls()?;
        starts(1, self)?;
        Ok(())
    }

    fn check_calls(&self) -> Result<(), CompileError> {
        if !(1_000_000..=NS_PER_S).contains(&self.chunk_ns) || self.chunk_ns % 1_000_000 != 0 {
            return Err(CompileError::Chunk(self.chunk_ns));
        }
        if self.turns.is_empty() || *self.turns.start() == 0 || self.think_ns.is_empty() {
            return Err(CompileError::Turns);
        }
        Ok(())
    }
}

/// What can keep clips from becoming a trace.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// There is nothing to say.
    #[error("there are no clips to make sessions from")]
    NoClips,
    /// A chunk that is not a whole number of samples, or too short or long.
    #[error("chunks of {0} ns are not possible; use a whole number of milliseconds from 1 to 1000")]
    Chunk(i64),
    /// A session with no turn.
    #[error("--turns must be at least 1, and the larger number last")]
    Turns,
    /// The arrival process is not possible.
    #[error(transparent)]
    Arrivals(#[from] ArrivalError),
}

/// The callers' side of a trace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Compiled {
    /// Sessions in order of their start.
    pub sessions: Vec<SessionRow>,
    /// Their utterances.
    pub turns: Vec<TurnRow>,
    /// Their messages.
    pub events: Vec<EventRow>,
}

// Each random choice has a stream of its own, so that one setting does not change another's draws.
const ARRIVALS: u64 = 1;
const TURNS: u64 = 2;
const THINK: u64 = 3;
const PICK: u64 = 4;
const PHASE: u64 = 5;

fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Compiles `clips` into sessions as `spec` says; the same input gives the same trace.
///
/// # Errors
/// No clips, an impossible chunk or number of turns, or arrivals that start nothing or never end.
pub fn compile(clips: &[ClipRow], spec: &CompileSpec) -> Result<Compiled, CompileError> {
    if clips.is_empty() {
        return Err(CompileError::NoClips);
    }
    spec.check_calls()?;
    let starts = starts(clips.len(), spec)?;
    let mut turns_rng = rng(spec.seed, TURNS);
    let mut think_rng = rng(spec.seed, THINK);
    let mut picker = Picker::new(clips.len(), spec);
    let mut out = Compiled::default();
    for (session, start_ns) in (0_u32..).zip(starts) {
        let turns = turns_rng.random_range(spec.turns.clone());
        let microphone = spec.microphone.unwrap_or(match turns {
            1 => Microphone::PushToTalk,
            _ => Microphone::Open,
        });
        let mut call = Call {
            spec,
            session,
            at_ns: start_ns,
            microphone,
            out: &mut out,
        };
        call.push(0, EventKind::Config, 0, None);
        picker.begin_session();
        let mut speech_end_ns = start_ns;
        for turn in 0..turns {
            let think_ns = match turn {
                0 => None,
                _ => Some(think_rng.random_range(spec.think_ns.clone())),
            };
            if let Some(think_ns) = think_ns {
                call.wait_until(turn - 1, speech_end_ns + spec.answer_time_ns + think_ns);
            }
            speech_end_ns = call.speak(turn, think_ns, &clips[picker.next()]);
        }
        call.finish(turns - 1);
        out.sessions.push(SessionRow {
            session,
            session_id: format!("s{session:06}"),
            start_ns,
            language_code: spec.language_code.clone(),
            sample_rate_hz: clips[0].sample_rate_hz,
            microphone,
            turns,
            recorded_status: None,
            recorded_end_ns: None,
        });
    }
    Ok(out)
}

/// The sessions' starts; ticks of sessions that would start in phase are spread over a chunk.
fn starts(clips: usize, spec: &CompileSpec) -> Result<Vec<i64>, ArrivalError> {
    let one_a_clip = Arrivals::Constant(1.0);
    let (arrivals, limits) = match &spec.arrivals {
        Some(arrivals) => (arrivals, spec.limits),
        None => match spec.limits {
            Limits {
                sessions: None,
                duration_ns: None,
            } => (
                &one_a_clip,
                Limits {
                    sessions: Some(clips as u64),
                    duration_ns: None,
                },
            ),
            limits => (&one_a_clip, limits),
        },
    };
    let mut starts = arrivals.starts(limits, &mut rng(spec.seed, ARRIVALS))?;
    if arrivals.starts_in_phase() {
        // Multiples of the golden ratio fill the unit interval evenly at any length.
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let first: f64 = rng(spec.seed, PHASE).random();
        for (k, start) in starts.iter_mut().enumerate() {
            *start += ((first + k as f64 * GOLDEN).fract() * spec.chunk_ns as f64) as i64;
        }
        starts.sort_unstable();
    }
    Ok(starts)
}

/// One session being written; `at_ns` is where its next audio starts.
struct Call<'a> {
    spec: &'a CompileSpec,
    session: u32,
    at_ns: i64,
    microphone: Microphone,
    out: &'a mut Compiled,
}

impl Call<'_> {
    /// Says `clip` and returns the instant at which its speech ends.
    fn speak(&mut self, turn: u32, think_ns: Option<i64>, clip: &ClipRow) -> i64 {
        let rate = SampleRate(clip.sample_rate_hz);
        let since = |samples| self.at_ns + Samples(samples).duration_ns(rate);
        let voiced = clip.speech_method != SpeechMethod::None;
        let speech_end_ns = since(clip.speech_end_samples);
        let end_ns = since(clip.samples);
        self.out.turns.push(TurnRow {
            session: self.session,
            turn,
            at_ns: self.at_ns,
            end_ns,
            speech_start_ns: voiced.then(|| since(clip.speech_start_samples)),
            speech_end_ns: voiced.then_some(speech_end_ns),
            think_ns,
            clip: Some(clip.clip),
        });
        let chunk = self.chunk_samples(rate);
        let count = u32::try_from(clip.samples.div_ceil(chunk)).unwrap_or(u32::MAX);
        self.push(turn, EventKind::Audio, count, Some(clip));
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
        let count = u32::try_from(count.div_ceil(self.spec.chunk_ns as u64)).unwrap_or(u32::MAX);
        if count > 0 {
            self.push(turn, EventKind::Fill, count, None);
        }
    }

    fn chunk_samples(&self, rate: SampleRate) -> u64 {
        Samples::in_ns(self.spec.chunk_ns, rate).0.max(1)
    }

    /// Appends an event of `chunks` chunks (0: not audio) and moves past it.
    fn push(&mut self, turn: u32, kind: EventKind, chunks: u32, clip: Option<&ClipRow>) {
        let rate = SampleRate(clip.map_or(SampleRate::PREPARED.0, |clip| clip.sample_rate_hz));
        let chunk_bytes = u32::try_from(self.chunk_samples(rate) * 2).unwrap_or(u32::MAX);
        self.out.events.push(EventRow {
            session: self.session,
            turn,
            at_ns: self.at_ns,
            kind,
            clip: clip.map(|clip| clip.clip),
            offset_bytes: 0,
            chunk_bytes: if chunks > 0 { chunk_bytes } else { 0 },
            interval_ns: if chunks > 0 { self.spec.chunk_ns } else { 0 },
            count: chunks.max(1),
            text: None,
        });
        self.at_ns += i64::from(chunks) * self.spec.chunk_ns;
    }
}

/// Chooses clips.
struct Picker {
    pick: Pick,
    order: Vec<usize>,
    next: usize,
    rng: ChaCha8Rng,
}

impl Picker {
    fn new(clips: usize, spec: &CompileSpec) -> Picker {
        let order = (0..clips).collect();
        Picker {
            pick: spec.pick,
            order,
            next: 0,
            rng: rng(spec.seed, PICK),
        }
    }

    fn begin_session(&mut self) {
        if self.pick == Pick::Sequential {
            self.next = 0;
        }
    }

    fn next(&mut self) -> usize {
        if self.pick == Pick::Random {
            return self.rng.random_range(0..self.order.len());
        }
        if self.next == 0 && self.pick == Pick::Shuffle {
            self.order.shuffle(&mut self.rng);
        }
        let clip = self.order[self.next];
        self.next = (self.next + 1) % self.order.len();
        clip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    pub(crate) fn clip(number: u32, ms: u64) -> ClipRow {
        ClipRow {
            clip: number,
            clip_id: format!("{number:064x}"),
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

    fn picked(spec: &CompileSpec, clips: u32) -> Vec<u32> {
        let clips: Vec<_> = (0..clips).map(|n| clip(n, 1000)).collect();
        let compiled = compile(&clips, spec).unwrap();
        compiled
            .turns
            .iter()
            .map(|turn| turn.clip.unwrap())
            .collect()
    }

    #[test]
    fn one_turn_is_push_to_talk_and_half_closes_with_its_last_chunk() {
        let spec = CompileSpec::default();
        let compiled = compile(&[clip(0, 1010)], &spec).unwrap();
        let kinds: Vec<_> = compiled.events.iter().map(|e| (e.kind, e.count)).collect();
        let expected = [
            (EventKind::Config, 1),
            (EventKind::Audio, 51),
            (EventKind::HalfClose, 1),
        ];
        assert_eq!(kinds, expected);
        let start = compiled.sessions[0].start_ns;
        assert_eq!(
            compiled.events[2].at_ns,
            start + 51 * 20 * MS,
            "a short chunk is paced too"
        );
        assert_eq!(compiled.turns[0].end_ns, start + 1010 * MS);
        assert_eq!(compiled.turns[0].speech_end_ns, Some(start + 910 * MS));
        assert_eq!(compiled.sessions[0].microphone, Microphone::PushToTalk);
    }

    #[test]
    fn an_open_microphone_sends_silence_between_and_after_utterances() {
        let spec = CompileSpec {
            turns: 2..=2,
            ..CompileSpec::default()
        };
        let compiled = compile(&[clip(0, 1000)], &spec).unwrap();
        let start = compiled.sessions[0].start_ns;
        let events = compiled.events.iter();
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
        assert_eq!(compiled.turns[1].at_ns, start + 5900 * MS);
        assert_eq!(compiled.turns[1].think_ns, Some(1000 * MS));
        let gaps = compiled.events.windows(2).all(|w| {
            w[0].count == 1 || w[0].at_ns + i64::from(w[0].count) * w[0].interval_ns == w[1].at_ns
        });
        assert!(gaps, "an open microphone never pauses");
    }

    #[test]
    fn ticks_of_equally_spaced_sessions_are_spread_over_a_chunk() {
        let arrivals = Some("constant:50/s".parse().unwrap());
        let limits = Limits {
            sessions: Some(1000),
            duration_ns: None,
        };
        let spec = CompileSpec {
            arrivals,
            limits,
            ..CompileSpec::default()
        };
        let compiled = compile(&[clip(0, 1000)], &spec).unwrap();
        let mut tenths = [0; 10];
        for session in &compiled.sessions {
            tenths[(session.start_ns % (20 * MS) / (2 * MS)) as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (95..=105).contains(n)), "{tenths:?}");
    }

    #[test]
    fn clips_are_picked_as_told() {
        let spec = |pick| CompileSpec {
            pick,
            turns: 2..=2,
            limits: Limits {
                sessions: Some(3),
                duration_ns: None,
            },
            ..CompileSpec::default()
        };
        assert_eq!(picked(&spec(Pick::RoundRobin), 4), [0, 1, 2, 3, 0, 1]);
        assert_eq!(picked(&spec(Pick::Sequential), 4), [0, 1, 0, 1, 0, 1]);
        let mut shuffled = picked(&spec(Pick::Shuffle), 6);
        assert_eq!(
            shuffled,
            picked(&spec(Pick::Shuffle), 6),
            "the seed decides"
        );
        shuffled.sort_unstable();
        assert_eq!(shuffled, [0, 1, 2, 3, 4, 5], "each once before any twice");
        assert!(picked(&spec(Pick::Random), 4).iter().all(|clip| *clip < 4));
    }

    #[test]
    fn what_cannot_be_compiled_is_refused() {
        let no = |spec| compile(&[clip(0, 1000)], &spec).unwrap_err();
        let chunk = CompileSpec {
            chunk_ns: 1_500_000,
            ..CompileSpec::default()
        };
        assert!(matches!(no(chunk), CompileError::Chunk(1_500_000)));
        let turns = CompileSpec {
            turns: 0..=1,
            ..CompileSpec::default()
        };
        assert!(matches!(no(turns), CompileError::Turns));
        let endless = CompileSpec {
            arrivals: "poisson:1/s".parse().ok(),
            ..CompileSpec::default()
        };
        assert!(matches!(endless.check(), Err(CompileError::Arrivals(_))));
        assert!(CompileSpec::default().check().is_ok());
        assert!(matches!(
            compile(&[], &CompileSpec::default()),
            Err(CompileError::NoClips)
        ));
    }
}
