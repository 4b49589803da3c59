//! The fewest edits that make one row of words of another.

/// Edits that make what was said of what should have been heard, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Edits {
    /// Words heard as another.
    pub(super) substitutions: u64,
    /// Words not heard.
    pub(super) deletions: u64,
    /// Words heard that were not said.
    pub(super) insertions: u64,
}

impl Edits {
    /// All of them.
    pub(super) fn total(self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }
}

/// The words of a text: what spaces and punctuation lie between, in lower case. Apostrophes inside a
/// word belong to it, in whatever shape they are written.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = text
        .to_lowercase()
        .replace(['\u{2019}', '\u{2bc}', '`'], "'");
    text.split(|c: char| c != '\'' && is_between_words(c))
        .map(|word| word.trim_matches('\'').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Marks that combine with letters are no letters themselves, and stay; so punctuation is named by
/// what it is.
fn is_between_words(c: char) -> bool {
    let is_mark = matches!(c, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{ff01}'..='\u{ff0f}')
        || "¡¿«»·،؛؟।॥：；？".contains(c);
    c.is_whitespace() || c.is_control() || c.is_ascii_punctuation() || is_mark
}

/// The edits that make `heard` of `said`: as few as possible (Levenshtein 1966); of several ways the
/// one with the most words in their places.
pub(super) fn edits(said: &[String], heard: &[String]) -> Edits {
    // The best way to each prefix of `heard` from the prefix of `said` that was come to.
    let mut row: Vec<Edits> = (0..=heard.len() as u64)
        .map(|insertions| Edits {
            insertions,
            ..Edits::default()
        })
        .collect();
    for (deletions, word) in (1..).zip(said) {
        let mut diagonal = row[0];
        row[0] = Edits {
            deletions,
            ..Edits::default()
        };
        for (at, other) in (1..).zip(heard) {
            let mut kept = diagonal;
            kept.substitutions += u64::from(word != other);
            let mut deleted = row[at];
            deleted.deletions += 1;
            let mut inserted = row[at - 1];
            inserted.insertions += 1;
            diagonal = row[at];
            row[at] = [deleted, inserted].into_iter().fold(kept, |best, way| {
                match way.total() < best.total() {
                    true => way,
                    false => best,
                }
            });
        }
    }
    row[heard.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn between(said: &str, heard: &str) -> [u64; 3] {
        let edits = edits(&words(said), &words(heard));
        [edits.substitutions, edits.deletions, edits.insertions]
    }

    #[test]
    fn words_are_compared_and_not_how_they_are_written() {
        assert_eq!(
            words("Don’t stop -- it's 'fine', O'Neill! (Well-known.)"),
            ["don't", "stop", "it's", "fine", "o'neill", "well", "known"]
        );
        assert_eq!(words("¿Qué? «Größe» नमस्ते।"), ["qué", "größe", "नमस्ते"]);
        assert_eq!(words(" ... ' -- "), [""; 0]);
    }

    #[test]
    fn edits_are_told_apart() {
        assert_eq!(between("a b c", "A, b; c."), [0, 0, 0]);
        assert_eq!(between("a b c", "a x c"), [1, 0, 0]);
        assert_eq!(between("a b c", "a c"), [0, 1, 0]);
        assert_eq!(between("a b c", "a b b c"), [0, 0, 1]);
        assert_eq!(between("a b c", ""), [0, 3, 0]);
        assert_eq!(between("", "a b"), [0, 0, 2]);
        assert_eq!(
            between("four queen of clubs", "for a queen of posts"),
            [2, 0, 1]
        );
    }

    proptest! {
        #[test]
        fn edits_are_those_of_a_distance(
            a in proptest::collection::vec("[abc]", 0..8),
            b in proptest::collection::vec("[abc]", 0..8),
        ) {
            let (there, back) = (edits(&a, &b), edits(&b, &a));
            prop_assert_eq!(there.total(), back.total());
            prop_assert!(there.total() <= a.len().max(b.len()) as u64);
            prop_assert_eq!(there.total() == 0, a == b);
            let length = a.len() as u64 + there.insertions - there.deletions;
            prop_assert_eq!(length, b.len() as u64);
        }
    }
}
