//! Whose answer each message of the server is, and until when the caller heard it: by the rule of
//! replays (`conversation::attribution`), applied to what was recorded.

use std::collections::BTreeMap;

use super::call::{RecordedCall, Reply};
use crate::conversation::attribution::{Attribution, Owner};
use crate::conversation::message::MessageKind;
use crate::trace::model::ReplyKind;
use crate::units::{NS_PER_MS, SampleRate, Samples};

/// How long a caller's device waits after the first audio of an answer before it plays.
const PLAYOUT_BUFFER_NS: i64 = 60 * NS_PER_MS;

/// An utterance, as far as its answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoken {
    /// When its first message was sent.
    pub(super) begun_ns: i64,
    /// When all its speech had been sent.
    pub(super) whole_ns: i64,
    /// Whether there is speech in it.
    pub(super) expects_answer: bool,
}

/// The utterance that each reply of `call` belongs to; `None` for those before the first one, for
/// noise between turns, and for a LISTENING that ends no server turn. What was sent at the instant
/// of a reply had been sent before it.
pub(super) fn owners(call: &RecordedCall, spoken: &[Spoken]) -> Vec<Option<usize>> {
    let mut attribution = Attribution::new(spoken.iter().map(|spoken| spoken.expects_answer));
    let sent = spoken.iter().enumerate().flat_map(|(turn, spoken)| {
        let begun: (i64, usize, Sent) = (spoken.begun_ns, turn, Attribution::begun);
        [begun, (spoken.whole_ns, turn, Attribution::sent_whole)]
    });
    let mut sent = sent.peekable();
    let mut owners = vec![None; call.replies.len()];
    // Transcripts whose owner is not known yet, each with the utterance that had begun last.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (number, reply) in call.replies.iter().enumerate() {
        while let Some((_, turn, sent)) = sent.next_if(|(at_ns, ..)| *at_ns <= reply.at_ns) {
            sent(&mut attribution, turn);
        }
        let Some(kind) = message_kind(reply.kind) else {
            owners[number] = attribution.latest_begun();
            continue;
        };
        match attribution.message(kind) {
            Owner::Nobody => {}
            Owner::Open => open.extend(attribution.latest_begun().map(|latest| (number, latest))),
            Owner::Of(turn) => owners[number] = Some(turn),
            Owner::Settles(turn) => {
                owners[number] = Some(turn);
                for (number, _) in open.drain(..).filter(|(_, latest)| *latest >= turn) {
                    owners[number] = Some(turn);
                }
            }
        }
    }
    for (number, latest) in open {
        owners[number] = Some(latest).filter(|latest| attribution.is_unanswered(*latest));
    }
    owners
}

/// What has been sent of an utterance.
type Sent = fn(&mut Attribution, usize);

/// What a reply is in a conversation; the stream's status is none.
fn message_kind(kind: ReplyKind) -> Option<MessageKind> {
    Some(match kind {
        ReplyKind::Transcript => MessageKind::Transcript,
        ReplyKind::Processing => MessageKind::Processing,
        ReplyKind::LlmText => MessageKind::Text,
        ReplyKind::Speaking => MessageKind::Speaking,
        ReplyKind::Audio => MessageKind::Audio,
        ReplyKind::Listening => MessageKind::TurnEnded,
        ReplyKind::EndOfTurn => MessageKind::Done,
        ReplyKind::Error => MessageKind::Error,
        ReplyKind::Status => return None,
    })
}

/// The utterance that each reply of `call` stands with: its own, or else the one that had begun
/// last.
pub(super) fn beside(
    call: &RecordedCall,
    spoken: &[Spoken],
    owners: &[Option<usize>],
) -> Vec<usize> {
    let beside = |(reply, owner): (&Reply, &Option<usize>)| {
        let begun = spoken.partition_point(|spoken| spoken.begun_ns <= reply.at_ns);
        owner.unwrap_or(begun.saturating_sub(1))
    };
    call.replies.iter().zip(owners).map(beside).collect()
}

/// When the caller had heard the answer to each utterance to its end, by the utterance's number;
/// those that no audio answers are missing.
pub(super) fn heard_ends(call: &RecordedCall, owners: &[Option<usize>]) -> BTreeMap<usize, i64> {
    let mut ends = BTreeMap::new();
    for (reply, owner) in call.replies.iter().zip(owners) {
        if reply.kind == ReplyKind::Audio
            && let Some(owner) = owner
        {
            let end_ns = play(ends.get(owner).copied(), reply, call.rate);
            ends.insert(*owner, end_ns);
        }
    }
    ends
}

