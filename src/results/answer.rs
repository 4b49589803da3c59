//! What answers a turn, and when an answer began: the only place with that rule.

use super::protocol::{DialectName, Profile};
use super::row::RequestRow;

crate::names! {
    /// What a server answers with. It decides which turns are answered, and which latency is the headline.
    #[derive(Default)]
    pub enum AnswerKind {
        /// Audio.
        #[default]
        Audio = "audio",
        /// Audio of which only the sound counts: nothing else says where an answer begins.
        Sound = "sound",
        /// Audio, or text alone: a turn with either is answered.
        AudioOrText = "audio_or_text",
        /// Text.
        Text = "text",
        /// The final transcript of what the caller said.
        Transcript = "transcript",
    }
}

crate::names! {
    /// What a server sends.
    pub enum Part {
        /// Audio of an answer.
        Audio = "audio",
        /// Text of an answer.
        Text = "text",
        /// That an answer is being thought of.
        Processing = "PROCESSING",
        /// The final transcript of an utterance.
        FinalTranscript = "final transcripts",
    }
}

/// When each part of an answer began; null where it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Began {
    /// First audio.
    pub audio_ns: Option<i64>,
    /// First audible sample.
    pub audible_ns: Option<i64>,
    /// First text.
    pub text_ns: Option<i64>,
    /// Final transcript.
    pub transcript_ns: Option<i64>,
}

impl AnswerKind {
    /// What a server of this protocol answers with, as long as nothing else is agreed with it.
    #[must_use]
    pub fn of(dialect: DialectName, profile: Option<Profile>) -> AnswerKind {
        match (dialect, profile) {
            (
                DialectName::StreamAudio
                | DialectName::DescribedGrpc
                | DialectName::DescribedWebSocket,
                _,
            ) => AnswerKind::Audio,
            (DialectName::Twilio, _) => AnswerKind::Sound,
            (DialectName::Realtime, Some(Profile::Transcription | Profile::Vllm)) => {
                AnswerKind::Transcript
            }
            (DialectName::Realtime, Some(Profile::OpenAi | Profile::Beta) | None) => {
                AnswerKind::AudioOrText
            }
        }
    }

    /// Whether servers that answer so send such parts.
    #[must_use]
    pub fn gives(self, part: Part) -> bool {
        match self {
            AnswerKind::Audio | AnswerKind::AudioOrText => true,
            AnswerKind::Sound => part == Part::Audio,
            AnswerKind::Text => part != Part::Audio,
            AnswerKind::Transcript => matches!(part, Part::Processing | Part::FinalTranscript),
        }
    }

    /// When the answer began: audio counts before text. Null where there is none; a turn that has one is
    /// answered.
    #[must_use]
    pub fn began_ns(self, began: Began) -> Option<i64> {
        match self {
            AnswerKind::Audio => began.audio_ns,
            AnswerKind::Sound => began.audible_ns,
            AnswerKind::AudioOrText => began.audio_ns.or(began.text_ns),
            AnswerKind::Text => began.text_ns,
            AnswerKind::Transcript => began.transcript_ns,
        }
    }

    /// Whether a turn was answered.
    #[must_use]
    pub fn is_answered(self, row: &RequestRow) -> bool {
        let began = Began {
            audio_ns: row.first_audio_ns,
            audible_ns: row.first_audible_ns,
            text_ns: row.first_llm_ns,
            transcript_ns: row.final_transcript_ns,
        };
        self.began_ns(began).is_some()
    }

    /// From the intended end of speech to the answer; null without one of them.
    #[must_use]
    pub fn latency_ns(self, row: &RequestRow) -> Option<i64> {
        match self {
            AnswerKind::Audio => row.response_ns,
            AnswerKind::Sound => row.audible_ns,
            AnswerKind::AudioOrText => row.response_ns.or_else(|| first_text_ns(row)),
            AnswerKind::Text => first_text_ns(row),
            AnswerKind::Transcript => final_ns(row),
        }
    }

