//! Whose answer a server message is, and when what of it came.
//!
//! A server turn runs from its first message to LISTENING. It belongs to the oldest utterance that
//! was fully sent and has no server turn yet; if there is none, to the one being sent; else it is a
//! further answer to the latest. Utterances without speech expect no answer and are passed over.
//! Transcripts that come while an answer is under way belong to the server turn after it.

use super::playout::Playout;
use super::reply::Reply;
use super::voice_workflow::EventType;
use crate::units::SampleRate;

/// Most characters kept of a transcript or an answer.
pub const MAX_TEXT_CHARS: usize = 500;
/// Most characters kept of an error.
pub const MAX_ERROR_CHARS: usize = 200;

/// What was heard in answer to one utterance.
#[derive(Debug, Clone)]
pub struct Heard {
    /// First transcript.
    pub first_transcript_ns: Option<i64>,
    /// First PROCESSING.
    pub processing_ns: Option<i64>,
    /// First language-model text.
    pub first_llm_ns: Option<i64>,
    /// Last language-model text.
    pub last_llm_ns: Option<i64>,
    /// First SPEAKING.
    pub speaking_ns: Option<i64>,
    /// First audio.
    pub first_audio_ns: Option<i64>,
    /// Last audio.
    pub last_audio_ns: Option<i64>,
    /// END_OF_TURN.
    pub end_of_turn_ns: Option<i64>,
    /// Last LISTENING that ended a server turn of it.
    pub listening_ns: Option<i64>,
    /// Messages received.
    pub messages: u32,
    /// Characters of language-model text.
    pub llm_chars: u32,
    /// Server turns.
    pub answers: u32,
    /// Language-model text, cut to [`MAX_TEXT_CHARS`].
    pub response_text: String,
    /// The first ERROR event's message, cut to [`MAX_ERROR_CHARS`].
    pub error: Option<String>,
    /// The first ERROR event.
    pub error_ns: Option<i64>,
    /// What the caller heard.
    pub playout: Playout,
    /// The last transcript before PROCESSING.
    last_transcript: Option<(i64, String)>,
    /// The last of those that does not end in `...`.
    last_whole_transcript: Option<(i64, String)>,
}

/// Where an utterance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Planned,
    Begun,
    Sent,
}

#[derive(Debug, Clone)]
struct Utterance {
    sending: Sending,
    expects_answer: bool,
    heard: Heard,
}

/// The dialogue of one session.
#[derive(Debug, Clone)]
pub struct Dialogue {
    utterances: Vec<Utterance>,
    /// Whose server turn is under way.
    current: Option<usize>,
    /// Whether that server turn has gone on from transcripts to an answer.
    answering: bool,
    /// Whose transcripts came while the answer before them was under way.
    upcoming: Option<usize>,
}

impl Dialogue {
    /// A dialogue of utterances of which each expects an answer or not.
    #[must_use]
    pub fn new(expects_answer: &[bool], rate: SampleRate, playout_buffer_ns: i64) -> Dialogue {
        let utterance = |expects_answer: &bool| Utterance {
            sending: Sending::Planned,
            expects_answer: *expects_answer,
            heard: Heard::new(Playout::new(rate, playout_buffer_ns)),
        };
        Dialogue {
            utterances: expects_answer.iter().map(utterance).collect(),
            current: None,
            answering: false,
            upcoming: None,
        }
    }

    /// The first message of utterance `turn` was sent.
    pub fn begun(&mut self, turn: usize) {
        if let Some(utterance) = self.utterances.get_mut(turn) {
            utterance.sending = Sending::Begun;
        }
    }

    /// The last chunk of utterance `turn` was sent.
    pub fn fully_sent(&mut self, turn: usize) {
        if let Some(utterance) = self.utterances.get_mut(turn) {
            utterance.sending = Sending::Sent;
        }
    }

    /// What was heard in answer to utterance `turn`.
    #[must_use]
    pub fn heard(&self, turn: usize) -> Option<&Heard> {
        self.utterances.get(turn).map(|utterance| &utterance.heard)
    }

