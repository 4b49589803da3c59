//! The transcripts of one utterance, and which of them is the final one. The protocol has no mark
//! for it: it is the last that does not end in `...`; where all end so, the last before PROCESSING.

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
}

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

    /// Takes in `later` ones.
    pub fn append(&mut self, later: Transcripts) {
        self.count = self.count.saturating_add(later.count);
        self.first_ns = self.first_ns.or(later.first_ns);
        self.last = later.last.or(self.last.take());
        self.last_whole = later.last_whole.or(self.last_whole.take());
    }

    /// The final one and when it came. `processing` says that PROCESSING came after them.
    #[must_use]
    pub fn last_said(&self, processing: bool) -> Option<(i64, &str)> {
        let last = self.last.as_ref().filter(|_| processing);
        let (at_ns, text) = self.last_whole.as_ref().or(last)?;
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
    fn long_texts_are_cut_and_judged_as_a_whole() {
        let long = format!("{}...", "x".repeat(2 * MAX_TEXT_CHARS));
        let said = of(&[&long]);
        assert_eq!(said.last_said(false), None);
        let (_, text) = said.last_said(true).unwrap();
        assert_eq!(text.len(), MAX_TEXT_CHARS);
    }
}
