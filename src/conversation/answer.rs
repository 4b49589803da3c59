//! What came in answer to one utterance, and when.

use super::message::{Reply, ServerMessage};
use super::playout::Playout;
use super::text::{MAX_ERROR_CHARS, MAX_TEXT_CHARS, cut};
use super::transcripts::Transcripts;

/// What makes an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnsweredBy {
    /// Audio.
    #[default]
    Audio,
    /// Audio, or text of a server that does not speak.
    AudioOrText,
    /// The final transcript: the server only listens.
    Transcript,
}

/// What came in answer to one utterance.
#[derive(Debug, Clone)]
pub struct Answer {
    /// First message that an answer is being thought of.
    pub processing_ns: Option<i64>,
    /// First language-model text.
    pub first_llm_ns: Option<i64>,
    /// Last language-model text.
    pub last_llm_ns: Option<i64>,
    /// First announcement of audio.
    pub speaking_ns: Option<i64>,
    /// First audio.
    pub first_audio_ns: Option<i64>,
    /// Last audio.
    pub last_audio_ns: Option<i64>,
    /// All was said.
    pub end_of_turn_ns: Option<i64>,
    /// End of its last server turn.
    pub listening_ns: Option<i64>,
    /// Messages received.
    pub messages: u32,
    /// Characters of language-model text.
    pub llm_chars: u32,
    /// Server turns.
    pub answers: u32,
    /// Language-model text, cut to [`MAX_TEXT_CHARS`].
    pub response_text: String,
    /// The first error's message, cut to [`MAX_ERROR_CHARS`].
    pub error: Option<String>,
    /// When the first error came.
    pub error_ns: Option<i64>,
    /// The first objection of the server to what was sent, cut like an error.
    pub refused: Option<String>,
    /// What the caller hears.
    pub playout: Playout,
    /// The messages do not tell which answers are its own.
    pub owner_uncertain: bool,
    /// First transcript.
    pub first_transcript_ns: Option<i64>,
    /// Transcripts until its first answer began.
    transcripts: Transcripts,
}

impl Answer {
    pub(super) fn new(playout: Playout) -> Answer {
        Answer {
            processing_ns: None,
            first_llm_ns: None,
            last_llm_ns: None,
            speaking_ns: None,
            first_audio_ns: None,
            last_audio_ns: None,
            end_of_turn_ns: None,
            listening_ns: None,
            messages: 0,
            llm_chars: 0,
            answers: 0,
            response_text: String::new(),
            error: None,
            error_ns: None,
            refused: None,
            playout,
            owner_uncertain: false,
            first_transcript_ns: None,
            transcripts: Transcripts::default(),
        }
    }

    /// Takes in a message and when it arrived; audio of it plays from the second instant on.
    pub(super) fn note(&mut self, [at_ns, plays_ns]: [i64; 2], reply: &Reply) {
        self.messages = self.messages.saturating_add(1);
        match &reply.what {
            ServerMessage::Text(text) => {
                self.first_llm_ns.get_or_insert(at_ns);
                self.last_llm_ns = Some(at_ns);
                let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                self.llm_chars = self.llm_chars.saturating_add(chars);
                let room = MAX_TEXT_CHARS.saturating_sub(self.response_text.chars().count());
                self.response_text.extend(text.chars().take(room));
            }
            ServerMessage::Audio(pcm) => {
                self.first_audio_ns.get_or_insert(at_ns);
                self.last_audio_ns = Some(at_ns);
                self.playout.audio(plays_ns, pcm);
            }
            ServerMessage::Processing => {
                self.processing_ns.get_or_insert(at_ns);
            }
            ServerMessage::Speaking => {
                self.speaking_ns.get_or_insert(at_ns);
                self.playout.new_span();
            }
            ServerMessage::Error(text) => {
                self.error_ns.get_or_insert(at_ns);
                self.error.get_or_insert_with(|| cut(text, MAX_ERROR_CHARS));
            }
            ServerMessage::Done => {
                self.end_of_turn_ns.get_or_insert(at_ns);
            }
            ServerMessage::TurnEnded => {
                self.listening_ns = Some(at_ns);
                self.playout.new_span();
            }
            ServerMessage::Refused(text) => {
                self.refused
                    .get_or_insert_with(|| cut(text, MAX_ERROR_CHARS));
            }
            ServerMessage::Transcript { text, is_final } => {
                self.first_transcript_ns.get_or_insert(at_ns);
                let is_final = is_final.unwrap_or(false);
                let item = reply.about.map(|about| about.item);
                self.transcripts.note_marked(at_ns, item, text, is_final);
            }
            ServerMessage::Ready | ServerMessage::Cleared | ServerMessage::Unknown => {}
        }
    }

    /// Transcripts turned out to be its own. Those of a second answer do not change what was
    /// understood before the first.
    pub(super) fn transcribed(&mut self, transcripts: Transcripts) {
        self.messages = self.messages.saturating_add(transcripts.count);
        self.first_transcript_ns = self.first_transcript_ns.or(transcripts.first_ns);
        if self.answers == 0 {
            self.transcripts.append(transcripts);
        }
    }

    /// When it was answered, where that is done by such a message.
    #[must_use]
    pub fn answered_ns(&self, by: AnsweredBy) -> Option<i64> {
        match by {
            AnsweredBy::Audio => self.first_audio_ns,
            AnsweredBy::AudioOrText => {
                let first = [self.first_audio_ns, self.first_llm_ns];
                first.into_iter().flatten().min()
            }
            AnsweredBy::Transcript => self.final_transcript().map(|(at_ns, _)| at_ns),
        }
    }

    /// The final transcript and its instant.
    #[must_use]
    pub fn final_transcript(&self) -> Option<(i64, &str)> {
        self.transcripts.last_said(self.processing_ns.is_some())
    }
}
