//! One session under way: what it sends (`send`) and what of it is `written`, what it receives (`receive`),
//! what its caller does about that (`reaction`), and when it is over (`closing`).

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::cursor::{Cursor, Holds};
use super::effect::Effect;
use super::end::End;
use super::entry::{Entry, Message};
use super::facts::CallFacts;
use super::progress::TurnRecord;
use super::script::{EventFacts, Held, Script, Step};
use super::session::{SessionProgress, SessionRecord};
use super::shared::Shared;
use super::spec::GreetingWait;
use super::timers::{CallKey, Timer};
use crate::clock::Clock;
use crate::conversation::answers::Answers;
use crate::conversation::playout::Playout;
use crate::conversation::sound::{Audible, Sound};
use crate::dialect::{DialectSession, Endpointing, Nature};
use crate::pcm::codec::{Codec, Format};
use crate::transport::stream::Outgoing;
use crate::units::{RunTime, SampleRate};

/// What is said of a session whose caller waited for a greeting in vain.
const NO_GREETING: &str =
    "the server said nothing first within the timeout, and the caller waited for it";
const ENDLESS_GREETING: &str = "what the server said first did not end within the timeout";

/// An answer of which only the sound tells may take so many timeouts; longer ones are noise.
const ANSWER_TIMEOUTS: i64 = 4;

/// No line or room is as loud as this while nobody speaks; samples that are read as what they are not are.
const LOUDEST_NOISE_DBFS: f64 = -30.0;

/// A session that has started.
pub(super) struct Call {
    pub(super) key: CallKey,
    pub(super) script: Arc<Script>,
    /// How what is said is written, what that is like, and how audio is.
    pub(super) dialect: DialectSession,
    pub(super) nature: Nature,
    pub(super) greeting_wait: GreetingWait,
    pub(super) wire: Format,
    pub(super) facts: CallFacts,
    pub(super) end: Option<End>,
    /// How far it has come as a whole.
    pub(super) progress: SessionProgress,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    /// The turns whose rows have not been written.
    pub(super) turns: Vec<Option<Box<TurnRecord>>>,
    /// What the worker is to do next.
    pub(super) effects: Vec<Effect>,
    /// Wakes the task that reads this session.
    pub(super) waker: Option<Waker>,
    /// Its deadline is being watched for.
    watched: bool,
}

/// The sending side of a session.
pub(super) struct Sending {
    pub(super) cursor: Cursor,
    pub(super) half_closed: bool,
    /// When a message was last taken, or the session started.
    pub(super) last_taken: RunTime,
    pub(super) stream: Option<Outgoing>,
    /// The audio of the stretch that is being sent.
    pub(super) audio: Option<Held>,
    /// The event that is being sent.
    pub(super) facts: Option<EventFacts>,
    /// The utterance that is being sent.
    pub(super) begun: Option<u32>,
    /// Messages that were taken and have not been written, in order.
    pub(super) unwritten: VecDeque<Unwritten>,
    /// Messages that the protocol demands before anything else is sent.
    pub(super) owed: VecDeque<Bytes>,
    /// Those that are owed once the step that is being sent was taken.
    pub(super) following: Vec<Bytes>,
    /// The message of the next step, if it has one and could not be taken, and the bytes of what is in it.
    pub(super) encoded: Option<(Option<Bytes>, usize)>,
    /// Since when a due message has waited for a stream slot or the peer's flow control.
    pub(super) blocked_since: Option<RunTime>,
    /// The wait that has just ended.
    pub(super) blocked: Option<Range<RunTime>>,
    pub(super) messages: u32,
    /// When it is to send next, if that is known.
    pub(super) timer: Option<RunTime>,
    /// When it is to be seen whether what comes after an answer has come.
    pub(super) look_again: Option<RunTime>,
    /// Since when the greeting has been waited for, if it was.
    pub(super) awaits_greeting_since: RunTime,
    /// The greeting was waited for.
    pub(super) greeted: bool,
    /// When the caller ends the session, of which nothing more is expected but its end.
    pub(super) closes_at: Option<RunTime>,
    /// The caller has ended the session.
    pub(super) is_closing: bool,
}

/// A message that was taken and has not been written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unwritten {
    /// That of a step.
    Step(Taken),
    /// One that the protocol demands.
    Protocol { taken: RunTime, bytes: usize },
}

impl Unwritten {
    pub(super) fn taken(&self) -> RunTime {
        match self {
            Unwritten::Step(taken) => taken.taken,
            Unwritten::Protocol { taken, .. } => *taken,
        }
    }
}

/// A message of a step that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) step: Step,
    pub(super) facts: EventFacts,
    /// When the pacer woke for it, and when it was taken.
    pub(super) released: RunTime,
    pub(super) taken: RunTime,
    /// How long it had waited for the peer.
    pub(super) blocked_ns: i64,
    pub(super) payload_bytes: usize,
    /// When its turn was to start, of a message with which one does.
    pub(super) turn_start: RunTime,
    /// It is the first of an utterance.
    pub(super) begins_turn: bool,
    /// With it all speech of the utterance is sent.
    pub(super) ends_speech: bool,
    /// It is the last of the utterance.
    pub(super) is_last: bool,
}

