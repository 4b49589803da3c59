//! What failures say. Messages that differ in names, addresses and times alone are one.

use std::collections::HashMap;

/// Most messages that are distinguished, against a gateway that never says the same thing twice.
const MOST: usize = 10_000;
/// A number behind one of these words says what went wrong; others say to whom or when.
const KINDS: [&str; 4] = ["status", "code", "error", "http"];

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

    /// A message in quotes, as one of several that are alike where it is.
    pub(super) fn quoted(&self, number: u32) -> String {
        let said = self.said.get(number as usize);
        said.map_or_else(String::new, |said| match said.differ {
            true => format!("messages like “{}”", said.first),
            false => format!("“{}”", said.first),
        })
    }
}

/// A message without the words in it that name one call.
fn shape(text: &str) -> String {
    let mut shape = Vec::new();
    let mut is_kind = false;
    for word in text.split_whitespace() {
        let names_one = !is_kind && word.contains(|c: char| c.is_ascii_digit());
        shape.push(if names_one { "…" } else { word });
        let last = word.rsplit(|c: char| !c.is_alphanumeric());
        let last = last.map(str::to_lowercase).find(|part| !part.is_empty());
        is_kind = last.is_some_and(|last| KINDS.contains(&last.as_str()));
    }
    shape.join(" ")
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
        let call = messages.number("call 7 refused");
        assert_eq!(messages.number("call 142 refused"), call);
        let code = messages.number("upstream grpc-status: 14");
        assert_ne!(messages.number("upstream grpc-status: 8"), code);
        let other = messages.number("UNAVAILABLE: HTTP status 503");
        assert_ne!(messages.number("UNAVAILABLE: HTTP status 502"), other);
        assert_eq!(
            messages.quoted(one.unwrap()),
            "messages like “INTERNAL: session a1f7 failed after 312ms”"
        );
        assert_eq!(
            messages.quoted(other.unwrap()),
            "“UNAVAILABLE: HTTP status 503”"
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
