//! Whose answer a message of the server is. The one rule, for replays and for recordings.
//!
//! A server turn becomes somebody's when an answer begins (PROCESSING, text, SPEAKING or audio), and
//! ends with LISTENING. It belongs to the oldest utterance that was sent whole and has no answer yet;
//! if there is none, to the one being sent (an early endpoint); else it is a further answer to the
//! latest. *Whole* means all its speech, whatever silence follows. Utterances without speech expect
//! no answer and are passed over.
//!
//! Transcripts are nobody's until an answer begins: they stay *open*. Then those that came since its
//! owner began are the owner's, the others (noise between turns) nobody's. So they are where a turn
//! ends without an answer: by LISTENING after transcripts, or by an ERROR.
//!
//! Where LISTENING is missing, PROCESSING begins the next server turn, if an utterance waits for one
//! and the answer under way had got beyond its own PROCESSING. Both are uncertain then.
//!
//! Where the server says what its messages are about, that decides (`items`), and nothing is uncertain.
//!
//! Messages cannot always tell. An answer is uncertain when the order of things allows another owner
//! with no more than one thing out of the ordinary (a turn without an answer, one with two, an
//! early endpoint): when several utterances wait for it; when the one that waits had been sent whole
//! before the server turn before it ended, which may go on with a second answer; and when none
//! waits, one is being sent, and another was answered before. All that it may belong to are marked.

use super::message::MessageKind;

/// Whose a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// No utterance's.
    Nobody,
    /// A transcript's is not known yet.
    Open,
    /// This utterance's.
    Of(usize),
    /// This utterance's, and with it the open transcripts that came since it began; the other open
    /// ones are nobody's.
    Settles(usize),
}

/// How much of an utterance has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Planned,
    Begun,
    Whole,
}

#[derive(Debug, Clone, Copy)]
struct Utterance {
    sending: Sending,
    expects_answer: bool,
    /// A server turn was its own, answer or not.
    is_settled: bool,
    is_answered: bool,
    /// Its last answer began before it had been sent whole.
    is_cut_off: bool,
    /// It was sent whole while a server turn of another was under way.
    overlaps: bool,
    is_uncertain: bool,
}

/// How far a server turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// PROCESSING and nothing else.
    Processing,
    /// Text, SPEAKING or audio.
    Answering,
    /// An ERROR or the end of all; LISTENING may follow.
    Over,
}

#[derive(Debug, Clone, Copy)]
struct ServerTurn {
    owner: usize,
    stage: Stage,
}

/// The order of things in one session.
#[derive(Debug, Clone)]
pub struct Attribution {
    utterances: Vec<Utterance>,
    /// The utterance that began last.
    latest_begun: Option<usize>,
    /// The utterance whose server turn began last.
    latest_settled: Option<usize>,
    /// The server turn under way.
    server_turn: Option<ServerTurn>,
    /// The utterance that had begun last when the last open transcript came.
    open_since: Option<usize>,
}

impl Attribution {
    /// A session of utterances of which each expects an answer or not.
    #[must_use]
    pub fn new(expects_answer: impl IntoIterator<Item = bool>) -> Attribution {
        let utterance = |expects_answer| Utterance {
            sending: Sending::Planned,
            expects_answer,
            is_settled: false,
            is_answered: false,
            is_cut_off: false,
            overlaps: false,
            is_uncertain: false,
        };
        Attribution {
            utterances: expects_answer.into_iter().map(utterance).collect(),
            latest_begun: None,
            latest_settled: None,
            server_turn: None,
            open_since: None,
        }
    }

    /// The first message of utterance `turn` was sent.
    pub fn begun(&mut self, turn: usize) {
        if let Some(utterance) = self.utterances.get_mut(turn) {
            utterance.sending = Sending::Begun;
            self.latest_begun = Some(turn);
        }
    }

    /// Whether the first message of utterance `turn` was sent.
    #[must_use]
    pub fn has_begun(&self, turn: usize) -> bool {
        let utterance = self.utterances.get(turn);
        utterance.is_some_and(|utterance| utterance.sending != Sending::Planned)
    }

    /// All speech of utterance `turn` was sent.
    pub fn sent_whole(&mut self, turn: usize) {
        let is_of_another =
            |under_way: ServerTurn| under_way.owner != turn && under_way.stage != Stage::Over;
        let overlaps = self.server_turn.is_some_and(is_of_another);
        if let Some(utterance) = self.utterances.get_mut(turn)
            && utterance.sending != Sending::Whole
        {
            utterance.sending = Sending::Whole;
            utterance.overlaps = overlaps;
        }
    }

    /// Whether all speech of any utterance was sent.
    #[must_use]
    pub fn is_any_whole(&self) -> bool {
        let mut utterances = self.utterances.iter();
        utterances.any(|utterance| utterance.sending == Sending::Whole)
    }