    /// Takes out what was heard in answer to utterance `turn`; what still comes is heard anew.
    pub fn take_heard(&mut self, turn: usize) -> Option<Heard> {
        let heard = &mut self.utterances.get_mut(turn)?.heard;
        let mut anew = Heard::new(heard.playout.anew());
        // It stays answered: what comes next belongs to others.
        anew.answers = heard.answers;
        Some(std::mem::replace(heard, anew))
    }

    /// Whether a server turn in answer to utterance `turn` is under way.
    #[must_use]
    pub fn is_being_answered(&self, turn: usize) -> bool {
        self.current == Some(turn) || self.upcoming == Some(turn)
    }

    /// A message arrived; returns the utterance that it belongs to.
    pub fn message(&mut self, at_ns: i64, reply: &Reply) -> Option<usize> {
        let turn = match reply {
            Reply::Event(EventType::Listening, _) => self.end_server_turn()?,
            Reply::Event(EventType::EndOfTurn, _) => latest_begun(&self.utterances)?,
            Reply::Event(EventType::EventUnspecified, _) | Reply::Unknown => self.current?,
            Reply::Event(EventType::Error, _) => match self.current {
                Some(current) => current,
                // A call may be refused before anything was said in it.
                None => owner(&self.utterances).or_else(|| self.utterances.first().map(|_| 0))?,
            },
            Reply::Transcript(_) if self.answering => {
                let upcoming = self.upcoming.or_else(|| self.begin_server_turn())?;
                *self.upcoming.insert(upcoming)
            }
            _ => {
                let current = self.current.or_else(|| self.begin_server_turn())?;
                self.answering = !matches!(reply, Reply::Transcript(_));
                *self.current.insert(current)
            }
        };
        self.utterances[turn].heard.note(at_ns, reply);
        Some(turn)
    }

    fn begin_server_turn(&mut self) -> Option<usize> {
        let turn = owner(&self.utterances)?;
        self.utterances[turn].heard.answers += 1;
        Some(turn)
    }

    /// LISTENING ends the server turn under way; the first one of a stream ends none.
    fn end_server_turn(&mut self) -> Option<usize> {
        let ended = self.current.take()?;
        self.answering = false;
        self.current = self.upcoming.take();
        Some(ended)
    }
}

fn latest_begun(utterances: &[Utterance]) -> Option<usize> {
    utterances
        .iter()
        .rposition(|utterance| utterance.sending != Sending::Planned)
}

/// The utterance that a server turn which begins now belongs to.
fn owner(utterances: &[Utterance]) -> Option<usize> {
    let waiting = |sending| {
        utterances.iter().position(|utterance| {
            utterance.sending == sending && utterance.expects_answer && utterance.heard.answers == 0
        })
    };
    waiting(Sending::Sent)
        .or_else(|| waiting(Sending::Begun))
        .or_else(|| latest_begun(utterances))
}

impl Heard {
    fn new(playout: Playout) -> Heard {
        Heard {
            first_transcript_ns: None,
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
            playout,
            last_transcript: None,
            last_whole_transcript: None,
        }
    }

    fn note(&mut self, at_ns: i64, reply: &Reply) {
        self.messages = self.messages.saturating_add(1);
        match reply {
            Reply::Transcript(text) => self.transcript(at_ns, text),
            Reply::LlmText(text) => {
                self.first_llm_ns.get_or_insert(at_ns);
                self.last_llm_ns = Some(at_ns);
                let chars = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                self.llm_chars = self.llm_chars.saturating_add(chars);
                let room = MAX_TEXT_CHARS.saturating_sub(self.response_text.chars().count());
                self.response_text.extend(text.chars().take(room));
            }
            Reply::Audio(pcm) => {
                self.first_audio_ns.get_or_insert(at_ns);
                self.last_audio_ns = Some(at_ns);
                self.playout.audio(at_ns, pcm);
            }
            Reply::Event(EventType::Processing, _) => {
                self.processing_ns.get_or_insert(at_ns);
            }
            Reply::Event(EventType::Speaking, _) => {
                self.speaking_ns.get_or_insert(at_ns);
                self.playout.new_span();
            }
            Reply::Event(EventType::Error, message) => {
                self.error_ns.get_or_insert(at_ns);
                self.error
                    .get_or_insert_with(|| cut(message, MAX_ERROR_CHARS));
            }
            Reply::Event(EventType::EndOfTurn, _) => {
                self.end_of_turn_ns.get_or_insert(at_ns);
            }
            Reply::Event(EventType::Listening, _) => self.listening_ns = Some(at_ns),
            Reply::Event(EventType::EventUnspecified, _) | Reply::Unknown => {}
        }
    }

