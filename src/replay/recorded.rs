//! How a recorded call was answered, by the same definitions as a replayed one: the yardstick of a
//! replay. Pure.

use crate::conversation::transcripts::Transcripts;
use crate::results::latency::{Instants, MainLatencies};
use crate::trace::model::SessionRows;
use crate::trace::model::{EventKind, ReplyKind, ReplyRow};

/// The latencies of each turn as they were recorded; empty unless they were.
pub(super) fn latencies(rows: &SessionRows) -> Vec<MainLatencies> {
    if rows.replies.is_empty() && rows.session.recorded_end_ns.is_none() {
        return Vec::new();
    }
    let mut heard = vec![Heard::default(); rows.turns.len()];
    for reply in &rows.replies {
        if let Some(heard) = heard.get_mut(reply.turn as usize) {
            heard.note(reply);
        }
    }
    let said_last = rows.replies.iter().rfind(|r| r.kind == ReplyKind::Status);
    let end_ns = said_last.map(|reply| reply.at_ns);
    let end_ns = rows.session.recorded_end_ns.or(end_ns);
    let begins_ns = begins(rows);
    let turns = rows.turns.iter().zip(heard).enumerate();
    turns
        .map(|(number, (turn, heard))| {
            let instants = Instants {
                start_ns: turn.at_ns,
                end_of_speech_ns: turn.speech_end_ns,
                final_transcript_ns: heard.final_transcript_ns(),
                first_audio_ns: heard.first_audio_ns,
                closed_ns: begins_ns.get(number + 1).copied().flatten().or(end_ns),
            };
            instants.latencies()
        })
        .collect()
}

/// When the first message of each utterance left, which ended the turn before.
fn begins(rows: &SessionRows) -> Vec<Option<i64>> {
    let mut begins = vec![None; rows.turns.len()];
    for event in &rows.events {
        let left_ns = match event.kind {
            EventKind::Audio => event.at_ns + event.interval_ns,
            EventKind::Text => event.at_ns,
            _ => continue,
        };
        if let Some(begin) = begins.get_mut(event.turn as usize) {
            begin.get_or_insert(left_ns);
        }
    }
    begins
}

/// What was heard in answer to one utterance.
#[derive(Debug, Clone, Default)]
struct Heard {
    first_audio_ns: Option<i64>,
    has_processing: bool,
    is_answered: bool,
    /// Transcripts until its answer began; those after that are of a second one, or nobody's.
    transcripts: Transcripts,
}

impl Heard {
    fn note(&mut self, reply: &ReplyRow) {
        match reply.kind {
            ReplyKind::Transcript if !self.is_answered => {
                self.transcripts.note(reply.at_ns, reply.text.as_deref());
            }
            ReplyKind::Processing => (self.has_processing, self.is_answered) = (true, true),
            ReplyKind::LlmText | ReplyKind::Speaking => self.is_answered = true,
            ReplyKind::Audio => {
                self.is_answered = true;
                self.first_audio_ns.get_or_insert(reply.at_ns);
            }
            _ => {}
        }
    }

    fn final_transcript_ns(&self) -> Option<i64> {
        let said = self.transcripts.last_said(self.has_processing);
        said.map(|(at_ns, _)| at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::plan::tests::{event, session, turn};
    use crate::trace::model::Microphone;
    use crate::units::NS_PER_MS;

    /// Two utterances of 40 ms, at 0 and at 1 s, of a call that ended at 3 s.
    fn recorded(replies: &[(u32, i64, ReplyKind, Option<&str>)]) -> SessionRows {
        let audio = |turn, at_ms| event(turn, EventKind::Audio, at_ms, 2);
        let turns = vec![turn(0, 0, 40), turn(1, 1000, 1040)];
        let events = vec![audio(0, 0), audio(1, 1000)];
        let mut rows = session(0, 0, Microphone::Open, turns, events);
        rows.session.recorded_end_ns = Some(3000 * NS_PER_MS);
        let row = |(turn, at_ms, kind, text): &(u32, i64, ReplyKind, Option<&str>)| ReplyRow {
            session: 0,
            turn: *turn,
            at_ns: at_ms * NS_PER_MS,
            kind: *kind,
            bytes: 0,
            text: text.map(str::to_owned),
        };
        rows.replies = replies.iter().map(row).collect();
        rows
    }

    fn ms(latencies: &MainLatencies) -> [Option<i64>; 4] {
        let MainLatencies {
            response_ns,
            asr_ns,
            e2e_ns,
            total_ns,
        } = latencies;
        [response_ns, asr_ns, e2e_ns, total_ns].map(|ns| ns.map(|ns| ns / NS_PER_MS))
    }

    #[test]
    fn a_recorded_turn_has_the_latencies_of_its_own_answer() {
        use ReplyKind::{Audio, Listening, Processing, Status, Transcript};
        let found = latencies(&recorded(&[
            (0, 30, Transcript, None),
            (0, 90, Transcript, None),
            (0, 100, Processing, None),
            (0, 240, Audio, None),
            (0, 300, Audio, None),
            (0, 310, Listening, None),
            // Without PROCESSING, an interim transcript is never the final one.
            (1, 1100, Transcript, Some("yes")),
            (1, 1200, Transcript, Some("yes, and...")),
            (1, 1500, Audio, None),
            (1, 3000, Status, Some("OK")),
        ]));
        // It ended when the first chunk of the next one left.
        assert_eq!(ms(&found[0]), [Some(200), Some(90), Some(150), Some(1020)]);
        assert_eq!(ms(&found[1]), [Some(460), Some(100), Some(400), Some(2000)]);
    }

    #[test]
    fn a_call_without_an_answer_has_a_length_and_a_prepared_one_has_nothing() {
        let mut rows = recorded(&[]);
        let found = latencies(&rows);
        assert_eq!(ms(&found[1]), [None, None, None, Some(2000)]);
        rows.session.recorded_end_ns = None;
        assert_eq!(latencies(&rows), []);
    }
}
