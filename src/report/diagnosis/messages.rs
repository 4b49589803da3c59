//! What failures say. Messages that differ in names, addresses and times alone are one.

use std::collections::HashMap;

/// Most messages that are distinguished, against a gateway that never says the same thing twice.
const MOST: usize = 10_000;
/// A number of so many digits may say what it is about, such as a status; a longer one is a name.
const SHORT: usize = 3;

/// Messages by number.
#[derive(Debug, Default)]
pub(super) struct Messages {
    numbers: HashMap<String, u32>,
    said: Vec<Said>,
}

#[derive(Debug)]
struct Said {
    first: String,
    differ: bool,
}

impl Messages {
    /// The number of a message; `None` where there are too many to distinguish it.
    pub(super) fn number(&mut self, text: &str) -> Option<u32> {
        let key = shape(text);
        if let Some(&number) = self.numbers.get(&key) {
            let said = self.said.get_mut(number as usize)?;
            said.differ |= said.first != text;
            return Some(number);
        }
        let number = u32::try_from(self.said.len()).ok()?;
        if self.said.len() >= MOST {
            return None;
        }
        self.numbers.insert(key, number);
        self.said.push(Said {
            first: text.to_owned(),
            differ: false,
        });
        Some(number)
    }

    /// A message in quotes, and whether it is one of several that are alike.
    pub(super) fn quoted(&self, number: u32) -> (String, bool) {
        let said = self.said.get(number as usize);
        said.map_or_else(Default::default, |said| {
            (format!("“{}”", said.first), said.differ)
        })
    }
}

/// A message without the words in it that name one call.
fn shape(text: &str) -> String {
    let is_short = |word: &str| word.len() <= SHORT && word.bytes().all(|b| b.is_ascii_digit());
    let names_one = |word: &&str| word.contains(|c: char| c.is_ascii_digit()) && !is_short(word);
    let words = text.split_whitespace();
    let words = words.map(|word| if names_one(&word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_names_alone_are_one() {
        let mut messages = Messages::default();
        let one = messages.number("INTERNAL: session a1f7 failed after 312ms");
        assert_eq!(
            messages.number("INTERNAL: session 77b0 failed after 9ms"),
            one
        );
        let other = messages.number("UNAVAILABLE: HTTP status 503");
        assert_ne!(messages.number("UNAVAILABLE: HTTP status 502"), other);
        assert_eq!(
            messages.quoted(one.unwrap()),
            (
                "“INTERNAL: session a1f7 failed after 312ms”".to_owned(),
                true
            )
        );
        assert_eq!(
            messages.quoted(other.unwrap()),
            ("“UNAVAILABLE: HTTP status 503”".to_owned(), false)
        );
    }

    #[test]
    fn too_many_are_not_told_apart() {
        let mut messages = Messages::default();
        let word = |n: usize| n.to_string().bytes().map(|b| char::from(b + 49)).collect();
        for n in 0..MOST {
            let word: String = word(n);
            assert!(messages.number(&word).is_some());
        }
        assert_eq!(messages.number("one more"), None);
        let first: String = word(0);
        assert_eq!(messages.number(&first), Some(0));
    }
}