    fn transcript(&mut self, at_ns: i64, text: &str) {
        self.first_transcript_ns.get_or_insert(at_ns);
        if self.processing_ns.is_some() {
            return;
        }
        let heard = (at_ns, cut(text, MAX_TEXT_CHARS));
        if !text.ends_with("...") {
            self.last_whole_transcript = Some(heard.clone());
        }
        self.last_transcript = Some(heard);
    }

    /// The final transcript and its instant: the last before PROCESSING; from a server that sends
    /// none, the last that does not end in `...`.
    #[must_use]
    pub fn final_transcript(&self) -> Option<(i64, &str)> {
        let found = match self.processing_ns {
            Some(_) => &self.last_transcript,
            None => &self.last_whole_transcript,
        };
        found.as_ref().map(|(at_ns, text)| (*at_ns, text.as_str()))
    }
}

/// The first `chars` characters of `text`.
#[must_use]
pub fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn dialogue(turns: usize) -> Dialogue {
        Dialogue::new(&vec![true; turns], SampleRate::PREPARED, 60_000_000)
    }

    fn event(kind: EventType) -> Reply {
        Reply::Event(kind, String::new())
    }

    fn text(text: &str) -> Reply {
        Reply::Transcript(text.into())
    }

    /// The messages of one server turn.
    fn answer(name: &str) -> Vec<Reply> {
        vec![
            text(&format!("{name}...")),
            text(name),
            event(EventType::Processing),
            Reply::LlmText(format!("re {name}")),
            event(EventType::Speaking),
            Reply::Audio(Bytes::from_static(&[0; 640])),
            event(EventType::Listening),
        ]
    }

    #[test]
    fn an_answer_belongs_to_its_utterance_and_the_first_listening_to_none() {
        let mut dialogue = dialogue(1);
        assert_eq!(dialogue.message(0, &event(EventType::Listening)), None);
        dialogue.begun(0);
        assert_eq!(dialogue.message(1, &text("hel...")), Some(0));
        dialogue.fully_sent(0);
        for (at_ns, reply) in (10..).zip(answer("hello")) {
            assert_eq!(dialogue.message(at_ns, &reply), Some(0), "{reply:?}");
        }
        let heard = dialogue.heard(0).unwrap();
        assert_eq!(heard.final_transcript(), Some((11, "hello")));
        assert_eq!(heard.first_transcript_ns, Some(1));
        assert_eq!(
            (heard.processing_ns, heard.first_audio_ns),
            (Some(12), Some(15))
        );
        assert_eq!((heard.answers, heard.listening_ns), (1, Some(16)));
        assert!(!dialogue.is_being_answered(0));
    }

    #[test]
    fn without_processing_an_interim_text_is_never_final() {
        let mut dialogue = dialogue(1);
        dialogue.begun(0);
        dialogue.message(1, &text("hel..."));
        assert_eq!(dialogue.heard(0).unwrap().final_transcript(), None);
        dialogue.message(2, &text("hello"));
        dialogue.message(3, &text("hello th..."));
        assert_eq!(
            dialogue.heard(0).unwrap().final_transcript(),
            Some((2, "hello"))
        );
    }

    #[test]
    fn an_early_endpoint_makes_a_further_answer() {
        let mut dialogue = dialogue(2);
        dialogue.begun(0);
        for reply in answer("first half") {
            dialogue.message(1, &reply);
        }
        dialogue.fully_sent(0);
        for reply in answer("second half") {
            assert_eq!(dialogue.message(2, &reply), Some(0));
        }
        assert_eq!(dialogue.heard(0).unwrap().answers, 2);
    }

    #[test]
    fn transcripts_during_an_answer_belong_to_the_next_utterance() {
        let mut dialogue = dialogue(2);
        dialogue.begun(0);
        dialogue.fully_sent(0);
        for reply in &answer("one")[..4] {
            dialogue.message(1, reply);
        }
        dialogue.begun(1);
        assert_eq!(dialogue.message(2, &text("tw...")), Some(1));
        assert_eq!(dialogue.message(3, &Reply::Audio(Bytes::new())), Some(0));
        assert_eq!(dialogue.message(4, &event(EventType::Listening)), Some(0));
        assert_eq!(dialogue.message(5, &event(EventType::Processing)), Some(1));
    }

    #[test]
    fn an_utterance_without_speech_is_passed_over() {
        let mut dialogue = Dialogue::new(&[false, true], SampleRate::PREPARED, 0);
        dialogue.begun(0);
        dialogue.fully_sent(0);
        dialogue.begun(1);
        assert_eq!(dialogue.message(1, &text("hello")), Some(1));
    }

    #[test]
    fn an_error_is_kept_though_the_turn_ends_well() {
        let mut dialogue = dialogue(1);
        dialogue.begun(0);
        dialogue.fully_sent(0);
        dialogue.message(1, &Reply::Event(EventType::Error, "no GPU".into()));
        dialogue.message(2, &event(EventType::EndOfTurn));
        let heard = dialogue.heard(0).unwrap();
        assert_eq!(
            (heard.error.as_deref(), heard.end_of_turn_ns),
            (Some("no GPU"), Some(2))
        );
    }

    #[test]
    fn a_call_that_is_refused_before_anything_was_said_fails_its_first_utterance() {
        let mut dialogue = dialogue(2);
        let busy = Reply::Event(EventType::Error, "busy".into());
        assert_eq!(dialogue.message(1, &busy), Some(0));
        assert_eq!(dialogue.heard(0).unwrap().error.as_deref(), Some("busy"));
        assert_eq!(
            Dialogue::new(&[], SampleRate(16_000), 0).message(1, &busy),
            None
        );
    }

    proptest! {
        /// Utterances of 1 s, one each 3 s, a gateway that answers them one after another, 0.5 to 5
        /// times as fast as they come: each answer is found with its own utterance.
        #[test]
        fn answers_find_their_utterances_at_any_speed(
            turns in 1_usize..8,
            answer_ms in prop::collection::vec(300_i64..15_000, 8),
            early_ms in prop::collection::vec(0_i64..900, 8),
        ) {
            let mut happenings: Vec<(i64, Happening)> = Vec::new();
            let mut free_ms = 0;
            for turn in 0..turns {
                let begin = turn as i64 * 3000;
                happenings.push((begin, Happening::Begun(turn)));
                happenings.push((begin + 1000, Happening::Sent(turn)));
                // Transcripts may come while the caller speaks, the answer once the last is given.
                let first = free_ms.max(begin + 100 + early_ms[turn]);
                let rest = first.max(begin + 1001);
                let replies = answer(&turn.to_string());
                let step = answer_ms[turn] / replies.len() as i64;
                for (k, reply) in replies.into_iter().enumerate() {
                    let at = if k == 0 { first } else { rest + k as i64 * step };
                    happenings.push((at, Happening::Reply(turn, reply)));
                    free_ms = at + 1;
                }
            }
            happenings.sort_by_key(|(at, _)| *at);
            let mut dialogue = dialogue(turns);
            for (at, happening) in happenings {
                match happening {
                    Happening::Begun(turn) => dialogue.begun(turn),
                    Happening::Sent(turn) => dialogue.fully_sent(turn),
                    Happening::Reply(turn, reply) => {
                        prop_assert_eq!(dialogue.message(at, &reply), Some(turn));
                    }
                }
            }
            for turn in 0..turns {
                let heard = dialogue.heard(turn).unwrap();
                prop_assert_eq!(heard.answers, 1);
                let turn = turn.to_string();
                prop_assert_eq!(heard.final_transcript().map(|(_, text)| text), Some(turn.as_str()));
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Happening {
        Begun(usize),
        Sent(usize),
        Reply(usize, Reply),
    }
}