/// When audio has been played, if what came before it ends at `end_ns`.
fn play(end_ns: Option<i64>, reply: &Reply, rate: SampleRate) -> i64 {
    let start_ns = match end_ns {
        None => reply.at_ns + PLAYOUT_BUFFER_NS,
        Some(end_ns) => end_ns.max(reply.at_ns),
    };
    start_ns + Samples(u64::from(reply.bytes / 2)).duration_ns(rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::journal::JournalKind::*;
    use crate::trace::recorded::tests::{CHUNK_NS, Script};

    /// Utterances that began with one chunk and ended with another.
    fn spoken(chunks: &[(i64, i64)]) -> Vec<Spoken> {
        let spoken = |(first, last): &(i64, i64)| Spoken {
            begun_ns: first * CHUNK_NS,
            whole_ns: last * CHUNK_NS,
            expects_answer: true,
        };
        chunks.iter().map(spoken).collect()
    }

    #[test]
    fn an_answer_belongs_to_the_first_utterance_that_has_none() {
        let mut script = Script::new();
        script.reply(Listening, 0).reply(ReplyAudio, 640);
        script.speech(10).reply(Transcript, 1);
        script.speech(10).reply(Transcript, 1);
        for kind in [Processing, ReplyAudio, Listening, Processing, Listening] {
            script.reply(kind, 640);
        }
        script.speech(10).reply(LlmText, 1).reply(EndOfTurn, 0);
        let owners = owners(&script.call(), &spoken(&[(1, 10), (11, 20), (22, 31)]));
        let expected = [&[None; 2][..], &[Some(0); 5], &[Some(1); 2], &[Some(2); 2]].concat();
        assert_eq!(owners, expected);
    }

    #[test]
    fn what_is_transcribed_during_an_answer_belongs_to_the_next_one() {
        let mut script = Script::new();
        script
            .speech(10)
            .processing()
            .speech(10)
            .reply(Transcript, 1);
        script
            .reply(ReplyAudio, 640)
            .reply(Listening, 0)
            .reply(Transcript, 1);
        let owners = owners(&script.call(), &spoken(&[(1, 10), (12, 21)]));
        let expected = [0, 1, 0, 0, 1].map(Some);
        assert_eq!(owners, expected);
    }

    #[test]
    fn noise_between_utterances_is_nobodys_and_stands_with_the_one_before() {
        let mut script = Script::new();
        script.reply(Listening, 0).speech(10).processing();
        script.reply(ReplyAudio, 640).reply(Listening, 0);
        script.reply(Transcript, 3).speech(10).reply(Transcript, 1);
        script.processing().reply(ReplyAudio, 640);
        script.reply(Listening, 0).reply(Transcript, 3);
        let (call, spoken) = (script.call(), spoken(&[(1, 10), (11, 20)]));
        let owners = owners(&call, &spoken);
        let expected = [&[None][..], &[Some(0); 3], &[None], &[Some(1); 4], &[None]];
        assert_eq!(owners, expected.concat());
        let expected = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
        assert_eq!(beside(&call, &spoken, &owners), expected);
    }

    #[test]
    fn replies_of_one_instant_come_in_their_order_and_after_what_was_sent_then() {
        let mut script = Script::new();
        script.speech(10).reply(Transcript, 1);
        for kind in [Processing, ReplyAudio, Listening, Transcript, Processing] {
            script.reply(kind, 0);
        }
        let mut call = script.call();
        let sent_ns = 10 * CHUNK_NS;
        call.replies
            .iter_mut()
            .for_each(|reply| reply.at_ns = sent_ns);
        let owners = owners(&call, &spoken(&[(1, 10)]));
        assert_eq!(owners, [Some(0); 6]);
    }

    #[test]
    fn an_utterance_without_speech_is_passed_over() {
        let mut script = Script::new();
        script.speech(10).reply(ReplyAudio, 640).reply(Error, 0);
        let mut spoken = spoken(&[(1, 4), (5, 9)]);
        spoken[0].expects_answer = false;
        assert_eq!(owners(&script.call(), &spoken), [Some(1); 2]);
    }

    #[test]
    fn an_answer_is_heard_from_its_first_audio_at_its_own_rate() {
        let mut script = Script::new();
        script.speech(5);
        let start_ns = 5 * CHUNK_NS + NS_PER_MS + PLAYOUT_BUFFER_NS;
        for _ in 0..10 {
            script.reply(ReplyAudio, 3_200);
        }
        let end_ns = |script: &Script| {
            let call = script.call();
            heard_ends(&call, &owners(&call, &spoken(&[(1, 5)]))).remove(&0)
        };
        assert_eq!(end_ns(&script), Some(start_ns + 1000 * NS_PER_MS));
        script.nothing(500).reply(ReplyAudio, 3_200);
        let late_ns = 505 * CHUNK_NS + 21 * NS_PER_MS;
        assert_eq!(
            end_ns(&script),
            Some(late_ns + 100 * NS_PER_MS),
            "played as it comes"
        );
    }
}
