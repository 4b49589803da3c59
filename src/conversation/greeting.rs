//! What a server says before the caller's first speech; it belongs to no turn.

use super::message::{MessageKind, ServerMessage};
use super::playout::Playout;

/// A greeting, as far as it has come.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Its first message.
    pub start_ns: i64,
    /// Its last message.
    pub end_ns: i64,
    /// Whether the server has said that it is over.
    pub is_over: bool,
    playout: Playout,
}

impl Greeting {
    /// Takes in a message that belongs to no utterance and came before any began; `silent` is a caller
    /// who has heard nothing. The instants are those of its arrival and of when audio of it plays.
    pub fn note(
        greeting: &mut Option<Greeting>,
        [at_ns, plays_ns]: [i64; 2],
        message: &ServerMessage,
        silent: impl Fn() -> Playout,
    ) {
        let kind = message.kind();
        if greeting.is_none() && !kind.is_answer() {
            return;
        }
        let greeting = greeting.get_or_insert_with(|| Greeting {
            start_ns: at_ns,
            end_ns: at_ns,
            is_over: false,
            playout: silent(),
        });
        if let ServerMessage::Audio(pcm) = message {
            greeting.playout.audio(plays_ns, pcm);
        }
        if kind.is_answer() || kind == MessageKind::TurnEnded {
            greeting.end_ns = at_ns;
            greeting.is_over = kind == MessageKind::TurnEnded;
        }
    }

    /// What is playing of it is thrown away; returns how much that is, if anything was playing.
    pub fn clear(&mut self, at_ns: i64) -> Option<i64> {
        self.playout.clear(at_ns)
    }

    /// When the caller has heard it; `None` while it goes on.
    #[must_use]
    pub fn heard_ns(&self) -> Option<i64> {
        let heard_ns = self.playout.end_ns.unwrap_or(self.end_ns);
        self.is_over.then(|| heard_ns.max(self.end_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::audible::Threshold;
    use crate::units::SampleRate;

    #[test]
    fn a_greeting_is_heard_when_its_audio_was_played() {
        let mut greeting = None;
        let silent = || Playout::new(SampleRate(8_000), 60, Threshold::default());
        let mut note = |at_ns, message| Greeting::note(&mut greeting, [at_ns; 2], &message, silent);
        note(1, ServerMessage::Ready);
        note(2, ServerMessage::TurnEnded);
        note(5, ServerMessage::Speaking);
        note(10, ServerMessage::Audio(vec![1; 160].into()));
        note(20, ServerMessage::TurnEnded);
        let greeting = greeting.unwrap();
        assert_eq!((greeting.start_ns, greeting.end_ns), (5, 20));
        assert_eq!(greeting.heard_ns(), Some(10 + 60 + 10_000_000));
    }

    #[test]
    fn one_that_goes_on_is_not_heard() {
        let mut greeting = None;
        let silent = || Playout::new(SampleRate(8_000), 60, Threshold::default());
        Greeting::note(
            &mut greeting,
            [5; 2],
            &ServerMessage::Text("hi".into()),
            silent,
        );
        assert_eq!(greeting.as_ref().unwrap().heard_ns(), None);
        Greeting::note(&mut greeting, [9; 2], &ServerMessage::TurnEnded, silent);
        assert_eq!(greeting.unwrap().heard_ns(), Some(9));
    }
}
