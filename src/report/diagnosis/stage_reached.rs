//! The stages of an answer, and how many of them a turn reached.

use crate::results::row::RequestRow;

/// A stage of an answer.
pub(super) struct Stage {
    /// What comes.
    pub(super) name: &'static str,
    pub(super) has: fn(&RequestRow) -> bool,
    /// Where to look when it does not come.
    pub(super) advice: &'static str,
}

/// In the order in which they come.
pub(super) const STAGES: [Stage; 7] = [
    Stage {
        name: "interim transcript",
        has: |row| row.first_transcript_ns.is_some(),
        advice: "Look at whether audio reaches the speech recogniser: its log and its queue, and \
                 the sample rate and the language that it takes.",
    },
    Stage {
        name: "final transcript",
        has: |row| row.final_transcript_ns.is_some(),
        advice: "Look at what ends an utterance: the detection of its end, and the speech \
                 recogniser's log and queue.",
    },
    Stage {
        name: "PROCESSING",
        has: |row| row.processing_ns.is_some(),
        advice: "Look at what takes up a finished utterance: the detection of the turn's end, and \
                 the queue in front of the language model.",
    },
    Stage {
        name: "text of the language model",
        has: |row| row.first_llm_ns.is_some(),
        advice: "Look at the language model: its log, its queue, its rate limits, and whether a \
                 call to it that hangs is ever given up.",
    },
    Stage {
        name: "SPEAKING",
        has: |row| row.speaking_ns.is_some(),
        advice: "Look at the speech synthesis: its log, its queue, and whether a call to it that \
                 hangs is ever given up.",
    },
    Stage {
        name: "audio",
        has: |row| row.first_audio_ns.is_some(),
        advice: "Look at the speech synthesis: its log, its queue, and whether a call to it that \
                 hangs is ever given up.",
    },
    Stage {
        name: "end of the turn",
        has: |row| row.end_of_turn_ns.is_some(),
        advice: "Look at what ends an answer: the last sentence of the speech synthesis, and the \
                 message that the gateway listens again.",
    },
];

/// How many stages came, counted to the last that did; the end of a turn of which nothing was heard
/// is none.
pub(super) fn reached(row: &RequestRow) -> usize {
    let Some((end, others)) = STAGES.split_last() else {
        return 0;
    };
    let came = others.iter().rposition(|stage| (stage.has)(row));
    let came = came.map_or(0, |last| last + 1);
    let is_whole = came == others.len() && (end.has)(row);
    came + usize::from(is_whole)
}
