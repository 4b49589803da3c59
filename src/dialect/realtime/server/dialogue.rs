//! What a server tells in one session, in the order of the service: each thing that happens becomes the
//! events that it is told by.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::event::{Duration, ErrorDetail, Event, Names, Part, PartOf, RateLimit};
use super::fault::Fault;
use super::ids::Ids;
use super::item::{Content, Item, ItemStatus, Role, What};
use super::items::Items;
use super::response::{Amounts, End, Response};
use super::settings::Settings;
use crate::units::{NS_PER_MS, Samples};

/// The server's side of one session.
#[derive(Debug)]
pub struct Dialogue {
    ids: Ids,
    names: Names,
    conversation_id: String,
    settings: Settings,
    items: Items,
    /// The item that speech under way will be.
    hearing: Option<String>,
    answer: Option<Answer>,
    /// What is to be sent, in this order.
    events: VecDeque<String>,
    waiting_bytes: usize,
}

/// An answer under way.
#[derive(Debug)]
struct Answer {
    response: Response,
    /// What it says, once it says something.
    item: Option<Item>,
    /// The item before that.
    previous: Option<String>,
    audio_bytes: u64,
    amounts: Amounts,
}

/// An answer has one item, and that one part.
const FIRST: u64 = 0;

impl Dialogue {
    /// A session that has just been opened, and says so.
    #[must_use]
    pub fn open(session: &str, model: &str, transcribes_only: bool, silence_ms: u64) -> Dialogue {
        let mut ids = Ids::of(session);
        let id = ids.next("sess");
        let mut dialogue = Dialogue {
            conversation_id: ids.next("conv"),
            ids,
            names: Names::Current,
            settings: Settings::new(&id, model, transcribes_only, silence_ms),
            items: Items::default(),
            hearing: None,
            answer: None,
            events: VecDeque::new(),
            waiting_bytes: 0,
        };
        let session = dialogue.settings.document().clone();
        dialogue.tell(&Event::SessionCreated { session: &session });
        dialogue
    }

    /// Events have these names from now on.
    pub fn call_events_by(&mut self, names: Names) {
        self.names = names;
    }

