//! A described dialect as a server speaks it: what all its sessions have in common.

use std::sync::Arc;

use bytes::Bytes;

use super::kind::Kind;
use super::line::Line;
use super::said::{Content, Said};
use super::shape::Shapes;
use crate::conversation::answer::AnsweredBy;
use crate::conversation::message::{Reply, ServerMessage, Start};
use crate::dialect::described::framing::Coding;
use crate::dialect::described::session::Session;
use crate::dialect::described::setup::Described;
use crate::dialect::nature::Nature;
use crate::pcm::codec::Codec;

/// The other side of a described dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    described: Arc<Described>,
    lines: Vec<(Kind, Line)>,
    pub(super) shapes: Shapes,
}

impl Server {
    /// The other side of what is described. Of each kind of message it says the smallest that the description itself
    /// understands as one.
    ///
    /// # Errors
    /// None is understood as that which makes an answer.
    pub fn new(described: Arc<Described>) -> Result<Server, String> {
        let mut server = Server {
            lines: Vec::new(),
            shapes: Shapes::of(&described),
            described,
        };
        for kind in Kind::ALL {
            if let Some(line) = server.line_for(kind) {
                server.lines.push((kind, line));
            }
        }
        if server.line(Kind::Final).is_none() && server.line(Kind::TurnEnded).is_some() {
            let line = server.line_in_parts();
            server.lines.extend(line.map(|line| (Kind::Final, line)));
        }
        let answers: &[Kind] = match server.nature().answered_by {
            AnsweredBy::Audio => &[Kind::Audio],
            AnsweredBy::AudioOrText => &[Kind::Audio, Kind::Text],
            AnsweredBy::Transcript => &[Kind::Final],
        };
        match answers.iter().any(|kind| server.line(*kind).is_some()) {
            true => Ok(server),
            false => {
                let kinds: Vec<_> = answers.iter().map(|kind| kind.name()).collect();
                Err(format!(
                    "by the rules of {}, nothing that it can make of them is understood as {}",
                    server.name(),
                    kinds.join(" or "),
                ))
            }
        }
    }

    /// What the description calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.described.name()
    }

    /// What it is like.
    #[must_use]
    pub fn nature(&self) -> Nature {
        self.described.nature()
    }

    /// The path of requests over gRPC.
    #[must_use]
    pub fn method(&self) -> String {
        self.described.path(&Start::default())
    }

    /// How the audio is coded that a listener hands over.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.sending().codec()
    }

    pub(super) fn sending(&self) -> Coding {
        self.described.sending
    }

    /// Whether clients say anything before audio.
    #[must_use]
    pub fn is_opened(&self) -> bool {
        !self.described.open.is_empty()
    }

    /// Whether clients say where an utterance ends.
    #[must_use]
    pub fn is_told_ends(&self) -> bool {
        !self.described.end_of_utterance.is_empty()
    }

    /// Whether it can tell that what was said and not heard yet is to be thrown away.
    #[must_use]
    pub fn can_clear(&self) -> bool {
        self.line(Kind::Cleared).is_some()
    }

    /// What it can say, in words of the description.
    #[must_use]
    pub fn can_say(&self) -> Vec<&'static str> {
        let kinds = Kind::ALL.into_iter();
        let said = kinds.filter(|kind| self.line(*kind).is_some());
        said.map(Kind::name).collect()
    }

    /// What the description has rules about, and it cannot say all the same.
    #[must_use]
    pub fn cannot_say(&self) -> Vec<&'static str> {
        let has_rule = |kind: &Kind| {
            let mut rules = self.described.rules.iter();
            rules.any(|rule| kind.may_be(rule.then))
        };
        let kinds = Kind::ALL.into_iter().filter(has_rule);
        let unsaid = kinds.filter(|kind| self.line(*kind).is_none());
        unsaid.map(Kind::name).collect()
    }

    /// The message that says this; `None` where there is none.
    #[must_use]
    pub fn say(&self, message: &ServerMessage) -> Option<Said> {
        let line = self.line(Kind::of(message)?)?;
        self.say_with(line, message)
    }

    fn line(&self, kind: Kind) -> Option<&Line> {
        let mut lines = self.lines.iter();
        lines.find(|(of, _)| *of == kind).map(|(_, line)| line)
    }

    fn say_with(&self, line: &Line, message: &ServerMessage) -> Option<Said> {
        let said = match message {
            ServerMessage::Audio(pcm) => {
                let coded = self.described.receiving.encode(pcm);
                line.say(Content::Audio(&coded))
            }
            ServerMessage::Transcript { text, .. }
            | ServerMessage::Text(text)
            | ServerMessage::Error(text)
            | ServerMessage::Refused(text) => line.say(Content::Text(text)),
            _ => line.say(Content::None),
        };
        said.ok()
    }

    /// What says this kind of message and nothing else, or beside it what other rules make of it.
    fn line_for(&self, kind: Kind) -> Option<Line> {
        let is_it = |line: &Line, reply: &Reply| kind.is(reply, line.has_place());
        let alone = self.drafts(kind).find(|line| {
            let heard = self.heard(line, kind);
            matches!(heard.as_slice(), [reply] if is_it(line, reply))
        });
        let beside_others = || {
            self.drafts(kind)
                .filter(|_| kind != Kind::Interim)
                .find(|line| {
                    let heard = self.heard(line, kind);
                    heard.iter().any(|reply| is_it(line, reply))
                })
        };
        alone.or_else(beside_others)
    }

    /// What says a final part of an utterance, which ends with its turn.
    fn line_in_parts(&self) -> Option<Line> {
        self.drafts(Kind::Final).find(|line| {
            let heard = self.heard(line, Kind::Final);
            matches!(heard.as_slice(), [reply] if Kind::Interim.is(reply, line.has_place()))
        })
    }

    fn drafts(&self, kind: Kind) -> impl Iterator<Item = Line> {
        let rules = self.described.rules.iter();
        let about = rules.filter(move |rule| kind.may_be(rule.then));
        about.filter_map(move |rule| Line::draft(kind, rule, &self.described.reader))
    }

    /// What the description understands of a sample.
    fn heard(&self, line: &Line, kind: Kind) -> Vec<Reply> {
        let Some(said) = self.say_with(line, &kind.sample()) else {
            return Vec::new();
        };
        let vars = vec![String::new(); self.described.vars().len()];
        let mut session = Session::new(Arc::clone(&self.described), vars);
        let mut heard = Vec::new();
        let decoded = session.decode(&Bytes::from(said), &mut |reply| heard.push(reply));
        match decoded {
            Ok(()) => heard,
            Err(_) => Vec::new(),
        }
    }
}
