//! Whose an item of the server's is: that of the utterance whose sent audio it covers, or of the item that it
//! follows.
//!
//! Positions are nanoseconds into the audio of the session, silence included, as servers count it: from the
//! first sample that was sent.

use super::message::{About, ItemFact, ItemId};
use crate::units::NS_PER_MS;

/// Items that are remembered: a session has a few a turn.
const MOST_ITEMS: usize = 16_384;
/// Items that may follow each other between an answer and the utterance that it answers.
const MOST_STEPS: usize = 64;

/// Whose an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This utterance's.
    Utterance(usize),
    /// No utterance's: noise that the server took for speech, or what it says by itself.
    Nobody,
    /// Nothing was said of it.
    Unknown,
}

/// The items of one session.
#[derive(Debug, Clone)]
pub struct Items {
    /// Audio that has been sent.
    sent_ns: i64,
    /// Where the audio of each utterance begins and ends, as far as it was sent.
    spans: Vec<Option<(i64, i64)>>,
    known: Vec<Item>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Item {
    from_ns: Option<i64>,
    until_ns: Option<i64>,
    utterance: Option<usize>,
    follows: Option<ItemId>,
    is_unprompted: bool,
    is_nobodys: bool,
    is_transcribed: bool,
}

impl Item {
    /// Whether it is what the caller said.
    fn is_heard(&self) -> bool {
        self.from_ns.is_some() || self.until_ns.is_some() || self.utterance.is_some()
    }
}

impl Items {
    /// A session of so many utterances.
    #[must_use]
    pub fn new(utterances: usize) -> Items {
        Items {
            sent_ns: 0,
            spans: vec![None; utterances],
            known: Vec::new(),
        }
    }

    /// Audio of this length was sent, of an utterance or of silence beside them.
    pub fn sent(&mut self, utterance: Option<usize>, length_ns: i64) {
        let start_ns = self.sent_ns;
        self.sent_ns += length_ns;
        if let Some(span) = utterance.and_then(|number| self.spans.get_mut(number)) {
            span.get_or_insert((start_ns, start_ns)).1 = self.sent_ns;
        }
    }

    /// Takes in what was said of an item.
    pub fn learn(&mut self, about: About) {
        let Some(fact) = about.fact else { return };
        let Some(item) = self.item(about.item) else {
            return;
        };
        match fact {
            ItemFact::From(ms) => item.from_ns = Some(ms.saturating_mul(NS_PER_MS)),
            ItemFact::Until(ms) => item.until_ns = Some(ms.saturating_mul(NS_PER_MS)),
            ItemFact::Utterance(number) => item.utterance = Some(number),
            ItemFact::Follows(before) => item.follows = Some(before),
            ItemFact::Unprompted => item.is_unprompted = true,
        }
    }

    /// Whether the server says it by itself.
    #[must_use]
    pub fn is_unprompted(&self, id: ItemId) -> bool {
        let item = self.known.get(id.0 as usize);
        item.is_some_and(|item| item.is_unprompted && item.follows.is_none())
    }

    /// It is nobody's, whatever it follows.
    pub fn is_nobodys(&mut self, id: ItemId) {
        if let Some(item) = self.item(id) {
            item.is_nobodys = true;
        }
    }

    /// Its final transcript has come.
    pub fn is_transcribed(&mut self, id: ItemId) {
        if let Some(item) = self.item(id) {
            item.is_transcribed = true;
        }
    }

    /// Whether a final transcript of something that was heard of this utterance is still to come.
    #[must_use]
    pub fn is_transcript_due(&self, utterance: usize) -> bool {
        let mut heard = self.known.iter().filter(|item| item.is_heard());
        heard.any(|item| !item.is_transcribed && self.covered(item) == Some(utterance))
    }

    /// Whose it is.
    #[must_use]
    pub fn whose(&self, id: ItemId) -> Whose {
        let mut id = id;
        for _ in 0..MOST_STEPS {
            let Some(item) = self.known.get(id.0 as usize) else {
                return Whose::Unknown;
            };
            if item.is_nobodys {
                return Whose::Nobody;
            }
            if item.is_heard() {
                return self.covered(item).map_or(Whose::Nobody, Whose::Utterance);
            }
            match item.follows {
                Some(before) => id = before,
                None => return Whose::Unknown,
            }
        }
        Whose::Unknown
    }

