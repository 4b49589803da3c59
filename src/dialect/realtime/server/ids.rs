//! Names that a server gives: unlike those of other sessions, and the same when all is said again.

/// The names of one session.
#[derive(Debug)]
pub(super) struct Ids {
    session: String,
    given: u64,
}

/// Hexadecimal digits by which sessions differ.
const DIGITS: usize = 12;

impl Ids {
    /// Names of the session of this name.
    pub(super) fn of(session: &str) -> Ids {
        let mut digits = blake3::hash(session.as_bytes()).to_hex().to_string();
        digits.truncate(DIGITS);
        Ids {
            session: digits,
            given: 0,
        }
    }

    /// The next name of something of that kind, such as `item_93b885adfe0d000007`.
    pub(super) fn next(&mut self, kind: &str) -> String {
        self.given += 1;
        format!("{kind}_{}{:06}", self.session, self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_given_again_to_the_same_session() {
        let names = |session| {
            let mut ids = Ids::of(session);
            [ids.next("item"), ids.next("item"), ids.next("resp")]
        };
        assert_eq!(names("a"), names("a"));
        let [first, second, third] = names("a");
        assert!(first.starts_with("item_") && third.starts_with("resp_"));
        assert_ne!(first, second);
        assert!(names("b").iter().all(|name| !names("a").contains(name)));
    }
}
