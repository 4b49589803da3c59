//! Names that are unknown, and which one is meant.

/// How alike a name must be to be offered for one that is unknown, of 1.
const ALIKE: f64 = 0.75;

/// The one of `known` that is spelt most like `name`, if any is.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let most = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    most.filter(|most| likeness(most) >= ALIKE)
}

/// That there is no such thing, and which one is meant.
#[must_use]
pub fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("there is no {kind} `{name}`; is `{nearest}` meant?"),
        None => format!(
            "there is no {kind} `{name}`; there are {}",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_is_spelt_most_alike_is_offered() {
        let known = || ["text", "final", "audio"].into_iter();
        assert_eq!(nearest("finl", known()), Some("final"));
        assert_eq!(nearest("zzz", known()), None);
        assert_eq!(
            unknown("key", "txet", known()),
            "there is no key `txet`; is `text` meant?"
        );
        assert_eq!(
            unknown("key", "zzz", known()),
            "there is no key `zzz`; there are text, final, audio"
        );
    }
}