    /// The utterance that it covers most of.
    fn covered(&self, item: &Item) -> Option<usize> {
        if item.utterance.is_some() {
            return item.utterance.filter(|number| *number < self.spans.len());
        }
        let until_ns = item.until_ns.unwrap_or(self.sent_ns);
        let from_ns = item.from_ns.unwrap_or(until_ns.saturating_sub(1));
        let overlap = |(start_ns, end_ns): (i64, i64)| {
            until_ns.min(end_ns).saturating_sub(from_ns.max(start_ns))
        };
        let spans = self.spans.iter().enumerate();
        let covered = spans.filter_map(|(number, span)| Some((overlap((*span)?), number)));
        let (most_ns, number) = covered.max()?;
        (most_ns > 0).then_some(number)
    }

    fn item(&mut self, id: ItemId) -> Option<&mut Item> {
        let number = id.0 as usize;
        if number >= MOST_ITEMS {
            return None;
        }
        if number >= self.known.len() {
            self.known.resize(number + 1, Item::default());
        }
        self.known.get_mut(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = NS_PER_MS;

    /// Half a second of silence, a second of speech, and so on.
    fn two_utterances() -> Items {
        let mut items = Items::new(2);
        for number in 0..2 {
            items.sent(None, 500 * MS);
            items.sent(Some(number), 600 * MS);
            items.sent(Some(number), 400 * MS);
        }
        items.sent(None, 500 * MS);
        items
    }

    fn learn(items: &mut Items, item: u32, facts: &[ItemFact]) {
        for fact in facts {
            let about = About {
                item: ItemId(item),
                fact: Some(*fact),
            };
            items.learn(about);
        }
    }

    fn heard(from_ms: i64, until_ms: i64) -> [ItemFact; 2] {
        [ItemFact::From(from_ms), ItemFact::Until(until_ms)]
    }

    #[test]
    fn an_item_is_that_of_the_utterance_whose_audio_it_covers() {
        let mut items = two_utterances();
        learn(&mut items, 0, &heard(200, 900));
        learn(&mut items, 1, &heard(1_000, 2_000));
        learn(&mut items, 2, &heard(1_700, 3_400));
        learn(&mut items, 3, &heard(1_600, 1_900));
        learn(&mut items, 4, &[ItemFact::From(2_100)]);
        let whose = [0, 1, 2, 3, 4].map(|item| items.whose(ItemId(item)));
        let of = Whose::Utterance;
        assert_eq!(whose, [of(0), of(0), of(1), Whose::Nobody, of(1)]);
        assert_eq!(items.whose(ItemId(9)), Whose::Unknown);
    }

    #[test]
    fn what_follows_an_item_is_its_utterances() {
        let mut items = two_utterances();
        learn(&mut items, 5, &[ItemFact::Utterance(1)]);
        learn(&mut items, 6, &[ItemFact::Follows(ItemId(5))]);
        learn(&mut items, 7, &[ItemFact::Follows(ItemId(6))]);
        assert_eq!(items.whose(ItemId(7)), Whose::Utterance(1));
        learn(&mut items, 8, &[ItemFact::Follows(ItemId(8))]);
        assert_eq!(items.whose(ItemId(8)), Whose::Unknown, "a circle");
        items.is_nobodys(ItemId(6));
        assert_eq!(items.whose(ItemId(7)), Whose::Nobody);
        learn(&mut items, 10, &[ItemFact::Utterance(99)]);
        assert_eq!(items.whose(ItemId(10)), Whose::Nobody);
    }

    #[test]
    fn a_transcript_is_due_for_each_item_of_an_utterance() {
        let mut items = two_utterances();
        assert!(!items.is_transcript_due(0));
        learn(&mut items, 0, &heard(500, 900));
        learn(&mut items, 1, &heard(1_000, 1_500));
        items.is_transcribed(ItemId(1));
        assert!(items.is_transcript_due(0));
        items.is_transcribed(ItemId(0));
        assert!(!items.is_transcript_due(0) && !items.is_transcript_due(1));
    }

    #[test]
    fn numbers_out_of_range_take_no_memory() {
        let mut items = two_utterances();
        learn(&mut items, u32::MAX, &heard(i64::MIN, i64::MAX));
        learn(&mut items, 1, &heard(i64::MAX, i64::MIN));
        assert_eq!(items.known.len(), 2);
        assert_eq!(items.whose(ItemId(1)), Whose::Nobody);
        assert_eq!(items.whose(ItemId(u32::MAX)), Whose::Unknown);
    }
}
