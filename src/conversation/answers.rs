//! The answers to the utterances of a session.
//!
//! Whose answer a message is, is said by `attribution`.

use super::answer::{Answer, AnsweredBy};
use super::attribution::{Attribution, Owner};
use super::greeting::Greeting;
use super::items::{Items, Whose};
use super::message::{About, MessageKind, Reply, ServerMessage};
use super::playout::Playout;
use super::transcripts::Transcripts;

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
    /// What the server says of its items, where it names any.
    items: Option<Items>,
    /// Whether an answer is a final transcript, with which it ends.
    by_transcript: bool,
    /// Whether only the sound of an answer tells where it begins and ends.
    by_sound: bool,
    /// When the audio that comes next plays without buffer, if that is after its arrival.
    plays_ns: i64,
    greeting: Option<Greeting>,
    /// A caller who has heard nothing.
    silent: Playout,
}

impl Answers {
    /// A session of utterances of which each expects an answer or not, and of a caller who has heard nothing.
    #[must_use]
    pub fn new(expects_answer: &[bool], silent: Playout) -> Answers {
        let none = |_: &bool| Answer::new(silent.anew());
        Answers {
            attribution: Attribution::new(expects_answer.iter().copied()),
            of: expects_answer.iter().map(none).collect(),
            open: Vec::new(),
            items: None,
            by_transcript: false,
            by_sound: false,
            plays_ns: i64::MIN,
            greeting: None,
            silent,
        }
    }

    /// The same with a server that names what its messages are about, or whose answers are such messages.
    #[must_use]
    pub fn of_server(self, has_items: bool, answered_by: AnsweredBy) -> Answers {
        Answers {
            items: has_items.then(|| Items::new(self.of.len())),
            by_transcript: answered_by == AnsweredBy::Transcript,
            ..self
        }
    }

    /// The same where only the sound of an answer tells where it begins and ends.
    #[must_use]
    pub fn by_sound(self) -> Answers {
        Answers {
            by_sound: true,
            ..self
        }
    }

    /// Audio that comes plays from this instant on, behind audio that belongs to no answer.
    pub fn plays_from(&mut self, plays_ns: i64) {
        self.plays_ns = plays_ns;
    }

