//! The transcripts of one utterance, and which of them is the final one. Where the protocol has no mark
//! for it, it is the last that does not end in `...`; where all end so, the last before PROCESSING. Where it
//! has one, the final text is that of all that are marked, one after the other: a pause may split an utterance.

use super::message::ItemId;
use super::text::{MAX_TEXT_CHARS, cut};

/// Transcripts that belong together, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcripts {
    /// How many.
    pub count: u32,
    /// When the first came.
    pub first_ns: Option<i64>,
    last: Option<(i64, String)>,
    /// The last that does not end in `...`.
    last_whole: Option<(i64, String)>,
    /// Of those that are marked as final: when the last came, and what all of them say.
    marked: Option<(i64, String)>,
    /// The text of each of them, by the item that it is of, in their order.
    parts: Vec<(Option<ItemId>, String)>,
}

/// Parts of one utterance that are kept.
const MOST_PARTS: usize = 100;

impl Transcripts {
    /// One more; a text that is not known may be an interim one.
    pub fn note(&mut self, at_ns: i64, text: Option<&str>) {
        self.count = self.count.saturating_add(1);
        self.first_ns.get_or_insert(at_ns);
        let kept = (at_ns, cut(text.unwrap_or_default(), MAX_TEXT_CHARS));
        if text.is_some_and(|text| !text.ends_with("...")) {
            self.last_whole = Some(kept.clone());
        }
        self.last = Some(kept);
    }

    /// One more of a protocol that says which are final; `item` is what it is of, where that has a name. One
    /// that is said twice of the same item counts once.
    pub fn note_marked(&mut self, at_ns: i64, item: Option<ItemId>, text: &str, is_final: bool) {
        self.count = self.count.saturating_add(1);
        self.first_ns.get_or_insert(at_ns);
        if !is_final {
            return;
        }
        let text = cut(text, MAX_TEXT_CHARS);
        let mut known = self.parts.iter();
        let known = known.position(|(of, _)| item.is_some() && *of == item);
        match known {
            Some(place) if self.parts[place].1 == text => return,
            Some(place) => self.parts[place].1 = text,
            None if self.parts.len() == MOST_PARTS => return,
            None => {
                let after = self.parts.partition_point(|(of, _)| *of <= item);
                self.parts.insert(after, (item, text));
            }
        }
        let parts = self.parts.iter().map(|(_, said)| said.as_str());
        let parts: Vec<&str> = parts.filter(|said| !said.is_empty()).collect();
        self.marked = Some((at_ns, cut(&parts.join(" "), MAX_TEXT_CHARS)));
    }

    /// Takes in `later` ones.
    pub fn append(&mut self, later: Transcripts) {
        self.count = self.count.saturating_add(later.count);
        self.first_ns = self.first_ns.or(later.first_ns);
        self.last = later.last.or(self.last.take());
        self.last_whole = later.last_whole.or(self.last_whole.take());
        for (item, text) in later.parts {
            if let Some((at_ns, _)) = later.marked {
                self.note_marked(at_ns, item, &text, true);
                self.count = self.count.saturating_sub(1);
            }
        }
    }

    /// The final one and when it came. `processing` says that PROCESSING came after them.
    #[must_use]
    pub fn last_said(&self, processing: bool) -> Option<(i64, &str)> {
        let last = self.last.as_ref().filter(|_| processing);
        let said = self.marked.as_ref().or(self.last_whole.as_ref());
        let (at_ns, text) = said.or(last)?;
        Some((*at_ns, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Transcripts {
        let mut transcripts = Transcripts::default();
        for (at_ns, text) in (1..).zip(texts) {
            transcripts.note(at_ns, Some(text));
        }
        transcripts
    }

    #[test]
    fn the_last_whole_text_is_final_whatever_noise_follows_it() {
        let said = of(&["hel...", "hello", "uh..."]);
        assert_eq!(said.last_said(true), Some((2, "hello")));
        assert_eq!(said.last_said(false), Some((2, "hello")));
    }

    #[test]
    fn an_interim_text_is_final_only_where_processing_says_so() {
        let said = of(&["hel...", "well..."]);
        assert_eq!(said.last_said(true), Some((2, "well...")));
        assert_eq!(said.last_said(false), None);
        let mut unknown = Transcripts::default();
        unknown.note(3, None);
        assert_eq!(unknown.last_said(true), Some((3, "")));
        assert_eq!(unknown.last_said(false), None);
    }

    #[test]
    fn transcripts_in_two_parts_are_those_of_the_whole() {
        let texts = ["a...", "a", "b...", "b", "c..."];
        for cut in 0..=texts.len() {
            let mut whole = of(&texts[..cut]);
            let mut later = Transcripts::default();
            for (at_ns, text) in (1..).zip(texts).skip(cut) {
                later.note(at_ns, Some(text));
            }
            whole.append(later);
            assert_eq!(whole, of(&texts), "cut after {cut}");
        }
    }

    #[test]
    fn what_is_marked_as_final_is_final_whatever_precedes_it() {
        let mut said = of(&["hello"]);
        said.note_marked(5, None, "hel", false);
        assert_eq!(said.last_said(true), Some((1, "hello")));
        said.note_marked(7, None, "how are", true);
        said.note_marked(8, None, "you", false);
        said.note_marked(9, None, "you?", true);
        assert_eq!(said.last_said(false), Some((9, "how are you?")));
        assert_eq!((said.count, said.first_ns), (5, Some(1)));
    }

    #[test]
    fn parts_are_in_the_order_of_what_was_heard_and_each_counts_once() {
        let mut said = Transcripts::default();
        let item = |number| Some(ItemId(number));
        said.note_marked(7, item(2), "are you?", true);
        said.note_marked(8, item(1), "how", true);
        said.note_marked(9, item(2), "are you?", true);
        assert_eq!(said.last_said(false), Some((8, "how are you?")));
        said.note_marked(10, item(1), "who", true);
        assert_eq!(said.last_said(false), Some((10, "who are you?")));
        for number in 3..1_000 {
            said.note_marked(11, item(number), "", true);
        }
        assert_eq!(said.parts.len(), MOST_PARTS);
    }

    #[test]
    fn long_texts_are_cut_and_judged_as_a_whole() {
        let long = format!("{}...", "x".repeat(2 * MAX_TEXT_CHARS));
        let said = of(&[&long]);
        assert_eq!(said.last_said(false), None);
        let (_, text) = said.last_said(true).unwrap();
        assert_eq!(text.len(), MAX_TEXT_CHARS);
    }
}
