//! What came in answer to each utterance of a session, and when.
//!
//! Whose answer a message is, is said by `attribution`.

use super::attribution::{Attribution, Owner};
use super::message::ServerMessage;
use super::playout::Playout;
use super::text::{MAX_ERROR_CHARS, MAX_TEXT_CHARS, cut};
use super::transcripts::Transcripts;
use crate::units::SampleRate;

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
    /// What the caller hears.
    pub playout: Playout,
    /// The messages do not tell which answers are its own.
    pub owner_uncertain: bool,
    /// First transcript.
    pub first_transcript_ns: Option<i64>,
    /// Transcripts until its first answer began.
    transcripts: Transcripts,
}

/// Transcripts that came while one utterance was the latest to have begun.
#[derive(Debug, Clone)]
struct Open {
    latest_begun: usize,
    transcripts: Transcripts,
}

/// What came in answer to the utterances of one session.
#[derive(Debug, Clone)]
pub struct Answers {
    attribution: Attribution,
    of: Vec<Answer>,
    /// Transcripts whose owner is not known yet.
    open: Vec<Open>,
}

impl Answers {
    /// A session of utterances of which each expects an answer or not.
    #[must_use]
    pub fn new(expects_answer: &[bool], rate: SampleRate, playout_buffer_ns: i64) -> Answers {
        let none = |_: &bool| Answer::new(Playout::new(rate, playout_buffer_ns));
        Answers {
            attribution: Attribution::new(expects_answer.iter().copied()),
            of: expects_answer.iter().map(none).collect(),
            open: Vec::new(),
        }
    }

    /// The first message of utterance `turn` was sent.
    pub fn begun(&mut self, turn: usize) {
        self.attribution.begun(turn);
    }

    /// Whether the first message of utterance `turn` was sent.
    #[must_use]
    pub fn has_begun(&self, turn: usize) -> bool {
        self.attribution.has_begun(turn)
    }

    /// All speech of utterance `turn` was sent.
    pub fn sent_whole(&mut self, turn: usize) {
        self.attribution.sent_whole(turn);
    }

    /// The utterance that began last.
    #[must_use]
    pub fn latest_begun(&self) -> Option<usize> {
        self.attribution.latest_begun()
    }

    /// What came in answer to utterance `turn`.
    #[must_use]
    pub fn of(&self, turn: usize) -> Option<&Answer> {
        self.of.get(turn)
    }

    /// Takes out what came in answer to utterance `turn`; what still comes is counted anew.
    pub fn take(&mut self, turn: usize) -> Option<Answer> {
        let answer = self.of.get_mut(turn)?;
        let anew = Answer::new(answer.playout.anew());
        let mut taken = std::mem::replace(answer, anew);
        taken.owner_uncertain = self.attribution.is_uncertain(turn);
        Some(taken)
    }

    /// Whether an answer to utterance `turn` is under way.
    #[must_use]
    pub fn is_being_answered(&self, turn: usize) -> bool {
        self.attribution.is_being_answered(turn)
    }

    /// Whether the last answer to utterance `turn` began before that had been sent whole.
    #[must_use]
    pub fn is_cut_off(&self, turn: usize) -> bool {
        self.attribution.is_cut_off(turn)
    }

    /// A message arrived; returns whose it is.
    pub fn message(&mut self, at_ns: i64, message: &ServerMessage) -> Owner {
        let kind = message.kind();
        let owner = self.attribution.message(kind);
        match owner {
            Owner::Nobody => {}
            Owner::Open => self.transcript(at_ns, message),
            Owner::Of(turn) => self.of[turn].note(at_ns, message),
            Owner::Settles(turn) => {
                let answer = &mut self.of[turn];
                let open = self.open.drain(..);
                open.filter(|open| open.latest_begun >= turn)
                    .for_each(|open| answer.transcribed(open.transcripts));
                answer.answers += u32::from(kind.is_answer());
                answer.note(at_ns, message);
            }
        }
        owner
    }

    fn transcript(&mut self, at_ns: i64, message: &ServerMessage) {
        let (ServerMessage::Transcript(text), Some(latest)) = (message, self.latest_begun()) else {
            return;
        };
        if self
            .open
            .last()
            .is_none_or(|open| open.latest_begun != latest)
        {
            self.open.push(Open {
                latest_begun: latest,
                transcripts: Transcripts::default(),
            });
        }
        if let Some(open) = self.open.last_mut() {
            open.transcripts.note(at_ns, Some(text));
        }
    }

    /// The session is over: transcripts whose owner no answer told are those of the utterance that
    /// had begun last, if that was not answered.
    pub fn finish(&mut self) {
        for open in self.open.drain(..) {
            if self.attribution.is_unanswered(open.latest_begun) {
                self.of[open.latest_begun].transcribed(open.transcripts);
            }
        }
    }
}