    /// How the session is set.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether an answer is under way.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.answer.is_some()
    }

    /// The next event to be sent.
    pub fn next_event(&mut self) -> Option<String> {
        let event = self.events.pop_front()?;
        self.waiting_bytes -= event.len();
        Some(event)
    }

    /// Events that are still to be sent, and their bytes.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.events.len(), self.waiting_bytes)
    }

    /// The session is set anew.
    ///
    /// # Errors
    /// The first field that is wrong; nothing has changed then.
    pub fn update(&mut self, update: &Map<String, Value>) -> Result<(), Fault> {
        self.settings = self.settings.updated(update)?;
        let session = self.settings.document().clone();
        self.tell(&Event::SessionUpdated { session: &session });
        Ok(())
    }

    /// An event of the client was not followed.
    pub fn refuse(&mut self, fault: &Fault, event_id: Option<&str>) {
        self.tell(&Event::Error {
            error: ErrorDetail::of(fault, event_id),
        });
    }

    /// The caller began to speak, at so many milliseconds of audio.
    pub fn speech_started(&mut self, audio_start_ms: u64) {
        let item_id = self.ids.next("item");
        self.tell(&Event::SpeechStarted {
            audio_start_ms,
            item_id: &item_id,
        });
        self.hearing = Some(item_id);
    }

    /// The caller stopped speaking, which is known at so many milliseconds of audio.
    pub fn speech_stopped(&mut self, audio_end_ms: u64) {
        if let Some(item_id) = self.hearing.clone() {
            self.tell(&Event::SpeechStopped {
                audio_end_ms,
                item_id: &item_id,
            });
        }
    }

    /// What was heard becomes an item, whose name is returned.
    pub fn commit(&mut self) -> String {
        let id = self.hearing.take();
        let id = id.unwrap_or_else(|| self.ids.next("item"));
        let previous = self.items.last_id();
        self.tell(&Event::Committed {
            item_id: &id,
            previous_item_id: previous.as_deref(),
        });
        let what = What::Message {
            role: Role::User,
            content: vec![Content::InputAudio { transcript: None }],
        };
        self.add(Item::new(id.clone(), ItemStatus::Completed, what));
        id
    }

    /// What was heard is forgotten.
    pub fn clear(&mut self) {
        self.hearing = None;
        self.tell(&Event::Cleared);
    }

    /// What was understood of an item that lasts so many milliseconds.
    pub fn transcribe(&mut self, item_id: &str, transcript: &str, heard_ms: u64) {
        self.items.understand(item_id, transcript);
        for delta in transcript.split_inclusive(' ') {
            self.tell(&Event::TranscriptDelta {
                item_id,
                content_index: FIRST,
                delta,
            });
        }
        self.tell(&Event::TranscriptCompleted {
            item_id,
            content_index: FIRST,
            transcript,
            usage: Duration::of_ms(heard_ms),
        });
    }

    /// The client adds an item.
    ///
    /// # Errors
    /// One that is too large.
    pub fn create(&mut self, id: Option<String>, what: What) -> Result<(), Fault> {
        self.items.admit(id.as_deref(), &what)?;
        let id = id.unwrap_or_else(|| self.ids.next("item"));
        self.add(Item::new(id, ItemStatus::Completed, what));
        Ok(())
    }

    /// What was played of an item is so long.
    ///
    /// # Errors
    /// No such item, or one that is shorter.
    pub fn truncate(
        &mut self,
        item_id: &str,
        content_index: u64,
        audio_end_ms: u64,
    ) -> Result<(), Fault> {
        if let Some(answer) = &self.answer
            && let Some(item) = &answer.item
        {
            self.items.replace(item, answer.amounts.spoken_ms);
        }
        self.items.truncate(item_id, audio_end_ms)?;
        self.tell(&Event::ItemTruncated {
            item_id,
            content_index,
            audio_end_ms,
        });
        Ok(())
    }

    /// An item is forgotten.
    ///
    /// # Errors
    /// No such item.
    pub fn delete(&mut self, item_id: &str) -> Result<(), Fault> {
        if !self.items.remove(item_id) {
            return Err(not_found("item_delete_invalid_item_id", "delete"));
        }
        self.tell(&Event::ItemDeleted { item_id });
        Ok(())
    }

    /// An item is shown.
    ///
    /// # Errors
    /// No such item.
    pub fn retrieve(&mut self, item_id: &str) -> Result<(), Fault> {
        let found = self.items.get(item_id).cloned();
        let Some(item) = found else {
            return Err(not_found("item_retrieve_invalid_item_id", "retrieve"));
        };
        self.tell(&Event::ItemRetrieved { item: &item });
        Ok(())
    }

    /// An answer begins, to so many milliseconds of audio. One that is under way is completed by that.
    pub fn begin_answer(&mut self, heard_ms: u64) {
        self.end_answer(&End::Completed);
        let id = self.ids.next("resp");
        let response = Response::begun(id, self.conversation_id.clone(), &self.settings);
        self.tell(&Event::ResponseCreated {
            response: &response,
        });
        self.answer = Some(Answer {
            response,
            item: None,
            previous: None,
            audio_bytes: 0,
            amounts: Amounts {
                heard_ms,
                ..Amounts::default()
            },
        });
    }

    /// The answer goes on with these words.
    pub fn say(&mut self, words: &str) {
        let Some(mut answer) = self.answer.take() else {
            return;
        };
        self.open_message(&mut answer);
        answer.amounts.words += 1;
        if let Some((response, item)) = answer.parts()
            && let What::Message { content, .. } = &mut item.what
            && let Some(part) = content.first_mut()
        {
            let of = part_of(response, &item.id);
            match part {
                Content::OutputAudio { transcript } => {
                    transcript.push_str(words);
                    self.tell(&Event::SpokenDelta { of, delta: words });
                }
                Content::OutputText { text } => {
                    text.push_str(words);
                    self.tell(&Event::TextDelta { of, delta: words });
                }
                Content::InputText { .. } | Content::InputAudio { .. } => (),
            }
        }
        self.answer = Some(answer);
    }

    /// The answer goes on with this sound, in the session's encoding.
    pub fn sound(&mut self, audio: &[u8]) {
        let Some(mut answer) = self.answer.take() else {
            return;
        };
        self.open_message(&mut answer);
        answer.audio_bytes += audio.len() as u64;
        let output = self.settings.output;
        let samples = Samples(answer.audio_bytes / output.bytes_per_sample() as u64);
        answer.amounts.spoken_ms = (samples.duration_ns(output.rate) / NS_PER_MS).unsigned_abs();
        if let Some((response, item)) = answer.parts() {
            self.tell(&Event::AudioDelta {
                of: part_of(response, &item.id),
                delta: &STANDARD.encode(audio),
            });
        }
        self.answer = Some(answer);
    }

    /// The answer is the call of a function, and complete with it.
    pub fn call(&mut self, name: &str, arguments: &str) {
        let Some(mut answer) = self.answer.take() else {
            return;
        };
        let call_id = self.ids.next("call");
        let call = |arguments: &str| What::FunctionCall {
            call_id: call_id.clone(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        };
        self.open_item(&mut answer, call(""));
        if let Some((response, item)) = answer.parts() {
            let response_id = &response.id;
            for delta in arguments.split_inclusive(':') {
                self.tell(&Event::ArgumentsDelta {
                    response_id,
                    item_id: &item.id,
                    output_index: FIRST,
                    call_id: &call_id,
                    delta,
                });
            }
            self.tell(&Event::ArgumentsDone {
                response_id,
                item_id: &item.id,
                output_index: FIRST,
                call_id: &call_id,
                name,
                arguments,
            });
            item.what = call(arguments);
        }
        self.answer = Some(answer);
        self.end_answer(&End::Completed);
    }

    /// The answer under way, if there is one, ends like this.
    pub fn end_answer(&mut self, end: &End) {
        let Some(mut answer) = self.answer.take() else {
            return;
        };
        let previous = answer.previous.take();
        let amounts = answer.amounts;
        if let Some((response, item)) = answer.parts() {
            item.status = match end {
                End::Completed => ItemStatus::Completed,
                End::Interrupted | End::Cancelled | End::Failed(_) => ItemStatus::Incomplete,
            };
            self.items.replace(item, amounts.spoken_ms);
            self.end_part(response, item);
            self.tell(&Event::ItemDone {
                item,
                previous_item_id: previous.as_deref(),
            });
            self.tell(&Event::OutputItemDone {
                response_id: &response.id,
                output_index: FIRST,
                item,
            });
        }
        let Answer {
            mut response, item, ..
        } = answer;
        response.end(end, item, amounts);
        self.tell(&Event::ResponseDone {
            response: &response,
        });
        self.tell(&Event::RateLimits {
            rate_limits: RateLimit::ample(),
        });
    }

    /// The message of an answer ends.
    fn end_part(&mut self, response: &Response, item: &Item) {
        let What::Message { content, .. } = &item.what else {
            return;
        };
        let of = part_of(response, &item.id);
        for content in content {
            match content {
                Content::OutputAudio { transcript } => {
                    self.tell(&Event::AudioDone { of });
                    self.tell(&Event::SpokenDone { of, transcript });
                }
                Content::OutputText { text } => self.tell(&Event::TextDone { of, text }),
                Content::InputText { .. } | Content::InputAudio { .. } => (),
            }
            self.tell(&Event::PartDone {
                of,
                part: Part::of(content),
            });
        }
    }

    /// The answer's message begins, unless it has.
    fn open_message(&mut self, answer: &mut Answer) {
        if answer.item.is_some() {
            return;
        }
        let message = |content| What::Message {
            role: Role::Assistant,
            content,
        };
        self.open_item(answer, message(Vec::new()));
        let part = match self.settings.text_only {
            true => Content::OutputText {
                text: String::new(),
            },
            false => Content::OutputAudio {
                transcript: String::new(),
            },
        };
        if let Some((response, item)) = answer.parts() {
            self.tell(&Event::PartAdded {
                of: part_of(response, &item.id),
                part: Part::of(&part),
            });
            item.what = message(vec![part]);
        }
    }

    fn open_item(&mut self, answer: &mut Answer, what: What) {
        let item = Item::new(self.ids.next("item"), ItemStatus::InProgress, what);
        answer.previous = self.items.last_id();
        self.tell(&Event::OutputItemAdded {
            response_id: &answer.response.id,
            output_index: FIRST,
            item: &item,
        });
        self.tell(&Event::ItemAdded {
            item: &item,
            previous_item_id: answer.previous.as_deref(),
        });
        self.items.push(item.clone());
        answer.item = Some(item);
    }

    /// An item that is whole enters the conversation.
    fn add(&mut self, item: Item) {
        let previous = self.items.last_id();
        let previous_item_id = previous.as_deref();
        self.tell(&Event::ItemAdded {
            item: &item,
            previous_item_id,
        });
        self.tell(&Event::ItemDone {
            item: &item,
            previous_item_id,
        });
        self.items.push(item);
    }

    fn tell(&mut self, event: &Event<'_>) {
        if let Some(text) = event.encode(&self.ids.next("event"), self.names) {
            self.waiting_bytes += text.len();
            self.events.push_back(text);
        }
    }
}

impl Answer {
    /// The answer as a whole and its item, once it has one.
    fn parts(&mut self) -> Option<(&Response, &mut Item)> {
        Some((&self.response, self.item.as_mut()?))
    }
}

fn part_of<'a>(response: &'a Response, item_id: &'a str) -> PartOf<'a> {
    PartOf {
        response_id: &response.id,
        item_id,
        output_index: FIRST,
        content_index: FIRST,
    }
}

fn not_found(code: &'static str, to: &str) -> Fault {
    Fault {
        code,
        message: format!("Item to {to} not found."),
        param: Some("item_id".to_owned()),
    }
}

#[cfg(test)]
mod tests;