    /// Audio of this length was sent, of utterance `turn` or of silence beside it.
    pub fn sent(&mut self, turn: Option<usize>, length_ns: i64) {
        if let Some(items) = &mut self.items {
            items.sent(turn, length_ns);
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

    /// What the server has said before the first utterance.
    #[must_use]
    pub fn greeting(&self) -> Option<&Greeting> {
        self.greeting.as_ref()
    }

    /// Whether a final transcript of what was heard of utterance `turn` is still to come.
    #[must_use]
    pub fn is_transcript_due(&self, turn: usize) -> bool {
        let items = self.items.as_ref();
        items.is_some_and(|items| items.is_transcript_due(turn))
    }

    /// What is playing is thrown away; returns how much of it was not heard, if anything was playing.
    pub fn clear(&mut self, at_ns: i64) -> Option<i64> {
        let mut answers = self.of.iter_mut().rev();
        let unheard_ns = answers.find_map(|answer| answer.playout.clear(at_ns));
        unheard_ns.or_else(|| self.greeting.as_mut()?.clear(at_ns))
    }

    /// A message arrived; returns whose it is.
    pub fn message(&mut self, at_ns: i64, reply: &Reply) -> Owner {
        let message = &reply.what;
        let kind = match message.kind() {
            // An interim one is no answer yet: its utterance may still be being said.
            MessageKind::Transcript if self.by_transcript && message.is_final_transcript() => {
                MessageKind::Text
            }
            kind => kind,
        };
        let before_all = self.latest_begun().is_none();
        let owner = match self.whose(reply.about, message) {
            Whose::Utterance(turn) => self.attribution.identified(turn, kind),
            Whose::Nobody => Owner::Nobody,
            Whose::Unknown if self.is_sound_of_greeting(kind) => Owner::Nobody,
            Whose::Unknown => self.attribution.message(kind),
        };
        let plays_ns = self.plays_ns.max(at_ns);
        let is_greeting = self.is_greeting(reply.about) || self.is_sound_of_greeting(kind);
        if owner == Owner::Nobody && (before_all || is_greeting) {
            let silent = || self.silent.anew();
            Greeting::note(&mut self.greeting, [at_ns, plays_ns], message, silent);
            if let (true, Some(about), Some(items)) =
                (kind.is_answer(), reply.about, &mut self.items)
            {
                items.is_nobodys(about.item);
            }
        }
        match owner {
            Owner::Nobody => {}
            Owner::Open => self.transcript(at_ns, message),
            Owner::Of(turn) => self.of[turn].note([at_ns, plays_ns], reply),
            Owner::Settles(turn) => {
                let answer = &mut self.of[turn];
                let open = self.open.drain(..);
                open.filter(|open| open.latest_begun >= turn)
                    .for_each(|open| answer.transcribed(open.transcripts));
                answer.answers += u32::from(kind.is_answer());
                answer.note([at_ns, plays_ns], reply);
            }
        }
        if let (Owner::Of(turn) | Owner::Settles(turn), true, true) =
            (owner, self.by_transcript, message.is_final_transcript())
        {
            self.attribution.identified(turn, MessageKind::TurnEnded);
            self.of[turn].listening_ns = Some(at_ns);
        }
        owner
    }

    /// Whose it is by what it is about.
    fn whose(&mut self, about: Option<About>, message: &ServerMessage) -> Whose {
        let (Some(items), Some(about)) = (&mut self.items, about) else {
            return Whose::Unknown;
        };
        items.learn(about);
        if message.is_final_transcript() {
            items.is_transcribed(about.item);
        }
        // A server that names nothing of what it hears may answer all the same, once there is something to answer.
        if items.is_unprompted(about.item) && !self.attribution.is_any_whole() {
            items.is_nobodys(about.item);
        }
        items.whose(about.item)
    }

    /// Whether it is about a greeting that begins or goes on though the caller has begun to speak.
    fn is_greeting(&self, about: Option<About>) -> bool {
        let goes_on = self.greeting.as_ref().is_some_and(|it| !it.is_over);
        let items = self.items.as_ref();
        let begins = |about: &About| items.is_some_and(|items| items.is_unprompted(about.item));
        about.is_some_and(|about| goes_on || begins(&about))
    }

    /// Whether it is of a greeting that the caller spoke into: by sound alone, that goes on until its end is told.
    fn is_sound_of_greeting(&self, kind: MessageKind) -> bool {
        let goes_on = self.greeting.as_ref().is_some_and(|it| !it.is_over);
        goes_on && self.by_sound && (kind.is_answer() || kind == MessageKind::TurnEnded)
    }

    fn transcript(&mut self, at_ns: i64, message: &ServerMessage) {
        let (ServerMessage::Transcript { text, is_final }, Some(latest)) =
            (message, self.latest_begun())
        else {
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
            match is_final {
                Some(is_final) => open.transcripts.note_marked(at_ns, None, text, *is_final),
                None => open.transcripts.note(at_ns, Some(text)),
            }
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

#[cfg(test)]
mod by_items;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::audible::Threshold;
    use crate::units::SampleRate;
    use bytes::Bytes;

    fn silent(buffer_ns: i64) -> Playout {
        Playout::new(SampleRate::PREPARED, buffer_ns, Threshold::default())
    }

    fn session(turns: usize) -> Answers {
        Answers::new(&vec![true; turns], silent(60_000_000))
    }

    fn text(text: &str) -> ServerMessage {
        ServerMessage::transcript(text)
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
            session.message(at_ns, &plain(message));
        }
    }

    fn plain(message: &ServerMessage) -> Reply {
        Reply {
            what: message.clone(),
            about: None,
            kind: "",
            detail: String::new(),
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
        assert_eq!(session.message(1, &plain(&text("hel..."))), Owner::Open);
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
    fn a_greeting_that_the_caller_speaks_into_is_no_answer_by_sound() {
        let mut session = session(1).by_sound();
        let audio = || ServerMessage::Audio(Bytes::from_static(&[0; 640]));
        hear(&mut session, 0, &[audio()]);
        session.begun(0);
        hear(&mut session, 10, &[audio()]);
        session.sent_whole(0);
        hear(&mut session, 20, &[audio(), ServerMessage::TurnEnded]);
        let greeting = session.greeting().unwrap();
        assert_eq!((greeting.start_ns, greeting.end_ns), (0, 21));
        assert!(greeting.is_over);
        hear(&mut session, 30, &[audio(), ServerMessage::TurnEnded]);
        let heard = session.of(0).unwrap();
        assert_eq!(
            (heard.first_audio_ns, heard.listening_ns),
            (Some(30), Some(31))
        );
        assert_eq!(heard.answers, 1);
    }

    #[test]
    fn an_answer_is_heard_behind_what_plays_before_it() {
        let mut session = session(1);
        said(&mut session, 0);
        session.plays_from(500);
        hear(&mut session, 10, &answer("hello"));
        let heard = session.of(0).unwrap();
        assert_eq!(heard.first_audio_ns, Some(15));
        assert_eq!(heard.playout.start_ns, Some(60_000_500));
    }

    #[test]
    fn a_pause_between_two_answers_is_no_underrun() {
        let mut session = session(1);
        said(&mut session, 0);
        let audio = || ServerMessage::Audio(Bytes::from_static(&[0; 640]));
        hear(&mut session, 0, &[audio(), ServerMessage::TurnEnded]);
        hear(
            &mut session,
            900_000_000,
            &[audio(), ServerMessage::TurnEnded],
        );
        let heard = session.of(0).unwrap();
        assert_eq!(
            (heard.playout.underruns, heard.playout.sentence_gaps),
            (0, 1)
        );
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
        session.message(1, &plain(&ServerMessage::Error("no GPU".into())));
        session.message(2, &plain(&ServerMessage::Done));
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
        assert_eq!(session.message(1, &plain(&busy)), Owner::Of(0));
        assert_eq!(session.of(0).unwrap().error.as_deref(), Some("busy"));
        let mut nothing = Answers::new(&[], silent(0));
        assert_eq!(nothing.message(1, &plain(&busy)), Owner::Nobody);
    }
}
