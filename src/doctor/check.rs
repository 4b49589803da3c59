//! One thing that was looked at: how it is, what was found, and what to do about it.

use std::fmt::Write as _;

use crate::units::plain;

crate::names! {
    /// How a thing is, from harmless to grave.
    pub enum Level {
        /// There is nothing to look at, or something before it failed.
        Skipped = "skipped",
        /// As it should be.
        Ok = "ok",
        /// A load can be made, but look at this.
        Warning = "warning",
        /// No sensible load can be made.
        Failed = "failed",
    }
}

/// Longest text of a stranger that is shown, in characters.
const MOST_CHARS: usize = 300;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it is.
    #[serde(serialize_with = "by_name")]
    pub level: Level,
    /// What was found, in part of a sentence.
    pub found: String,
    /// What to do; nothing where nothing is wrong.
    pub advice: Option<String>,
}

fn by_name<S: serde::Serializer>(level: &Level, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(level.name())
}

impl Check {
    /// Nothing is wrong.
    #[must_use]
    pub fn ok(name: &'static str, found: impl AsRef<str>) -> Check {
        Check::new(name, Level::Ok, found, None)
    }

    /// Something is to be looked at.
    #[must_use]
    pub fn warning(name: &'static str, found: impl AsRef<str>, advice: &str) -> Check {
        Check::new(name, Level::Warning, found, Some(advice))
    }

    /// Something must be fixed.
    #[must_use]
    pub fn failed(name: &'static str, found: impl AsRef<str>, advice: &str) -> Check {
        Check::new(name, Level::Failed, found, Some(advice))
    }

    /// It could not be looked at, and why.
    #[must_use]
    pub fn skipped(name: &'static str, why: impl AsRef<str>) -> Check {
        Check::new(name, Level::Skipped, why, None)
    }

    fn new(
        name: &'static str,
        level: Level,
        found: impl AsRef<str>,
        advice: Option<&str>,
    ) -> Check {
        Check {
            name,
            level,
            found: tame(found.as_ref()),
            advice: advice.map(tame),
        }
    }
}

/// `text` as it may be printed, and of a bounded length: parts of it may come from the peer.
fn tame(text: &str) -> String {
    let mut tamed: String = text.chars().take(MOST_CHARS).collect();
    if tamed.len() < text.len() {
        tamed.push('…');
    }
    plain(&tamed).into_owned()
}

/// The list for people, under its headings; advice is below what it belongs to.
#[must_use]
pub fn text(parts: &[(&str, &[Check])]) -> String {
    let checks = || parts.iter().flat_map(|(_, checks)| checks.iter());
    let width = checks().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (heading, checks) in parts {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{heading}");
        for check in *checks {
            let (level, name) = (check.level.name(), check.name);
            let _ = writeln!(text, "  {level:<7}  {name:width$}  {}", check.found);
            if let Some(advice) = &check.advice {
                let _ = writeln!(text, "  {:<7}  {:width$}  → {advice}", "", "");
            }
        }
        text.push('\n');
    }
    let count = |level| checks().filter(|check| check.level == level).count();
    let [failed, warnings] = [Level::Failed, Level::Warning].map(count);
    let _ = match (failed, warnings) {
        (0, 0) => writeln!(text, "nothing stands in the way of a load"),
        (0, n) => writeln!(text, "nothing failed; {n} to look at"),
        (f, n) => writeln!(text, "{f} failed; {n} more to look at"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_from_top_to_bottom() {
        let gateway = [
            Check::ok("resolves", "gw: 10.0.0.1"),
            Check::failed("call", "no answer", "look at its log"),
        ];
        let machine = [Check::skipped("governor", "not exposed")];
        insta::assert_snapshot!(text(&[("gateway", &gateway), ("machine", &machine)]), @r"
        gateway
          ok       resolves  gw: 10.0.0.1
          failed   call      no answer
                             → look at its log

        machine
          skipped  governor  not exposed

        1 failed; 0 more to look at
        ");
    }

    #[test]
    fn what_a_peer_says_cannot_speak_to_the_terminal_or_fill_it() {
        let check = Check::ok("x", format!("\u{1b}[31m\n{}", "é".repeat(1_000)));
        assert!(check.found.starts_with(" [31m "), "{}", check.found);
        assert_eq!(check.found.chars().count(), MOST_CHARS + 1);
    }
}
