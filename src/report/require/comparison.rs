//! How a figure must compare with a limit.

/// How a figure must compare with the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Below it.
    Less,
    /// At it or below.
    AtMost,
    /// Above it.
    Greater,
    /// At it or above.
    AtLeast,
}

impl Comparison {
    /// Every one with its sign. The longer signs come first, so that the first that fits is the whole sign.
    pub(super) const ALL: [(&'static str, Comparison); 4] = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];

    /// Whether `figure` compares so with `limit`.
    #[must_use]
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Comparison::Less => figure < limit,
            Comparison::AtMost => figure <= limit,
            Comparison::Greater => figure > limit,
            Comparison::AtLeast => figure >= limit,
        }
    }

    /// Whether it bounds from above.
    pub(super) fn is_ceiling(self) -> bool {
        matches!(self, Comparison::Less | Comparison::AtMost)
    }

    /// How it is written.
    pub(super) fn sign(self) -> &'static str {
        let named = Comparison::ALL.iter().find(|(_, other)| *other == self);
        named.map_or("", |(sign, _)| sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_itself_is_met_by_the_signs_that_say_so() {
        let holds = |sign: Comparison| [0.5, 1.0, 1.5].map(|figure| sign.holds(figure, 1.0));
        assert_eq!(holds(Comparison::Less), [true, false, false]);
        assert_eq!(holds(Comparison::AtMost), [true, true, false]);
        assert_eq!(holds(Comparison::Greater), [false, false, true]);
        assert_eq!(holds(Comparison::AtLeast), [false, true, true]);
    }
}
