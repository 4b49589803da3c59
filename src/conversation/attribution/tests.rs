//! Sessions whose messages can tell whose answer each is, and sessions whose messages cannot.

mod by_the_clock;
mod waiting;

use super::*;

/// What happens in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begins(usize),
    IsWhole(usize),
    Says(MessageKind),
}

use Step::{Begins, IsWhole, Says};

/// A session as it is attributed.
struct Session {
    attribution: Attribution,
    /// The owner of each message so far.
    owners: Vec<Option<usize>>,
    /// Messages whose owner is open, and the utterance that had begun last.
    open: Vec<(usize, usize)>,
}

impl Session {
    fn new(expects_answer: &[bool]) -> Session {
        Session {
            attribution: Attribution::new(expects_answer.iter().copied()),
            owners: Vec::new(),
            open: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let number = self.owners.len();
        match step {
            Begins(turn) => self.attribution.begun(turn),
            IsWhole(turn) => self.attribution.sent_whole(turn),
            Says(kind) => {
                let owner = self.attribution.message(kind);
                if let (Owner::Open, Some(latest)) = (owner, self.attribution.latest_begun()) {
                    self.open.push((number, latest));
                }
                self.owners.push(match owner {
                    Owner::Of(turn) | Owner::Settles(turn) => Some(turn),
                    Owner::Nobody | Owner::Open => None,
                });
                if let Owner::Settles(turn) = owner {
                    for (number, _) in self.open.drain(..).filter(|(_, latest)| *latest >= turn) {
                        self.owners[number] = Some(turn);
                    }
                }
            }
        }
    }

    fn uncertain(&self) -> Vec<usize> {
        let turns = 0..self.attribution.utterances.len();
        turns
            .filter(|turn| self.attribution.is_uncertain(*turn))
            .collect()
    }
}

/// Runs a session in words: `(1` begins utterance 1 and `1)` ends it, `t`ranscript, `P`ROCESSING,
/// te`x`t, `S`PEAKING, `a`udio, `L`ISTENING, `D`one (END_OF_TURN), `E`RROR. Returns the owner of each
/// message (`-` for none), and the utterances whose answers are uncertain.
fn run(script: &str, silent: &[usize]) -> (String, Vec<usize>) {
    let expects: Vec<bool> = (0..4).map(|turn| !silent.contains(&turn)).collect();
    let mut session = Session::new(&expects);
    for word in script.split_whitespace() {
        session.step(match (word.strip_prefix('('), word.strip_suffix(')')) {
            (Some(turn), _) => Begins(turn.parse().unwrap()),
            (_, Some(turn)) => IsWhole(turn.parse().unwrap()),
            _ => Says(match word {
                "t" => MessageKind::Transcript,
                "P" => MessageKind::Processing,
                "x" => MessageKind::Text,
                "S" => MessageKind::Speaking,
                "a" => MessageKind::Audio,
                "L" => MessageKind::TurnEnded,
                "D" => MessageKind::Done,
                "E" => MessageKind::Error,
                "?" => MessageKind::Unknown,
                other => panic!("{other}"),
            }),
        });
    }
    let letter = |owner: &Option<usize>| owner.map_or("-".to_owned(), |turn| turn.to_string());
    (
        session.owners.iter().map(letter).collect(),
        session.uncertain(),
    )
}

#[test]
fn the_order_of_things_says_whose_each_message_is() {
    for (what, script, owners, uncertain) in [
        (
            "one after another",
            "L (0 t 0) t P x S a L (1 t 1) t P x S a L D",
            "-0000000 1111111 1",
            &[][..],
        ),
        (
            "noise between turns",
            "(0 0) t P a L t t (1 t 1) t P a L",
            "0000 -- 11111",
            &[],
        ),
        ("noise before all", "t (0 0) t P a L", "- 0000", &[]),
        ("noise after all", "(0 0) t P a L t", "0000 -", &[]),
        (
            "noise inside an answer",
            "(0 0) P t a t L (1 1) t P a L",
            "0-0-0 1111",
            &[],
        ),
        (
            "cut off in the first turn",
            "(0 t P a L 0) t P a L (1 1) P a L",
            "0000 0000 111",
            &[],
        ),
        (
            "cut off later",
            "(0 0) P a L (1 t P a L 1) t P a L",
            "000 1111 1111",
            &[1],
        ),
        (
            "answered twice",
            "(0 0) t P a L t P a L (1 1) t P a L",
            "0000 0000 1111",
            &[],
        ),
        (
            "answered twice, too late to tell",
            "(0 0) P a L (1 P a L 1) P a L",
            "000 111 111",
            &[1],
        ),
        (
            "answered twice in a row, perhaps",
            "(0 0) P a (1 1) a L P a L",
            "00 00 111",
            &[1],
        ),
        ("two wait", "(0 0) (1 1) P a L P a L", "000 111", &[0, 1]),
        (
            "a turn is dropped",
            "(0 0) P a L (1 t 1) (2 t 2) P a L (3 3) P a L",
            "000 11 111 222",
            &[1, 2, 3],
        ),
        (
            "a turn is dropped, one is cut off",
            "(0 0) (1 1) P a L (2 P a L 2) P a L",
            "000 111 222",
            &[0, 1, 2],
        ),
        (
            "dropped with LISTENING",
            "(0 t 0) t L (1 1) t P a L",
            "000 1111",
            &[],
        ),
        (
            "LISTENING late, no drop",
            "(0 t 0) L t P a L (1 1) P a L",
            "00 0000 111",
            &[],
        ),
        (
            "dropped with LISTENING, or slow",
            "(0 0) t L (1 P a L 1) t P a L",
            "00 000 1111",
            &[0, 1],
        ),
        (
            "PROCESSING and no answer",
            "(0 0) P L (1 1) P a L",
            "00 111",
            &[],
        ),
        (
            "spoken into",
            "(0 0) P a (1 t L t 1) P a L",
            "00 10 1 111",
            &[],
        ),
        (
            "LISTENING missing",
            "(0 0) P a (1 t 1) t P a L",
            "00 1 1111",
            &[0, 1],
        ),
        (
            "LISTENING missing, nobody waits",
            "(0 0) P a P a L",
            "00000",
            &[],
        ),
        (
            "LISTENING twice",
            "(0 0) P a L L (1 t L 1) t P a L",
            "000- 1- 1111",
            &[],
        ),
        (
            "PROCESSING twice",
            "(0 0) P P a L (1 1) P P a L",
            "0000 1111",
            &[],
        ),
        (
            "PROCESSING, and then the next",
            "(0 0) P (1 t 1) P a L",
            "0 1 111",
            &[0, 1],
        ),
        (
            "an error and no more",
            "(0 0) t E (1 1) P a L",
            "00 111",
            &[],
        ),
        (
            "an error in an answer",
            "(0 0) P a E (1 1) P a L",
            "000 111",
            &[],
        ),
        (
            "an error, then LISTENING",
            "(0 0) P E L (1 1) P a L",
            "000 111",
            &[],
        ),
        (
            "an error, and all the same",
            "(0 0) t E t P a L (1 1) P a L",
            "00 0000 111",
            &[],
        ),
        (
            "an error of one of two",
            "(0 0) (1 1) E L P a L",
            "00 111",
            &[0, 1],
        ),
        (
            "an error while it speaks",
            "(0 E 0) P a L (1 1) P a L",
            "0 000 111",
            &[],
        ),
        ("refused", "E (0 0) P a L", "0 000", &[]),
        (
            "END_OF_TURN for LISTENING",
            "(0 0) P a D (1 1) P a D",
            "000 111",
            &[],
        ),
        (
            "END_OF_TURN and LISTENING",
            "(0 0) P a D L (1 1) P a D L",
            "0000 1111",
            &[],
        ),
        (
            "END_OF_TURN too soon",
            "(0 0) P a D a L (1 1) P a L",
            "00000 111",
            &[],
        ),
        ("a greeting", "P a L (0 0) P a L", "--- 000", &[]),
        ("what is not known", "? (0 0) ? P ? L ?", "- - 0 0 0 -", &[]),
    ] {
        let (found, marked) = run(script, &[]);
        assert_eq!(found, owners.replace(' ', ""), "{what}: {script}");
        assert_eq!(marked, uncertain, "{what}: {script}");
    }
}

#[test]
fn utterances_without_speech_are_passed_over() {
    let (owners, uncertain) = run("(0 0) (1 1) t P a L", &[0]);
    assert_eq!((owners.as_str(), uncertain), ("1111", vec![]));
    let (owners, uncertain) = run("(0 t 0) (1 t", &[0, 1]);
    assert_eq!((owners.as_str(), uncertain), ("--", vec![]));
    // What nobody expected may answer the silence, or be a second answer to what was said.
    let (owners, uncertain) = run("(0 0) P a L (1 1) P a L", &[1]);
    assert_eq!((owners.as_str(), uncertain), ("000111", vec![1]));
}

#[test]
fn an_utterance_is_cut_off_until_what_is_left_of_it_is_answered() {
    let mut session = Session::new(&[true]);
    session.step(Begins(0));
    assert!(!session.attribution.is_cut_off(0));
    for (step, is_cut_off) in [
        (Says(MessageKind::Processing), true),
        (IsWhole(0), true),
        (Says(MessageKind::Audio), true),
        (Says(MessageKind::TurnEnded), true),
        (Says(MessageKind::Processing), false),
    ] {
        session.step(step);
        assert_eq!(session.attribution.is_cut_off(0), is_cut_off, "{step:?}");
    }
}

#[test]
fn a_transcript_is_no_answer() {
    let mut session = Session::new(&[true, true]);
    let steps = [Begins(0), IsWhole(0), Says(MessageKind::Transcript)];
    steps.into_iter().for_each(|step| session.step(step));
    assert!(!session.attribution.is_being_answered(0));
    session.step(Says(MessageKind::Processing));
    assert!(session.attribution.is_being_answered(0));
    session.step(Says(MessageKind::Transcript));
    session.step(Says(MessageKind::TurnEnded));
    assert!(!session.attribution.is_being_answered(0));
    assert!(!session.attribution.is_being_answered(1));
}
