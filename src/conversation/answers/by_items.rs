//! Conversations with a server that names what its messages are about, whose truth is known: whatever the order
//! in which they come, each utterance has its own transcripts and answers.

use proptest::prelude::*;

use super::*;
use crate::conversation::audible::Threshold;
use crate::conversation::message::{ItemFact, ItemId};
use crate::units::NS_PER_MS;
use crate::units::SampleRate;

const MS: i64 = NS_PER_MS;
/// Each utterance takes a second, with half a second of silence after it.
const SPOKEN_MS: i64 = 1_000;
const SILENT_MS: i64 = 500;

/// How one utterance is heard and answered.
#[derive(Debug, Clone)]
struct Heard {
    /// A pause splits it into so many items.
    parts: usize,
    /// Of each part, how many messages after its end the final transcript comes; it comes twice where it is even.
    transcript_after: Vec<usize>,
    /// The answer to a part that is not the last is cancelled by the next.
    answers_early: bool,
    /// It has an answer at all.
    is_answered: bool,
    /// The server says that it has ended.
    ends: bool,
}

fn heard() -> impl Strategy<Value = Heard> {
    let after = prop::collection::vec(0_usize..40, 3);
    (
        1_usize..=3,
        after,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(parts, transcript_after, answers_early, is_answered, ends)| Heard {
                parts,
                transcript_after,
                answers_early,
                is_answered,
                ends,
            },
        )
}

/// One message or thing that is sent, in order.
#[derive(Debug, Clone)]
enum Step {
    Speaks(usize, i64),
    Whole(usize),
    Silent(i64),
    Says(Reply),
}

fn about(item: usize, fact: Option<ItemFact>, what: ServerMessage) -> Step {
    let item = ItemId(item as u32);
    Step::Says(Reply {
        what,
        about: Some(About { item, fact }),
        kind: "",
        detail: String::new(),
    })
}

fn text(utterance: usize, part: usize) -> String {
    format!("u{utterance}p{part}")
}

/// All that happens, as each utterance is heard; with what the server says first, if it greets.
fn steps(all: &[Heard], greets: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut late: Vec<(usize, Step)> = Vec::new();
    let mut items = 0;
    let mut name = || {
        items += 1;
        items - 1
    };
    if greets {
        let greeting = name();
        steps.push(about(greeting, None, ServerMessage::Text("welcome".into())));
        steps.push(about(greeting, None, ServerMessage::TurnEnded));
    }
    let mut sent_ms = 0;
    for (utterance, heard) in all.iter().enumerate() {
        let part_ms = SPOKEN_MS / heard.parts as i64;
        let mut answer = None;
        for part in 0..heard.parts {
            let is_last = part + 1 == heard.parts;
            steps.push(Step::Speaks(utterance, part_ms));
            if is_last {
                steps.push(Step::Whole(utterance));
            }
            let item = name();
            let from = ItemFact::From(sent_ms + part as i64 * part_ms - 100);
            steps.push(about(item, Some(from), ServerMessage::Cleared));
            if let Some(cancelled) = answer.take() {
                steps.push(about(cancelled, None, ServerMessage::TurnEnded));
            }
            let until = ItemFact::Until(sent_ms + (part as i64 + 1) * part_ms - 50);
            steps.push(about(item, Some(until), ServerMessage::Processing));
            let said = ServerMessage::Transcript {
                text: text(utterance, part),
                is_final: Some(true),
            };
            let after = heard.transcript_after[part];
            let transcript = about(item, None, said);
            late.push((steps.len() + after, transcript.clone()));
            if after.is_multiple_of(2) {
                late.push((steps.len() + after, transcript));
            }
            if heard.is_answered && (is_last || heard.answers_early) {
                let response = name();
                let follows = Some(ItemFact::Follows(ItemId(item as u32)));
                let said = ServerMessage::Text(text(utterance, part));
                steps.push(about(response, follows, said));
                answer = Some(response);
            }
        }
        steps.push(Step::Silent(SILENT_MS));
        if let Some(answer) = answer.filter(|_| heard.ends) {
            steps.push(about(answer, None, ServerMessage::TurnEnded));
        }
        sent_ms += SPOKEN_MS / heard.parts as i64 * heard.parts as i64 + SILENT_MS;
    }
    // The latest first, so that the places of the others stay.
    late.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    for (place, transcript) in late {
        steps.insert(place.min(steps.len()), transcript);
    }
    steps
}

fn hold(all: &[Heard], greets: bool) -> Answers {
    let expects = vec![true; all.len()];
    let answers = Answers::new(
        &expects,
        Playout::new(SampleRate::PREPARED, 0, Threshold::default()),
    );
    let mut session = answers.of_server(true, AnsweredBy::AudioOrText);
    for (at_ns, step) in (0..).zip(steps(all, greets)) {
        match step {
            Step::Speaks(utterance, ms) => {
                if !session.has_begun(utterance) {
                    session.begun(utterance);
                }
                session.sent(Some(utterance), ms * MS);
            }
            Step::Whole(utterance) => session.sent_whole(utterance),
            Step::Silent(ms) => session.sent(None, ms * MS),
            Step::Says(reply) => {
                session.message(at_ns, &reply);
            }
        }
    }
    session.finish();
    session
}

proptest! {
    #[test]
    fn every_utterance_has_its_own_transcripts_and_answers(
        all in prop::collection::vec(heard(), 1..6),
        greets in any::<bool>(),
    ) {
        let mut session = hold(&all, greets);
        prop_assert_eq!(session.greeting().is_some(), greets);
        for (utterance, heard) in all.iter().enumerate() {
            prop_assert!(!session.is_transcript_due(utterance));
            let answer = session.take(utterance).unwrap();
            let parts: Vec<_> = (0..heard.parts).map(|part| text(utterance, part)).collect();
            let said = answer.final_transcript().map(|(_, said)| said.to_owned());
            prop_assert_eq!(said, Some(parts.join(" ")));
            let answered: String = match (heard.is_answered, heard.answers_early) {
                (false, _) => String::new(),
                (true, true) => parts.concat(),
                (true, false) => parts[heard.parts - 1].clone(),
            };
            prop_assert_eq!(&answer.response_text, &answered);
            let ended = heard.is_answered && (heard.ends || heard.answers_early && heard.parts > 1);
            prop_assert_eq!(answer.listening_ns.is_some(), ended);
            prop_assert!(!answer.owner_uncertain);
        }
    }
}

#[test]
fn what_is_taken_for_speech_between_utterances_is_nobodys() {
    let heard = Heard {
        parts: 1,
        transcript_after: vec![0; 3],
        answers_early: false,
        is_answered: true,
        ends: true,
    };
    let mut session = hold(&[heard.clone(), heard], false);
    let noise = [
        about(90, Some(ItemFact::From(1_100)), ServerMessage::Cleared),
        about(90, Some(ItemFact::Until(1_300)), ServerMessage::Processing),
        about(
            90,
            None,
            ServerMessage::Transcript {
                text: "uh".into(),
                is_final: Some(true),
            },
        ),
        about(
            91,
            Some(ItemFact::Follows(ItemId(90))),
            ServerMessage::Text("what?".into()),
        ),
    ];
    let noise = noise.into_iter().filter_map(|step| match step {
        Step::Says(reply) => Some(session.message(1_000, &reply)),
        _ => None,
    });
    // Until its end is known, it may go on into what was sent since.
    assert_eq!(noise.collect::<Vec<_>>()[1..], [Owner::Nobody; 3]);
    for turn in 0..2 {
        assert_eq!(session.of(turn).unwrap().response_text, text(turn, 0));
    }
}