    /// What a run's answers consist of, some of which had audio, or text: text where all are text alone.
    #[must_use]
    pub fn seen(self, has_audio: bool, has_text: bool) -> AnswerKind {
        match self {
            AnswerKind::AudioOrText if has_text && !has_audio => AnswerKind::Text,
            AnswerKind::AudioOrText => AnswerKind::Audio,
            other => other,
        }
    }
}

/// From the intended end of speech to the first text, whatever version wrote the row.
pub(super) fn first_text_ns(row: &RequestRow) -> Option<i64> {
    Some(row.first_llm_ns? - row.intended_end_of_speech_ns?)
}

/// From the intended end of speech to the final transcript, whatever version wrote the row.
pub(super) fn final_ns(row: &RequestRow) -> Option<i64> {
    Some(row.final_transcript_ns? - row.intended_end_of_speech_ns?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::Status;
    use crate::results::sample::{row, unanswered};
    use crate::units::NS_PER_MS;

    const EVERY: [AnswerKind; 5] = [
        AnswerKind::Audio,
        AnswerKind::Sound,
        AnswerKind::AudioOrText,
        AnswerKind::Text,
        AnswerKind::Transcript,
    ];

    #[test]
    fn what_answers_a_turn_depends_on_what_the_server_answers_with() {
        let text_alone = RequestRow {
            first_llm_ns: row(0).first_llm_ns,
            ..unanswered(0, Status::Ok)
        };
        let transcript_alone = RequestRow {
            final_transcript_ns: row(0).final_transcript_ns,
            ..unanswered(0, Status::Ok)
        };
        let mute = RequestRow {
            first_audible_ns: None,
            ..row(0)
        };
        let by = |row: &RequestRow| EVERY.map(|kind| kind.is_answered(row));
        assert_eq!(by(&row(0)), [true; 5]);
        assert_eq!(by(&mute), [true, false, true, true, true]);
        assert_eq!(by(&text_alone), [false, false, true, true, false]);
        assert_eq!(by(&transcript_alone), [false, false, false, false, true]);
        assert_eq!(by(&unanswered(0, Status::Ok)), [false; 5]);
    }

    #[test]
    fn an_answer_takes_until_what_it_consists_of_begins() {
        let ms = |row: &RequestRow| EVERY.map(|kind| kind.latency_ns(row).map(|ns| ns / NS_PER_MS));
        assert_eq!(ms(&row(0)), [200, 210, 200, 100, 50].map(Some));
        let text_alone = RequestRow {
            response_ns: None,
            audible_ns: None,
            ..row(0)
        };
        let texts = [None, None, Some(100), Some(100), Some(50)];
        assert_eq!(ms(&text_alone), texts);
        let no_speech = RequestRow {
            intended_end_of_speech_ns: None,
            response_ns: None,
            audible_ns: None,
            ..row(0)
        };
        assert_eq!(ms(&no_speech), [None; 5]);
    }

    #[test]
    fn a_protocol_says_what_its_servers_answer_with_and_the_turns_whether_that_was_text_alone() {
        let of = AnswerKind::of;
        assert_eq!(of(DialectName::StreamAudio, None), AnswerKind::Audio);
        let realtime = |profile| of(DialectName::Realtime, Some(profile));
        assert_eq!(realtime(Profile::OpenAi), AnswerKind::AudioOrText);
        assert_eq!(realtime(Profile::Vllm), AnswerKind::Transcript);
        let both = AnswerKind::AudioOrText;
        assert_eq!(both.seen(true, true), AnswerKind::Audio);
        assert_eq!(both.seen(false, true), AnswerKind::Text);
        assert_eq!(both.seen(false, false), AnswerKind::Audio, "nothing came");
        let transcript = AnswerKind::Transcript;
        assert_eq!(transcript.seen(false, true), transcript);
    }
}
