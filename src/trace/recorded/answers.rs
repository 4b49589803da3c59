//! Whose answer each message of the server is, and until when the caller heard it: by the rules of
//! replays (`wire::dialogue`), applied to what was recorded.

use std::collections::BTreeMap;

use super::call::{Call, Reply};
use crate::trace::model::ReplyKind;
use crate::units::{NS_PER_MS, SampleRate, Samples};

/// How long a caller's device waits after the first audio of an answer before it plays.
const PLAYOUT_BUFFER_NS: i64 = 60 * NS_PER_MS;

/// An utterance, as far as its answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoken {
    /// When its first message was sent.
    pub(super) begun_ns: i64,
    /// Whether there is speech in it.
    pub(super) expects_answer: bool,
}

/// The utterance that each reply of `call` belongs to; `None` for those before the first one, and
/// for a LISTENING that ends no server turn.
pub(super) fn owners(call: &Call, spoken: &[Spoken]) -> Vec<Option<usize>> {
    let mut dialogue = Dialogue {
        spoken,
        answers: vec![0; spoken.len()],
        current: None,
        is_answering: false,
        upcoming: None,
    };
    let replies = call.replies.iter();
    replies.map(|reply| dialogue.owner(reply)).collect()
}

/// When the caller had heard the answer to each utterance to its end, by the utterance's number;
/// those that no audio answers are missing.
pub(super) fn heard_ends(call: &Call, owners: &[Option<usize>]) -> BTreeMap<usize, i64> {
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

struct Dialogue<'a> {
    spoken: &'a [Spoken],
    /// Server turns of each utterance so far.
    answers: Vec<u32>,
    /// Whose server turn is under way.
    current: Option<usize>,
    /// Whether that server turn has gone on from transcripts to an answer.
    is_answering: bool,
    /// Whose transcripts came while the answer before them was under way.
    upcoming: Option<usize>,
}

impl Dialogue<'_> {
    fn owner(&mut self, reply: &Reply) -> Option<usize> {
        let at_ns = reply.at_ns;
        match reply.kind {
            ReplyKind::Listening => {
                let ended = self.current.take()?;
                self.is_answering = false;
                self.current = self.upcoming.take();
                Some(ended)
            }
            ReplyKind::EndOfTurn | ReplyKind::Status => self.latest_begun(at_ns),
            ReplyKind::Error => self.current.or_else(|| self.next_owner(at_ns)),
            ReplyKind::Transcript if self.is_answering => {
                self.upcoming = self.upcoming.or_else(|| self.begin(at_ns));
                self.upcoming
            }
            kind => {
                self.current = self.current.or_else(|| self.begin(at_ns));
                self.is_answering = self.current.is_some() && kind != ReplyKind::Transcript;
                self.current
            }
        }
    }

    /// A server turn begins.
    fn begin(&mut self, at_ns: i64) -> Option<usize> {
        let owner = self.next_owner(at_ns)?;
        self.answers[owner] += 1;
        Some(owner)
    }

    /// The utterance that a server turn which begins now belongs to: the first that has none yet,
    /// be it sent or the one being sent; else the latest.
    fn next_owner(&self, at_ns: i64) -> Option<usize> {
        let awaits =
            |&number: &usize| self.spoken[number].expects_answer && self.answers[number] == 0;
        let first = (0..self.begun(at_ns)).find(awaits);
        first.or_else(|| self.latest_begun(at_ns))
    }

    fn latest_begun(&self, at_ns: i64) -> Option<usize> {
        self.begun(at_ns).checked_sub(1)
    }

    /// How many utterances had begun.
    fn begun(&self, at_ns: i64) -> usize {
        self.spoken
            .partition_point(|spoken| spoken.begun_ns <= at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::journal::JournalKind::*;
    use crate::trace::recorded::tests::{CHUNK_NS, Script};

    /// Utterances that began after so many chunks.
    fn spoken(after: &[i64]) -> Vec<Spoken> {
        let spoken = |chunks: &i64| Spoken {
            begun_ns: chunks * CHUNK_NS,
            expects_answer: true,
        };
        after.iter().map(spoken).collect()
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
        let owners = owners(&script.call(), &spoken(&[1, 11, 22]));
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
        let owners = owners(&script.call(), &spoken(&[1, 12]));
        let expected = [0, 1, 0, 0, 1].map(Some);
        assert_eq!(owners, expected);
    }

    #[test]
    fn an_utterance_without_speech_is_passed_over() {
        let mut script = Script::new();
        script.speech(10).reply(ReplyAudio, 640).reply(Error, 0);
        let mut spoken = spoken(&[1, 5]);
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
            heard_ends(&call, &owners(&call, &spoken(&[1]))).remove(&0)
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
