//! What is said: a caller's words as recognised, an agent's sentences as generated. Synthetic, seeded.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use crate::units::NS_PER_MS;

/// One recognised word for so much audio of an utterance.
const WORD_NS: i64 = 350 * NS_PER_MS;

/// One answer in so many breaks off without a full stop, as a token limit does it.
const BREAKS_OFF: u32 = 12;

const CALLER: &str = "hello i am calling about the order i placed last week it was meant to come \
    on monday and nobody has told me where it is now could you please look it up for me and also \
    change the address on my account because i have moved since then thank you very much";

/// What a recogniser makes of noise.
const NOISES: &[&str] = &["uh", "mhm", "the", "hm yeah", "so the"];

const OPENINGS: &[&str] = &[
    "Thank you for calling.",
    "Of course.",
    "I can help with that.",
    "One moment, please.",
    "Sure, let me check.",
    "Thanks for waiting.",
];

const SENTENCES: &[&str] = &[
    "Your order left our warehouse this morning and should reach you tomorrow.",
    "I have sent a confirmation to the address on your account.",
    "The next free appointment is on Thursday at half past ten.",
    "There is no charge for the change.",
    "Your balance is forty two pounds and sixteen pence.",
    "I have made a note of it for the colleague who will call you back.",
    "Please keep the reference number, in case you need to call again.",
    "Is there anything else I can do for you today?",
];

/// The words of one utterance, told as they are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transcript {
    first_word: usize,
}

impl Transcript {
    /// An utterance that starts at a word of the generator's choice.
    pub(super) fn draw(rng: &mut impl Rng) -> Transcript {
        let first_word = rng.random_range(0..CALLER.split(' ').count());
        Transcript { first_word }
    }

    /// What has been understood after `heard_ns` of the utterance; grows with it, has a word at least.
    #[must_use]
    pub(super) fn after(&self, heard_ns: i64) -> String {
        let words = usize::try_from(heard_ns / WORD_NS).unwrap_or(0).max(1);
        let said = CALLER.split(' ').cycle().skip(self.first_word).take(words);
        said.collect::<Vec<_>>().join(" ")
    }

    /// [`Transcript::after`] as an interim one, which ends in `...`.
    #[must_use]
    pub(super) fn interim(&self, heard_ns: i64) -> String {
        format!("{}...", self.after(heard_ns))
    }
}

/// The sentences of one answer: a short opening, then one or two more.
pub(super) fn draw_answer(rng: &mut impl Rng) -> Vec<String> {
    let opening = OPENINGS.choose(rng).copied().unwrap_or_default();
    let wanted = rng.random_range(1..=2);
    let more = SENTENCES.sample(rng, wanted);
    let mut sentences: Vec<String> = [opening]
        .iter()
        .chain(more)
        .map(|&s| s.to_owned())
        .collect();
    if rng.random_ratio(1, BREAKS_OFF)
        && let Some(last) = sentences.last_mut()
    {
        last.pop();
    }
    sentences
}

/// An interim transcript of noise, which nobody said.
pub(super) fn draw_noise(rng: &mut impl Rng) -> String {
    let words = NOISES.choose(rng).copied().unwrap_or_default();
    format!("{words}...")
}

/// Whether `sentence` ends as one; an unpunctuated tail does not.
#[must_use]
pub(super) fn is_punctuated(sentence: &str) -> bool {
    sentence.ends_with(['.', '?', '!'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NS_PER_S;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_transcript_grows_word_by_word() {
        let transcript = Transcript::draw(&mut ChaCha8Rng::seed_from_u64(3));
        let long = transcript.after(30 * NS_PER_S);
        assert_eq!(long.split(' ').count(), 85);
        for heard_ns in [0, NS_PER_S, 7 * NS_PER_S] {
            assert!(long.starts_with(&transcript.after(heard_ns)));
        }
        assert_eq!(transcript.after(-1).split(' ').count(), 1);
        assert!(transcript.interim(NS_PER_S).ends_with("..."));
    }

    #[test]
    fn most_answers_are_whole_sentences_and_some_break_off() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let answers: Vec<_> = (0..1_200).map(|_| draw_answer(&mut rng)).collect();
        let broken = answers
            .iter()
            .filter(|answer| !answer.iter().all(|sentence| is_punctuated(sentence)))
            .count();
        assert!((60..150).contains(&broken), "{broken} of 1200");
        assert!(answers.iter().all(|answer| (2..=3).contains(&answer.len())));
        assert!(answers.iter().flatten().all(|sentence| sentence.len() < 80));
    }
}