impl Answer {
    fn new(playout: Playout) -> Answer {
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
            playout,
            owner_uncertain: false,
            first_transcript_ns: None,
            transcripts: Transcripts::default(),
        }
    }

    fn note(&mut self, at_ns: i64, message: &ServerMessage) {
        self.messages = self.messages.saturating_add(1);
        match message {
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
                self.playout.audio(at_ns, pcm);
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
            ServerMessage::TurnEnded => self.listening_ns = Some(at_ns),
            ServerMessage::Transcript(_) | ServerMessage::Unknown => {}
        }
    }

    /// Transcripts turned out to be its own. Those of a second answer do not change what was
    /// understood before the first.
    fn transcribed(&mut self, transcripts: Transcripts) {
        self.messages = self.messages.saturating_add(transcripts.count);
        self.first_transcript_ns = self.first_transcript_ns.or(transcripts.first_ns);
        if self.answers == 0 {
            self.transcripts.append(transcripts);
        }
    }

    /// The final transcript and its instant.
    #[must_use]
    pub fn final_transcript(&self) -> Option<(i64, &str)> {
        self.transcripts.last_said(self.processing_ns.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn session(turns: usize) -> Answers {
        Answers::new(&vec![true; turns], SampleRate::PREPARED, 60_000_000)
    }

    fn text(text: &str) -> ServerMessage {
        ServerMessage::Transcript(text.into())
    }

    /// The messages of one server turn.
    fn answer(name: &str) -> Vec<ServerMessage> {
        vec![
            text(&format!("{name}...")),
            text(name),
            ServerMessage::Processing,
            ServerMessage::Text(format!("re {name}")),
            ServerMessage::Speaking,
            ServerMessage::Audio(Bytes::from_static(&[0; 640])),
            ServerMessage::TurnEnded,
        ]
    }

    /// Messages that come 1 ns apart, the first at `at_ns`.
    fn hear(session: &mut Answers, at_ns: i64, messages: &[ServerMessage]) {
        for (at_ns, message) in (at_ns..).zip(messages) {
            session.message(at_ns, message);
        }
    }

    fn said(session: &mut Answers, turn: usize) {
        session.begun(turn);
        session.sent_whole(turn);
    }

    #[test]
    fn what_is_heard_of_an_answer_is_kept_with_its_instants() {
        let mut session = session(1);
        hear(&mut session, 0, &[ServerMessage::TurnEnded]);
        session.begun(0);
        assert_eq!(session.message(1, &text("hel...")), Owner::Open);
        session.sent_whole(0);
        hear(&mut session, 10, &answer("hello"));
        let heard = session.take(0).unwrap();
        assert_eq!(heard.final_transcript(), Some((11, "hello")));
        assert_eq!(heard.first_transcript_ns, Some(1));
        assert_eq!(
            (heard.processing_ns, heard.first_audio_ns),
            (Some(12), Some(15))
        );
        assert_eq!((heard.answers, heard.listening_ns), (1, Some(16)));
        assert_eq!((heard.messages, heard.owner_uncertain), (8, false));
        assert!(!session.is_being_answered(0));
    }

    #[test]
    fn noise_between_turns_is_in_no_turn() {
        let mut session = session(2);
        said(&mut session, 0);
        hear(&mut session, 10, &answer("one"));
        hear(&mut session, 20, &[text("uh..."), text("mhm")]);
        said(&mut session, 1);
        hear(&mut session, 30, &answer("two"));
        for (turn, at_ns, text) in [(0, 10, "one"), (1, 30, "two")] {
            let heard = session.of(turn).unwrap();
            assert_eq!(heard.final_transcript(), Some((at_ns + 1, text)));
            assert_eq!(heard.first_transcript_ns, Some(at_ns));
            assert_eq!((heard.messages, heard.answers), (7, 1));
            assert_eq!(heard.response_text, format!("re {text}"));
        }
    }

    #[test]
    fn a_second_answer_leaves_what_was_understood_before_the_first() {
        let mut session = session(1);
        session.begun(0);
        hear(&mut session, 1, &answer("first half"));
        session.sent_whole(0);
        hear(&mut session, 11, &answer("second half"));
        let heard = session.of(0).unwrap();
        assert_eq!((heard.answers, heard.messages), (2, 14));
        assert_eq!(heard.final_transcript(), Some((2, "first half")));
        assert_eq!(heard.listening_ns, Some(17));
    }

    #[test]
    fn transcripts_that_no_answer_followed_are_those_of_what_was_being_said() {
        let mut session = session(3);
        for turn in 0..3 {
            said(&mut session, turn);
            let at_ns = turn as i64 * 10;
            hear(&mut session, at_ns, &[text(&format!("{turn}..."))]);
            hear(&mut session, at_ns + 1, &[text(&turn.to_string())]);
        }
        session.finish();
        for turn in 0..3 {
            let heard = session.of(turn).unwrap();
            let text = turn.to_string();
            let final_ns = turn as i64 * 10 + 1;
            assert_eq!(heard.final_transcript(), Some((final_ns, text.as_str())));
            assert_eq!((heard.answers, heard.messages), (0, 2));
        }
    }

    #[test]
    fn noise_after_the_last_answer_is_in_no_turn() {
        let mut session = session(1);
        said(&mut session, 0);
        hear(&mut session, 10, &answer("one"));
        hear(&mut session, 20, &[text("uh...")]);
        session.finish();
        assert_eq!(session.of(0).unwrap().messages, 7);
    }

    #[test]
    fn an_error_is_kept_though_the_turn_ends_well() {
        let mut session = session(1);
        said(&mut session, 0);
        session.message(1, &ServerMessage::Error("no GPU".into()));
        session.message(2, &ServerMessage::Done);
        let heard = session.of(0).unwrap();
        assert_eq!(
            (heard.error.as_deref(), heard.end_of_turn_ns, heard.answers),
            (Some("no GPU"), Some(2), 0)
        );
    }

    #[test]
    fn a_call_that_is_refused_before_anything_was_said_fails_its_first_utterance() {
        let mut session = session(2);
        let busy = ServerMessage::Error("busy".into());
        assert_eq!(session.message(1, &busy), Owner::Of(0));
        assert_eq!(session.of(0).unwrap().error.as_deref(), Some("busy"));
        let mut nothing = Answers::new(&[], SampleRate(16_000), 0);
        assert_eq!(nothing.message(1, &busy), Owner::Nobody);
    }
}
