//! Calls laid out: each row says a clip, and how well the clips fit is kept.

use super::ImportError;
use super::library::{Library, asked_ns, speech_ns};
use super::log::Row;
use super::shape::LogCall;
use crate::trace::layout::{Begins, CallSpec, Utterance, lay_out};
use crate::trace::model::SessionRows;
use crate::units::NS_PER_S;

/// Longest call that a trace may hold.
const LONGEST_NS: i64 = 7 * 24 * 3600 * NS_PER_S;

/// What the calls say, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipAssignmentSpec {
    /// How each call goes.
    pub call: CallSpec,
    /// Words in a second of speech, where a log counts tokens.
    pub words_per_second: f64,
}

/// How well the clips fit what the rows asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// Lengths that were asked for.
    asked_ns: Vec<i64>,
    /// Those of the clips that were taken for them.
    got_ns: Vec<i64>,
    /// Rows that named their clip.
    pub named: u64,
    /// Rows that asked for no length.
    pub any: u64,
    /// Lengths of speech that are off by more than a quarter.
    pub off: u64,
    /// Utterances that begin later than in the log, as the caller was still speaking.
    pub moved: u64,
}

/// Median and greatest of some lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// How many they are.
    pub count: usize,
    /// The median.
    pub median_ns: i64,
    /// The greatest.
    pub max_ns: i64,
}

impl Fit {
    /// The lengths that were asked for, and those that were got; `None` where none was asked for.
    #[must_use]
    pub fn lengths(&self) -> Option<(Lengths, Lengths)> {
        Some((lengths(&self.asked_ns)?, lengths(&self.got_ns)?))
    }

    fn take_in(&mut self, asked_ns: i64, got_ns: i64) {
        self.asked_ns.push(asked_ns);
        self.got_ns.push(got_ns);
        self.off += u64::from((got_ns - asked_ns).abs() > asked_ns / 4);
    }
}

fn lengths(of: &[i64]) -> Option<Lengths> {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    Some(Lengths {
        count: sorted.len(),
        median_ns: *sorted.get((sorted.len().checked_sub(1)?) / 2)?,
        max_ns: *sorted.last()?,
    })
}

/// Lays out the call `number`, whose rows are among `rows`.
///
/// # Errors
/// A call that is longer than a trace may hold.
pub fn assign_clips(
    number: u32,
    call: &LogCall,
    rows: &[Row],
    library: &mut Library<'_>,
    spec: &ClipAssignmentSpec,
    fit: &mut Fit,
) -> Result<SessionRows, ImportError> {
    let utterances = call.rows.iter().map(|&(at, after_ns)| {
        let row = &rows[at];
        let clip = match (
            row.clip.as_deref().and_then(|name| library.named(name)),
            row.length,
        ) {
            (Some(clip), _) => {
                fit.named += 1;
                clip
            }
            (None, Some(length)) => {
                let length_ns = asked_ns(length, spec.words_per_second);
                let clip = library.near(Some(length_ns));
                fit.take_in(length_ns, speech_ns(clip));
                clip
            }
            (None, None) => {
                fit.any += 1;
                library.near(None)
            }
        };
        let begins = Begins::At(call.start_ns + after_ns);
        Utterance { clip, begins }
    });
    let utterances: Vec<_> = utterances.collect();
    let session = lay_out(&spec.call, number, call.start_ns, &utterances);
    let late = session.turns.iter().zip(&utterances).filter(|(turn, utterance)| {
        matches!(utterance.begins, Begins::At(at_ns) if turn.at_ns >= at_ns + spec.call.chunk_ns)
    });
    fit.moved += late.count() as u64;
    let end_ns = session.events.last().map_or(0, |event| event.at_ns);
    match end_ns - call.start_ns > LONGEST_NS {
        true => Err(ImportError::LongCall {
            line: rows[call.rows[0].0].line,
        }),
        false => Ok(session),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::import::Length;
    use crate::trace::model::Microphone;
    use crate::trace::sample;

    const S: i64 = NS_PER_S;

    fn row(line: u64, start_s: i64, length: Option<Length>, clip: Option<&str>) -> Row {
        Row {
            line,
            start_ns: start_s * S,
            session: Some(1),
            length,
            clip: clip.map(Into::into),
        }
    }

    fn spec() -> ClipAssignmentSpec {
        ClipAssignmentSpec {
            call: CallSpec::default(),
            words_per_second: 2.5,
        }
    }

    #[test]
    fn rows_of_a_call_are_its_turns_at_the_instants_of_the_log() {
        let mut clips = vec![
            sample::clip(&[1; 16_000], "1.wav"),
            sample::clip(&[2; 80_000], "5.wav"),
        ];
        clips[1].clip = 1;
        let rows = [
            row(2, 0, Some(Length::Time(S)), None),
            row(3, 20, Some(Length::Tokens(100.0)), None),
            row(4, 21, None, Some("1.wav")),
        ];
        let call = LogCall {
            start_ns: 7 * S,
            rows: vec![(0, 0), (1, 20 * S), (2, 21 * S)],
        };
        let (mut library, mut fit) = (Library::new(&clips, 1).unwrap(), Fit::default());
        let session = assign_clips(0, &call, &rows, &mut library, &spec(), &mut fit).unwrap();
        let turns: Vec<_> = session
            .turns
            .iter()
            .map(|turn| (turn.at_ns / S, turn.clip))
            .collect();
        assert_eq!(turns, [(7, Some(0)), (27, Some(1)), (32, Some(0))]);
        assert_eq!(session.session.microphone, Microphone::Open);
        // The second asked for 30 s; the third had to wait for the end of the second.
        assert_eq!((fit.named, fit.any, fit.off, fit.moved), (1, 0, 1, 1));
        let (asked, got) = fit.lengths().unwrap();
        assert_eq!((asked.count, asked.median_ns, asked.max_ns), (2, S, 30 * S));
        assert_eq!((got.median_ns, got.max_ns), (S, 5 * S));
    }

    #[test]
    fn a_call_of_over_a_week_is_refused_by_its_line() {
        let clips = [sample::clip(&[1; 16_000], "1.wav")];
        let rows = [row(2, 0, None, None), row(3, 0, None, None)];
        let call = LogCall {
            start_ns: 0,
            rows: vec![(0, 0), (1, 8 * 24 * 3600 * S)],
        };
        let (mut library, mut fit) = (Library::new(&clips, 1).unwrap(), Fit::default());
        let refused = assign_clips(0, &call, &rows, &mut library, &spec(), &mut fit).unwrap_err();
        assert!(refused.to_string().starts_with("line 2: "), "{refused}");
    }
}