    /// The utterance that began last.
    #[must_use]
    pub fn latest_begun(&self) -> Option<usize> {
        self.latest_begun
    }

    /// Whether an answer to utterance `turn` is under way.
    #[must_use]
    pub fn is_being_answered(&self, turn: usize) -> bool {
        let is_its =
            |under_way: ServerTurn| under_way.owner == turn && under_way.stage != Stage::Over;
        self.server_turn.is_some_and(is_its)
    }

    /// Whether the last answer to utterance `turn` began before that had been sent whole, so that
    /// what was said after it may be answered as well.
    #[must_use]
    pub fn is_cut_off(&self, turn: usize) -> bool {
        let utterance = self.utterances.get(turn);
        utterance.is_some_and(|utterance| utterance.is_cut_off)
    }

    /// Whether utterance `turn` expects an answer and has had no server turn. At the end of the
    /// session, open transcripts belong to the utterance that had begun last, if that is so.
    #[must_use]
    pub fn is_unanswered(&self, turn: usize) -> bool {
        let utterance = self.utterances.get(turn);
        utterance.is_some_and(|u| u.expects_answer && !u.is_settled)
    }

    /// Whether the messages do not tell which answers are those of utterance `turn`.
    #[must_use]
    pub fn is_uncertain(&self, turn: usize) -> bool {
        let utterance = self.utterances.get(turn);
        utterance.is_some_and(|utterance| utterance.is_uncertain)
    }

    /// A message arrived of which the server says that it belongs to utterance `turn`.
    pub fn identified(&mut self, turn: usize, kind: MessageKind) -> Owner {
        let Some(utterance) = self.utterances.get_mut(turn) else {
            return Owner::Nobody;
        };
        let is_its = |under_way: &ServerTurn| under_way.owner == turn;
        match kind {
            kind if kind.is_answer() => {
                let stage = match kind {
                    MessageKind::Processing => Stage::Processing,
                    _ => Stage::Answering,
                };
                let goes_on = self.server_turn.filter(is_its);
                if let Some(under_way) = goes_on.filter(|turn| turn.stage != Stage::Over) {
                    let stage = match under_way.stage {
                        Stage::Answering => Stage::Answering,
                        _ => stage,
                    };
                    self.server_turn = Some(ServerTurn { owner: turn, stage });
                    return Owner::Of(turn);
                }
                utterance.is_answered = true;
                utterance.is_cut_off = utterance.sending != Sending::Whole;
                self.settle(turn, Some(stage))
            }
            MessageKind::TurnEnded => {
                self.server_turn = self.server_turn.filter(|under_way| !is_its(under_way));
                Owner::Of(turn)
            }
            MessageKind::Error => {
                if self.server_turn.as_ref().is_some_and(is_its) {
                    self.end_but_for_listening();
                }
                self.utterances[turn].is_settled = true;
                Owner::Of(turn)
            }
            MessageKind::Ready => Owner::Nobody,
            _ => Owner::Of(turn),
        }
    }

    /// A message of the server arrived.
    pub fn message(&mut self, kind: MessageKind) -> Owner {
        let of = |turn: Option<usize>| turn.map_or(Owner::Nobody, Owner::Of);
        let under_way = self.server_turn.map(|under_way| under_way.owner);
        match kind {
            MessageKind::Transcript => match self.latest_begun {
                Some(latest) => {
                    self.open_since = Some(latest);
                    Owner::Open
                }
                None => Owner::Nobody,
            },
            MessageKind::Processing
            | MessageKind::Text
            | MessageKind::Speaking
            | MessageKind::Audio => self.answer(kind),
            MessageKind::TurnEnded => self.turn_ended(),
            MessageKind::Done => {
                self.end_but_for_listening();
                of(under_way.or(self.latest_begun))
            }
            MessageKind::Error => match under_way {
                Some(owner) => {
                    self.end_but_for_listening();
                    Owner::Of(owner)
                }
                None => self.failed(),
            },
            MessageKind::Cleared | MessageKind::Refused | MessageKind::Unknown => of(under_way),
            MessageKind::Ready => Owner::Nobody,
        }
    }

    fn end_but_for_listening(&mut self) {
        if let Some(under_way) = &mut self.server_turn {
            under_way.stage = Stage::Over;
        }
    }

