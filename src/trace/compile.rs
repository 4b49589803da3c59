//! From clips and an arrival process to sessions, turns and events.

use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::arrivals::{ArrivalError, Arrivals, Limits};
use super::layout::{Begins, CallError, CallSpec, Utterance, lay_out};
use super::model::SessionRows;
use super::model::{ClipRow, EventRow, SessionRow, TurnRow};
use super::pick::{Pick, Picker};
use crate::units::NS_PER_S;

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
    /// How each call goes.
    pub call: CallSpec,
    /// Which clip is spoken next.
    pub pick: Pick,
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
            call: CallSpec::default(),
            pick: Pick::RoundRobin,
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
        self.call.check()?;
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
    /// A call that is not possible.
    #[error(transparent)]
    Call(#[from] CallError),
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
pub(super) const PICK: u64 = 4;
const PHASE: u64 = 5;
pub(super) const SPREAD: u64 = 6;

/// The random numbers of one choice.
pub(super) fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Compiles `clips` into sessions as `spec` says; the same input gives the same trace.
///
/// # Errors
/// No clips, an impossible chunk or number of turns, or arrivals that start nothing or never end.
pub fn compile(clips: &[ClipRow], spec: &CompileSpec) -> Result<Compiled, CompileError> {
    let mut out = Compiled::default();
    for call in calls(clips, spec)? {
        out.sessions.push(call.session);
        out.turns.extend(call.turns);
        out.events.extend(call.events);
    }
    Ok(out)
}

/// Like [`compile`], but gives one session after the other.
///
/// # Errors
/// As for [`compile`].
pub fn calls<'a>(
    clips: &'a [ClipRow],
    spec: &'a CompileSpec,
) -> Result<impl Iterator<Item = SessionRows> + use<'a>, CompileError> {
    if clips.is_empty() {
        return Err(CompileError::NoClips);
    }
    spec.check_calls()?;
    let starts = starts(clips.len(), spec)?;
    let mut turns_rng = rng(spec.seed, TURNS);
    let mut think_rng = rng(spec.seed, THINK);
    let mut picker = Picker::new(spec.pick, clips.len(), 0, rng(spec.seed, PICK));
    Ok((0_u32..).zip(starts).map(move |(session, start_ns)| {
        picker.begin_session();
        let turns = turns_rng.random_range(spec.turns.clone());
        let utterances = (0..turns).map(|turn| Utterance {
            clip: &clips[picker.pick()],
            begins: match turn {
                0 => Begins::At(start_ns),
                _ => Begins::AfterAnswer {
                    think_ns: think_rng.random_range(spec.think_ns.clone()),
                },
            },
        });
        let utterances: Vec<_> = utterances.collect();
        lay_out(&spec.call, session, start_ns, &utterances)
    }))
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
            *start += ((first + k as f64 * GOLDEN).fract() * spec.call.chunk_ns as f64) as i64;
        }
        starts.sort_unstable();
    }
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::model::SpeechMethod;

    const MS: i64 = 1_000_000;
    fn clip(number: u32, ms: u64) -> ClipRow {
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
        let mut chunk = CompileSpec::default();
        chunk.call.chunk_ns = 1_500_000;
        assert!(matches!(
            no(chunk),
            CompileError::Call(CallError::Chunk(1_500_000))
        ));
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
