//! Texts that come from outside, such as names in traces, transcripts and errors of gateways: what
//! is done to them before they are shown or handed to a spreadsheet. Every room that shows some
//! uses these functions, so that a text that is harmless in one place is so in all.

use std::borrow::Cow;

/// Whether a character can steer a terminal, or turn around or break the line that it is shown in.
fn steers(c: char) -> bool {
    let breaks_or_turns = matches!(
        c,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || breaks_or_turns
}

fn without<'a>(text: &'a str, unwanted: impl Fn(char) -> bool) -> Cow<'a, str> {
    match text.contains(&unwanted) {
        true => text
            .chars()
            .map(|c| if unwanted(c) { ' ' } else { c })
            .collect(),
        false => Cow::Borrowed(text),
    }
}

/// `text` as a part of one line: each character that can steer a terminal is a space, line ends
/// too.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    without(text, steers)
}

/// As [`plain`], for a text of several lines.
#[must_use]
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    without(text, |c| steers(c) && c != '\n')
}

/// A JSON document with what steers a terminal and what JSON does not escape by itself written as
/// `\u009b`: the same document. What has our own colours is left as it is.
#[must_use]
pub fn plain_json(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| steers(c) && !c.is_ascii_control() || c == '\u{7f}';
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match is_odd(c) {
            true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// `text` as text of an element and of a quoted attribute of HTML or SVG alike: as [`plain_lines`], since
/// marks that turn the direction of what follows would turn the page's own words.
#[must_use]
pub fn html_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain_lines(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `text` as a cell of a spreadsheet: as [`plain_lines`], and behind an apostrophe where a
/// spreadsheet would take it for a formula.
///
/// That is where it begins with `=`, `+`, `-`, `@` (also in full width), a tab or a line end,
/// whatever spaces are in front: <https://owasp.org/www-community/attacks/CSV_Injection>.
#[must_use]
pub fn spreadsheet_cell(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['\t', '\r', '\n'])
        || plain_lines(text).trim_start().starts_with([
            '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
        ]);
    match is_formula {
        true => format!("'{}", plain_lines(text)).into(),
        false => plain_lines(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_is_shown_steers_a_terminal() {
        let text = "a\x1b[31mb\u{9b}2Jc\u{7}\r\nd\u{202e}e\u{2028}f";
        assert_eq!(plain(text), "a [31mb 2Jc   d e f");
        assert_eq!(plain_lines(text), "a [31mb 2Jc  \nd e f");
        let kept = "Größe “नमस्ते” مرحبا\u{200f} 👩\u{200d}🚀 = fine";
        assert!(matches!(plain(kept), Cow::Borrowed(text) if text == kept));
    }

    #[test]
    fn a_json_document_stays_the_same_and_steers_nothing() {
        let odd = "a\x1b[1m\u{9b}2J\u{7f}\u{202e}\u{2028}é\n";
        let json = serde_json::to_string_pretty(&[odd]).unwrap();
        let shown = plain_json(&json);
        assert_eq!(plain_lines(&shown), shown);
        assert_eq!(
            serde_json::from_str::<Vec<String>>(&shown).unwrap(),
            [odd.to_owned()]
        );
        assert!(matches!(plain_json("[\"é\"]\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "' =1"),
            ("\r=1", "' =1"),
            ("  =1", "'  =1"),
            ("\x1b=1", "' =1"),
            ("＝1", "'＝1"),
            ("call-7", "call-7"),
            ("a = b\nc", "a = b\nc"),
            ("a\x1b[0m", "a [0m"),
            ("", ""),
        ] {
            assert_eq!(spreadsheet_cell(text), cell, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_no_control_character_is_left(text in "\\PC*|[\\x00-\\x9f=+@-]*") {
            prop_assert!(!plain(&text).contains(char::is_control));
            let cell = spreadsheet_cell(&text);
            prop_assert!(cell.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']));
        }
    }
}