/// The receiving side of a session.
pub(super) struct Receiving {
    pub(super) answers: Answers,
    /// What tells answers where only their sound does.
    pub(super) sound: Option<Sound>,
    /// When a message last came, or the session started.
    pub(super) last: RunTime,
    /// The server has asked for what plays to be thrown away, of which so much had not been heard.
    pub(super) interrupted_ns: Option<i64>,
    /// The same, of messages that belong to a turn.
    pub(super) last_of_a_turn: RunTime,
    /// When the caller has heard the last of the answers.
    pub(super) heard_until: RunTime,
    pub(super) messages: u32,
    /// Transcripts whose turn is not known yet, where messages are kept.
    pub(super) open: Vec<Message>,
}

impl Call {
    pub(super) fn new(shared: &Shared, key: CallKey, script: Arc<Script>, now: RunTime) -> Call {
        let turns = script.rows.turns.len();
        let nature = shared.spec.dialect.nature();
        let as_traced = Format {
            codec: Codec::Pcm16,
            rate: SampleRate(script.rows.session.sample_rate_hz),
        };
        let holds = match (shared.spec.turn_timing.is_reactive(), nature.endpointing) {
            (true, _) => Holds::Each,
            (false, Endpointing::Server) => Holds::Last,
            (false, Endpointing::AsTraced | Endpointing::Caller) => Holds::Never,
        };
        let var = |column: &str| shared.spec.var(column, script.number);
        let dialect = shared.spec.dialect.session(turns, var);
        Call {
            key,
            dialect,
            nature,
            greeting_wait: shared.spec.greeting,
            wire: nature.input.unwrap_or(as_traced),
            sending: Sending::new(Cursor::new(holds, nature.chunk_ns.is_some()), now),
            receiving: Receiving::new(shared, nature, &script, now),
            turns: (0..turns)
                .map(|turn| Some(TurnRecord::new(&script, turn)))
                .collect(),
            script,
            facts: CallFacts::default(),
            end: None,
            progress: SessionProgress::default(),
            effects: Vec::new(),
            waker: None,
            watched: false,
        }
    }

    pub(super) fn enter(&mut self, entry: Entry) {
        self.effects.push(Effect::Entry(entry));
    }

    pub(super) fn wake_at(&mut self, at: RunTime, timer: Timer) {
        self.effects.push(Effect::Timer(at, timer));
    }

    /// Whether an utterance has speech, and so expects an answer.
    pub(super) fn expects_answer(&self, shared: &Shared, turn: usize) -> bool {
        shared.run.expects_answer(self.script.turn(turn))
    }

    /// Sees to it that the session is looked after when it may have waited too long.
    pub(super) fn watch(&mut self, shared: &Shared) {
        let deadline = self.deadline(shared.spec.timeout_ns);
        if let Some(deadline) = deadline.filter(|_| !self.watched) {
            self.watched = true;
            self.wake_at(deadline, Timer::Overdue(self.key));
        }
    }

    /// The deadline that was watched for has come.
    pub(super) fn check_deadline(&mut self, shared: &Shared, now: RunTime) {
        self.watched = false;
        let timeout_ns = shared.spec.timeout_ns;
        if self.deadline(timeout_ns).is_none_or(|at| at > now) {
            return self.watch(shared);
        }
        let noise = self.receiving.sound.as_ref().and_then(Sound::answer);
        let noise = noise.filter(|sound| sound.from_ns.saturating_add(timeout_ns) <= now.0);
        let greeting = self.receiving.answers.greeting();
        self.stop(match (noise, self.sending.cursor.awaits_greeting()) {
            (Some(noise), _) => End::Refused(noise_words(&noise)),
            (None, true) if greeting.is_some() => End::Refused(ENDLESS_GREETING.to_owned()),
            (None, true) => End::Refused(NO_GREETING.to_owned()),
            (None, false) => End::Timeout,
        });
    }

    /// When the session will have waited too long for an answer or its end, for room to send, or
    /// for the stream's end; `None` while it waits for nothing.
    fn deadline(&self, timeout_ns: i64) -> Option<RunTime> {
        let unanswered = self.turns.iter().flatten().filter_map(|record| {
            let awaiting = record.progress.awaiting;
            record.progress.end_of_speech_sent_ns.filter(|_| awaiting)
        });
        let unended = self.sending.cursor.waiting().and_then(|turn| {
            let sent_ns = self.turns[turn].as_deref()?.progress.last_chunk_sent_ns?;
            Some(sent_ns.max(self.receiving.last_of_a_turn.0))
        });
        let last_activity = self.sending.last_taken.max(self.receiving.last);
        let closing = self.sending.half_closed.then_some(last_activity.0);
        let ungreeted = self.sending.cursor.awaits_greeting();
        // What else the server sends, such as noise, makes a greeting no more likely.
        let greeting = self.receiving.answers.greeting();
        let greeted_ns = greeting.map_or(i64::MIN, |greeting| greeting.end_ns);
        let ungreeted = ungreeted.then_some(self.sending.awaits_greeting_since.0.max(greeted_ns));
        let unsent = self.sending.waiting_since().map(|since| since.0);
        let waits = unanswered.chain(unended).chain(unsent);
        let sound = self.receiving.sound.as_ref().and_then(Sound::answer);
        let endless = sound.map(|sound| endless_since(&sound, timeout_ns));
        let waits = waits.chain(closing).chain(ungreeted).chain(endless);
        let since_ns = waits.min().filter(|_| self.end.is_none())?;
        Some(RunTime(since_ns + timeout_ns))
    }

