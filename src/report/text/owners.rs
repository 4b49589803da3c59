//! Turns of which the messages do not tell whose answer they had.

use crate::report::turns::Turns;
use crate::units::terminal::{LABEL, Page, Tone};
use crate::units::{counted, grouped};

/// Says how many there are, where there are any.
pub(super) fn uncertain(page: &mut Page, turns: &Turns) {
    if turns.owner_uncertain == 0 {
        return;
    }
    let warning = format!(
        "{} of {} may have the answer of a turn beside them: the messages do not tell whose it is \
         (owner_uncertain)",
        grouped(turns.owner_uncertain),
        counted(turns.started, "turn")
    );
    page.words("", &warning, LABEL, Tone::Warning);
}

#[cfg(test)]
mod tests {
    use crate::report::summary::Summary;
    use crate::report::text::render;
    use crate::results::row::RequestRow;
    use crate::results::sample::{manifest, row};

    fn summary(uncertain: Option<bool>) -> Summary {
        let row = |turn| RequestRow {
            owner_uncertain: uncertain.map(|uncertain| uncertain && turn < 12),
            ..row(turn)
        };
        let rows: Vec<RequestRow> = (0..400).map(row).collect();
        Summary::of(&manifest(), &rows, &[], None)
    }

    #[test]
    fn they_are_counted_where_there_are_any() {
        for none in [None, Some(false)] {
            let summary = summary(none);
            assert_eq!(summary.turns.owner_uncertain, 0);
            assert!(!render(&summary, false).contains("owner_uncertain"));
        }
        let summary = summary(Some(true));
        assert_eq!(summary.turns.owner_uncertain, 12);
        let text = render(&summary, false);
        let words: Vec<&str> = text.split_whitespace().collect();
        let warning = "12 of 400 turns may have the answer of a turn beside them: the messages do \
                       not tell whose it is (owner_uncertain)";
        assert!(words.join(" ").contains(warning), "{text}");
    }
}
