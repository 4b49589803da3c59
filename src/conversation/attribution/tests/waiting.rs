//! Callers who wait for their answers, by property.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Step::{self, Begins, IsWhole, Says};
use super::{MessageKind, Session};

/// How a turn of a caller who waits is answered, noise left out.
#[derive(Debug, Clone)]
struct Told {
    /// Transcripts while it is said, and before its answer begins.
    transcripts: (usize, usize),
    /// It begins with PROCESSING.
    processing: bool,
    /// It is answered twice.
    twice: bool,
    /// There is no answer, and LISTENING says so.
    dropped: bool,
    ends_with_done: bool,
    /// Noise in each place where there may be some.
    noise: Vec<usize>,
}

fn told() -> impl Strategy<Value = Told> {
    let twice_or_dropped = prop_oneof![
        4 => Just((false, false)),
        1 => Just((true, false)),
        1 => Just((false, true)),
    ];
    (
        (0_usize..3, 0_usize..3),
        any::<bool>(),
        twice_or_dropped,
        prop::bool::weighted(0.1),
        vec(0_usize..4, 8),
    )
        .prop_map(
            |(transcripts, processing, (twice, dropped), ends_with_done, noise)| Told {
                transcripts,
                processing,
                twice,
                dropped,
                ends_with_done,
                noise,
            },
        )
}

/// The steps of a session, each message with whose it is.
#[derive(Debug, Default)]
struct Script {
    steps: Vec<(Step, Option<usize>)>,
}

impl Script {
    fn says(&mut self, kind: MessageKind, owner: Option<usize>) {
        self.steps.push((Says(kind), owner));
    }

    /// Noise is taken for what is being said, where something is.
    fn noise(&mut self, count: usize, owner: Option<usize>) {
        (0..count).for_each(|_| self.says(MessageKind::Transcript, owner));
    }

    /// An answer, the `last` one to the utterance or one before it.
    fn answer(&mut self, turn: usize, told: &Told, last: bool, noise: &mut impl FnMut() -> usize) {
        self.noise(told.transcripts.1, Some(turn));
        self.noise(noise(), Some(turn));
        if told.processing {
            self.says(MessageKind::Processing, Some(turn));
        }
        for kind in [MessageKind::Text, MessageKind::Speaking, MessageKind::Audio] {
            self.says(kind, Some(turn));
        }
        self.noise(noise(), (!last).then_some(turn));
        if told.ends_with_done {
            self.says(MessageKind::Done, Some(turn));
        }
        self.says(MessageKind::TurnEnded, Some(turn));
    }

    /// A caller who speaks when the answers to what was said before have ended.
    fn of_turns(turns: &[Told], cut_off: bool) -> Script {
        let mut script = Script::default();
        script.says(MessageKind::TurnEnded, None);
        for (turn, told) in turns.iter().enumerate() {
            let mut places = told.noise.iter().copied();
            let mut noise = || places.next().unwrap_or(0);
            script.noise(noise(), None);
            script.steps.push((Begins(turn), None));
            script.noise(noise() + told.transcripts.0, Some(turn));
            let is_early = cut_off && turn == 0;
            if is_early {
                script.answer(turn, told, false, &mut noise);
            }
            script.steps.push((IsWhole(turn), None));
            if told.twice {
                script.answer(turn, told, false, &mut noise);
            }
            match told.dropped && !is_early {
                true => {
                    script.says(MessageKind::Transcript, Some(turn));
                    script.says(MessageKind::TurnEnded, Some(turn));
                }
                false => script.answer(turn, told, true, &mut noise),
            }
        }
        script
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// A caller who waits for answers: whatever noise there is, and however often an utterance is
    /// answered, every message is found with its own utterance, and none is uncertain.
    #[test]
    fn a_caller_who_waits_has_each_answer_with_its_utterance(
        turns in vec(told(), 1..6),
        cut_off in any::<bool>(),
    ) {
        let script = Script::of_turns(&turns, cut_off);
        let mut session = Session::new(&vec![true; turns.len()]);
        script.steps.iter().for_each(|(step, _)| session.step(*step));
        let messages = script.steps.iter().filter(|(step, _)| matches!(step, Says(_)));
        let owners: Vec<_> = messages.map(|(_, owner)| *owner).collect();
        prop_assert_eq!(&session.owners, &owners);
        prop_assert!(session.uncertain().is_empty());
    }
}