    /// Part of an answer: of the server turn under way, or the beginning of one.
    fn answer(&mut self, kind: MessageKind) -> Owner {
        let goes_on = self
            .server_turn
            .filter(|under_way| self.goes_on(*under_way, kind));
        if goes_on.is_none()
            && let Some(under_way) = self.server_turn.filter(|turn| turn.stage != Stage::Over)
        {
            // Perhaps it goes on all the same, and both at once.
            self.utterances[under_way.owner].is_uncertain = true;
        }
        let Some(owner) = goes_on
            .map(|under_way| under_way.owner)
            .or_else(|| self.owner())
        else {
            return Owner::Nobody;
        };
        let stage = match (kind, goes_on.map(|under_way| under_way.stage)) {
            (MessageKind::Processing, Some(Stage::Answering)) => Stage::Answering,
            (MessageKind::Processing, _) => Stage::Processing,
            _ => Stage::Answering,
        };
        let utterance = &mut self.utterances[owner];
        if goes_on.is_some() && utterance.is_answered {
            self.server_turn = Some(ServerTurn { owner, stage });
            return Owner::Of(owner);
        }
        utterance.is_answered = true;
        utterance.is_cut_off = utterance.sending != Sending::Whole;
        self.settle(owner, Some(stage))
    }

    /// Whether an answer's `kind` of message goes on with the server turn under way.
    fn goes_on(&self, under_way: ServerTurn, kind: MessageKind) -> bool {
        let next = || self.waiting().next();
        match under_way.stage {
            Stage::Over => next().is_none() && self.being_sent().is_none(),
            _ if kind != MessageKind::Processing => true,
            Stage::Answering => next().is_none(),
            // Said twice, unless the next one has been transcribed since.
            Stage::Processing => next().is_none_or(|next| !self.is_transcribed(next)),
        }
    }

    /// LISTENING: ends the server turn under way; the first one of a stream ends none.
    fn turn_ended(&mut self) -> Owner {
        if let Some(ended) = self.server_turn.take() {
            return Owner::Of(ended.owner);
        }
        let first = self.waiting().next();
        match first {
            Some(first) if self.is_transcribed(first) => {
                self.choose_waiting();
                self.settle(first, None)
            }
            _ => Owner::Nobody,
        }
    }

    /// An ERROR while no server turn was under way.
    fn failed(&mut self) -> Owner {
        let owner = self.choose_waiting().or_else(|| self.being_sent());
        match owner.or(self.latest_begun) {
            Some(owner) => self.settle(owner, Some(Stage::Over)),
            // A call may be refused before anything was said in it.
            None if self.utterances.is_empty() => Owner::Nobody,
            None => Owner::Of(0),
        }
    }

    fn settle(&mut self, owner: usize, stage: Option<Stage>) -> Owner {
        self.utterances[owner].is_settled = true;
        self.latest_settled = Some(owner);
        self.server_turn = stage.map(|stage| ServerTurn { owner, stage });
        self.open_since = None;
        Owner::Settles(owner)
    }

    /// The utterance that an answer which begins now belongs to. Marks those that it may belong to,
    /// where there are several.
    fn owner(&mut self) -> Option<usize> {
        if let Some(waiting) = self.choose_waiting() {
            return Some(waiting);
        }
        let latest = self.latest_begun?;
        let before = self.latest_settled.filter(|before| *before != latest);
        // An early endpoint, an answer to something that is no speech, or a second answer to the
        // utterance before, whose first one may still be due.
        let may_be_early = self.being_sent().is_some();
        let is_due = |before: &usize| may_be_early && !self.utterances[*before].is_answered;
        let owner = before.filter(is_due).unwrap_or(latest);
        if before.is_some() {
            self.utterances[latest].is_uncertain = true;
            self.utterances[owner].is_uncertain = true;
        }
        Some(owner)
    }

    /// The utterance that has waited longest. Marks those that may have been meant, where that is
    /// not the only one.
    fn choose_waiting(&mut self) -> Option<usize> {
        let waiting: Vec<usize> = self.waiting().collect();
        let first = *waiting.first()?;
        // It may have had its answer before: then this one comes early to the one being sent.
        if self.is_uncertain(first)
            && let Some(next) = self.being_sent()
        {
            self.utterances[next].is_uncertain = true;
        }
        if waiting.len() > 1 || self.utterances[first].overlaps {
            for turn in waiting {
                self.utterances[turn].is_uncertain = true;
            }
        }
        Some(first)
    }

    /// The utterances that were sent whole and have had no server turn, in order.
    fn waiting(&self) -> impl Iterator<Item = usize> {
        let utterances = self.utterances.iter().enumerate();
        let waits = move |(turn, utterance): (usize, &Utterance)| {
            let waits = utterance.sending == Sending::Whole && self.is_unanswered(turn);
            waits.then_some(turn)
        };
        utterances.filter_map(waits)
    }

    /// The utterance that is being sent, if it expects an answer and has had no server turn.
    fn being_sent(&self) -> Option<usize> {
        let latest = self.latest_begun?;
        let is_whole = self.utterances[latest].sending == Sending::Whole;
        (!is_whole && self.is_unanswered(latest)).then_some(latest)
    }

    /// Whether an open transcript may be that of utterance `turn`.
    fn is_transcribed(&self, turn: usize) -> bool {
        self.open_since.is_some_and(|latest| latest >= turn)
    }
}

#[cfg(test)]
mod tests;
