//! What one session hears: the server's events as messages of a conversation.

use super::client_events::{self as client, number_of};
use super::event::{Event, Failure, said};
use super::heard::Heard;
use super::item_names::Role;
use super::payload;
use super::profile::Profile;
use super::response::Response;
use super::session::{Session, Stage};
use crate::conversation::message::{About, ItemFact, ItemId, Reply, ServerMessage};
use crate::conversation::text::{MAX_ERROR_CHARS, cut};
use crate::dialect::field::Field;
use crate::units::NS_PER_MS;

const NO_EVENT: &str = "the server sent a message that is no JSON event";

/// Events that say nothing of a conversation's course.
const IGNORED: &[&str] = &[
    "conversation.created",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "input_audio_buffer.cleared",
    "input_audio_buffer.dtmf_event_received",
    "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "rate_limits.updated",
    "response.audio.done",
    "response.audio_transcript.done",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.output_text.done",
    "response.text.done",
];

/// What an event is called; `None` for what is none.
pub(in crate::dialect) fn name_of(message: &[u8]) -> Option<String> {
    let event: Event<'_> = serde_json::from_slice(message).ok()?;
    event.kind.words().map(str::to_owned)
}

type Each<'a> = &'a mut dyn FnMut(Reply);

impl Session {
    /// Reads an event, which may be several messages of the conversation's, or none.
    ///
    /// # Errors
    /// It is no JSON, or has no `type`.
    pub fn decode(
        &mut self,
        at_ns: i64,
        message: &[u8],
        each: Each<'_>,
    ) -> Result<(), &'static str> {
        self.at_ns = at_ns;
        let event: Event<'_> = serde_json::from_slice(message).map_err(|_| NO_EVENT)?;
        let kind = event.kind.text().ok_or(NO_EVENT)?;
        match kind {
            "session.created" | "transcription_session.created" => self.created(each),
            "session.updated" | "transcription_session.updated" => self.updated(each),
            "input_audio_buffer.speech_started" => {
                let fact = position_ms(&event.audio_start_ms).map(ItemFact::From);
                let about = self.about_heard(&event, fact);
                each(reply(ServerMessage::Cleared, about, "cleared"));
            }
            "input_audio_buffer.speech_stopped" => {
                let fact = position_ms(&event.audio_end_ms).map(ItemFact::Until);
                let about = self.about_heard(&event, fact);
                each(reply(ServerMessage::Processing, about, "processing"));
            }
            "input_audio_buffer.committed" => self.committed(&event, each),
            "conversation.item.added" | "conversation.item.created" => self.item_added(&event),
            "conversation.item.input_audio_transcription.delta" => {
                if let Some(text) = event.delta.words() {
                    let about = self.about_heard(&event, None);
                    each(transcript(text, false, about));
                }
            }
            "conversation.item.input_audio_transcription.completed" => {
                let text = event.transcript.text().unwrap_or_default();
                let about = self.about_heard(&event, None);
                each(transcript(text, true, about));
                self.transcribed(about, each);
            }
            "conversation.item.input_audio_transcription.failed" => {
                let words = event.error.object().and_then(Failure::words);
                let words = words.unwrap_or_else(|| "the transcription failed".to_owned());
                let about = self.about_heard(&event, None);
                each(reply(ServerMessage::Refused(words), about, "error"));
                self.transcribed(about, each);
            }
            "transcription.delta" => {
                if let Some(text) = event.delta.words() {
                    each(transcript(text, false, None));
                }
            }
            "transcription.done" => {
                each(transcript(
                    event.text.text().unwrap_or_default(),
                    true,
                    None,
                ));
                self.transcribed(None, each);
                self.begin_next();
            }
            "response.created" => {
                let id = event.response.object().and_then(|it| it.id.words());
                let id = id.and_then(|id| self.names.id(id));
                self.begin(id);
            }
            "response.output_item.added" => self.output_item(&event),
            "response.output_item.done" => {
                let response = self.response_of(event.response_id.words());
                if let Some(item) = event.item.object()
                    && response == self.response.id
                {
                    self.response.note(item);
                }
            }
            "response.content_part.added" => self.part_added(&event, each),
            "response.output_text.delta"
            | "response.text.delta"
            | "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta" => {
                if let Some(text) = event.delta.words() {
                    let about = self.about_response(&event);
                    self.response.has_content = true;
                    each(reply(
                        ServerMessage::Text(text.to_owned()),
                        about,
                        "llm_text",
                    ));
                }
            }
            "response.output_audio.delta" | "response.audio.delta" => self.audio(&event, each),
            "response.done" => self.response_done(&event, each),
            "error" => self.failed(&event, each),
            _ if IGNORED.contains(&kind) => {}
            _ => each(Reply {
                detail: cut(kind, MAX_ERROR_CHARS),
                ..reply(ServerMessage::Unknown, None, "unknown")
            }),
        }
        Ok(())
    }

    fn created(&mut self, each: Each<'_>) {
        if self.stage > Stage::Connected {
            return;
        }
        self.stage = Stage::Created;
        if self.setup.profile == Profile::Vllm {
            each(reply(ServerMessage::Ready, None, "ready"));
        }
    }

    fn updated(&mut self, each: Each<'_>) {
        if self.stage == Stage::Started {
            self.stage = Stage::Ready;
            self.owe_opening();
            each(reply(ServerMessage::Ready, None, "ready"));
        }
    }

    /// The server has taken what the caller said as an item.
    fn committed(&mut self, event: &Event<'_>, each: Each<'_>) {
        // What is said now is not what functions were called for.
        self.continues = None;
        let commit = self.commits.pop_front();
        let fact = commit.map(|commit| ItemFact::Utterance(commit.turn));
        let about = self.about_heard(event, fact);
        self.latest_heard = about.map(|about| about.item);
        if commit.is_some() {
            each(reply(ServerMessage::Processing, about, "processing"));
        }
    }

    fn item_added(&mut self, event: &Event<'_>) {
        let Some(item) = event.item.object() else {
            return;
        };
        let Some(id) = item.id.words().and_then(|id| self.names.id(id)) else {
            return;
        };
        if item.role.text() == Some("user") {
            self.names.set_role(id, Role::Heard);
            let mut parts = item.content.objects();
            let is_typed = !parts.any(|part| part.kind.text() == Some("input_audio"));
            if is_typed && self.typed > 0 {
                self.typed -= 1;
                self.continues = None;
                self.latest_heard = Some(id);
            }
            return;
        }
        let Role::Of(response) = self.names.role(id) else {
            return;
        };
        let previous = event.previous_item_id.words();
        let previous = previous.and_then(|previous| self.names.known(previous));
        let follows = previous.and_then(|previous| match self.names.role(previous) {
            Role::Heard => Some(previous),
            Role::Of(another) if another != response => Some(another),
            Role::Of(_) | Role::Response | Role::Unknown => None,
        });
        if follows.is_some() && self.response.id == Some(response) {
            self.response.follows = follows;
        }
    }

    /// All that a server which only transcribes says of something heard was said.
    fn transcribed(&self, about: Option<About>, each: Each<'_>) {
        if !self.setup.profile.answers() {
            each(reply(ServerMessage::TurnEnded, about, "listening"));
        }
    }

    /// vLLM is done with an utterance: it is told that the next one begins, if there is one.
    fn begin_next(&mut self) {
        let said = self.awaits_transcript.take();
        if said.is_some_and(|turn| turn + 1 < self.utterances) {
            self.owe(0, client::commit());
        }
    }

    fn begin(&mut self, id: Option<ItemId>) {
        if let Some(id) = id {
            self.names.set_role(id, Role::Response);
        }
        let follows = self.continues.take().or(self.latest_heard);
        let is_asked_for = self.typed > 0 || !self.commits.is_empty();
        let is_unprompted = follows.is_none() && !is_asked_for;
        self.response = Response::begun(id, follows, is_unprompted);
    }

    /// The response of this name, which begins with its first event; of none, the one under way.
    fn response_of(&mut self, name: Option<&str>) -> Option<ItemId> {
        let Some(name) = name else {
            return self.response.id;
        };
        let id = self.names.id(name)?;
        if self.names.role(id) != Role::Response {
            self.begin(Some(id));
        }
        Some(id)
    }

    fn about_response(&mut self, event: &Event<'_>) -> Option<About> {
        let id = self.response_of(event.response_id.words());
        self.about_id(id)
    }

    fn about_id(&mut self, id: Option<ItemId>) -> Option<About> {
        if id == self.response.id {
            return self.response.about();
        }
        id.map(|item| About { item, fact: None })
    }

    fn output_item(&mut self, event: &Event<'_>) {
        let response = self.response_of(event.response_id.words());
        let name = event.item.object().and_then(|item| item.id.words());
        let item = name.and_then(|name| self.names.id(name));
        if let (Some(response), Some(item)) = (response, item) {
            self.names.set_role(item, Role::Of(response));
        }
    }

    fn part_added(&mut self, event: &Event<'_>, each: Each<'_>) {
        let kind = event.part.object().and_then(|part| part.kind.text());
        if !matches!(kind, Some("audio" | "output_audio")) {
            return;
        }
        let response = self.response_of(event.response_id.words());
        if response == self.response.id && !std::mem::replace(&mut self.response.is_announced, true)
        {
            let about = self.about_id(response);
            each(reply(ServerMessage::Speaking, about, "speaking"));
        }
    }

    fn audio(&mut self, event: &Event<'_>, each: Each<'_>) {
        let Some(text) = event.delta.words() else {
            return;
        };
        let about = self.about_response(event);
        let Some((pcm, bytes)) = payload::decode(text, self.setup.format.codec) else {
            let words = "the server sent audio that is no base64".to_owned();
            return each(reply(ServerMessage::Error(words), about, "error"));
        };
        self.response.has_content = true;
        if std::mem::take(&mut self.is_answer_over) {
            self.heard = Heard::default();
        }
        let item = event.item_id.words().and_then(|item| self.names.id(item));
        let part = event.content_index.whole().unwrap_or(0);
        self.heard.audio(item, part, bytes);
        each(reply(ServerMessage::Audio(pcm), about, "audio"));
    }

    fn response_done(&mut self, event: &Event<'_>, each: Each<'_>) {
        let done = event.response.object();
        let name = done.and_then(|done| done.id.words());
        let id = self.response_of(name.or_else(|| event.response_id.words()));
        let is_current = id == self.response.id;
        let details = done.and_then(|done| done.status_details.object());
        let reason = details.and_then(|details| details.reason.words());
        let mut calls = Vec::new();
        if is_current {
            self.response.is_active = false;
            let output = done.into_iter().flat_map(|done| done.output.objects());
            output.for_each(|item| self.response.note(item));
            calls = self.response.take_calls();
        }
        match done.and_then(|done| done.status.text()) {
            Some("failed") => {
                let failure = details.and_then(|details| details.error.object());
                let words = failure.and_then(Failure::words);
                let words = words.or_else(|| reason.map(str::to_owned));
                let words = words.unwrap_or_else(|| "the response failed".to_owned());
                let about = self.about_id(id);
                each(reply(ServerMessage::Error(words), about, "error"));
            }
            Some("incomplete") if is_current && !self.response.has_content => {
                let words = reason.unwrap_or("the response is incomplete").to_owned();
                let about = self.about_id(id);
                each(reply(ServerMessage::Refused(words), about, "error"));
            }
            Some("completed") | None if !calls.is_empty() && self.setup.tools.is_some() => {
                return self.answer(calls);
            }
            Some("completed") | None if is_current && !self.response.has_content => {
                if let Some(call) = calls.first() {
                    let words = format!(
                        "the server called the function {:?}, which is not answered: say what it gives with --tools FILE",
                        call.function
                    );
                    let about = self.about_id(id);
                    each(reply(ServerMessage::Refused(words), about, "error"));
                }
            }
            _ => {}
        }
        self.is_answer_over = true;
        let about = self.about_id(id);
        each(Reply {
            detail: reason.unwrap_or_default().to_owned(),
            ..reply(ServerMessage::TurnEnded, about, "listening")
        });
    }

    fn failed(&mut self, event: &Event<'_>, each: Each<'_>) {
        let failure = event.error.object();
        let words = match failure {
            Some(failure) => failure.words(),
            None => said(event.code.words(), event.error.words()),
        };
        let words = words.unwrap_or_else(|| "the server gave no reason".to_owned());
        let refused = failure.and_then(|failure| number_of(failure.event_id.text()?));
        if let Some(refused) = refused {
            self.commits.retain(|commit| commit.event != refused);
        }
        let is_expired = failure.is_some_and(|failure| {
            [failure.code.text(), failure.kind.text()].contains(&Some("session_expired"))
        });
        // Nothing comes of a session that was not agreed to, nor of an utterance that vLLM gave up.
        let is_fatal = is_expired || self.stage < Stage::Ready || self.awaits_transcript.is_some();
        let what = match is_fatal {
            true => ServerMessage::Error(words),
            false => ServerMessage::Refused(words),
        };
        each(reply(what, None, "error"));
        if self.awaits_transcript.is_some() {
            each(reply(ServerMessage::TurnEnded, None, "listening"));
            self.begin_next();
        }
    }

    /// What an event about something that the caller said is about.
    fn about_heard(&mut self, event: &Event<'_>, fact: Option<ItemFact>) -> Option<About> {
        let item = self.names.id(event.item_id.words()?)?;
        self.names.set_role(item, Role::Heard);
        Some(About { item, fact })
    }
}

fn reply(what: ServerMessage, about: Option<About>, kind: &'static str) -> Reply {
    Reply {
        what,
        about,
        kind,
        detail: String::new(),
    }
}

fn transcript(text: &str, is_final: bool, about: Option<About>) -> Reply {
    let what = ServerMessage::Transcript {
        text: text.to_owned(),
        is_final: Some(is_final),
    };
    reply(what, about, "transcript")
}

/// Milliseconds into the audio of the session, if they are so many.
fn position_ms(field: &Field<'_>) -> Option<i64> {
    let may_be = |ms: &i64| (0..=i64::MAX / NS_PER_MS).contains(ms);
    field.whole().filter(may_be)
}