    /// Ends the session from our side.
    pub(super) fn stop(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.sending.cancel();
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// The session is over: writes what has not been written.
    pub(super) fn finish(&mut self, shared: &Shared, end: &End) {
        let now = shared.clock.now();
        self.count_unsent(shared, now);
        self.settle_transcripts();
        for turn in 0..self.turns.len() {
            if let Some(record) = &mut self.turns[turn]
                && record.progress.started_ns.is_some()
            {
                record.progress.closed_ns.get_or_insert(now.0);
            }
            self.write(shared, turn, Some(end));
        }
        let greeting = self.receiving.answers.greeting();
        self.progress.greeting = greeting.map(|greeting| (greeting.start_ns, greeting.end_ns));
        let record = SessionRecord::new(&self.script, &self.facts, self.progress, now, end);
        self.enter(Entry::Session(record));
        if shared.spec.messages {
            self.effects.push(Effect::Ended(self.script.number));
        }
    }
}

/// From when on the timeout of a sound that does not end is counted.
fn endless_since(sound: &Audible, timeout_ns: i64) -> i64 {
    let more_ns = timeout_ns.saturating_mul(ANSWER_TIMEOUTS - 1);
    sound.from_ns.saturating_add(more_ns)
}

/// What is said of such a sound. Levels are in steps of 5 dB, so that sessions say the same.
fn noise_words(sound: &Audible) -> String {
    let dbfs = (sound.quietest.dbfs() / 5.0).round() * 5.0;
    if dbfs > LOUDEST_NOISE_DBFS {
        return format!(
            "the server's sound did not pause for --answer-gap within the timeout; at about {dbfs} dBFS it is too loud for \
             noise: check the codec, the sample rate and the byte order of the server's audio"
        );
    }
    format!(
        "the server's sound did not pause for --answer-gap within the timeout; it is about {dbfs} dBFS at its quietest: \
         if that is noise, raise the threshold with --audible-threshold={}dBFS",
        dbfs + 5.0
    )
}

impl Sending {
    pub(super) fn new(cursor: Cursor, now: RunTime) -> Sending {
        Sending {
            cursor,
            half_closed: false,
            last_taken: now,
            stream: None,
            audio: None,
            facts: None,
            begun: None,
            unwritten: VecDeque::new(),
            owed: VecDeque::new(),
            following: Vec::new(),
            encoded: None,
            blocked_since: None,
            blocked: None,
            messages: 0,
            timer: None,
            look_again: None,
            awaits_greeting_since: now,
            greeted: false,
            closes_at: None,
            is_closing: false,
        }
    }

    /// Since when nothing has been taken though it was due, or written though it was taken.
    pub(super) fn waiting_since(&self) -> Option<RunTime> {
        let unwritten = self.unwritten.front().map(Unwritten::taken);
        let blocked = self.blocked_since.map(|since| since.max(self.last_taken));
        unwritten.into_iter().chain(blocked).min()
    }

    /// The caller hears no more of an answer, of which so much had not been heard: what is owed for that waits for
    /// nothing that is owed later.
    pub(super) fn interrupt(&mut self, dialect: &mut DialectSession, unheard_ns: i64) {
        self.owed.extend(dialect.interrupted(unheard_ns));
    }

    pub(super) fn cancel(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.cancel();
        }
    }
}

impl Receiving {
    pub(super) fn new(shared: &Shared, nature: Nature, script: &Script, now: RunTime) -> Receiving {
        let turns = script.rows.turns.iter();
        let expects: Vec<bool> = turns.map(|turn| shared.run.expects_answer(turn)).collect();
        let rate = SampleRate(script.rows.session.sample_rate_hz);
        let rate = nature.output.unwrap_or(rate);
        let spec = &shared.spec;
        let silent = Playout::new(rate, spec.playout_buffer_ns, spec.audible);
        let answers = Answers::new(&expects, silent);
        let answers = answers.of_server(nature.has_items, nature.answered_by);
        let sound = || Sound::new(rate, spec.audible, spec.answer_gap_ns);
        Receiving {
            answers: match nature.by_sound {
                true => answers.by_sound(),
                false => answers,
            },
            sound: nature.by_sound.then(sound),
            last: now,
            interrupted_ns: None,
            last_of_a_turn: now,
            heard_until: now,
            messages: 0,
            open: Vec::new(),
        }
    }
}
