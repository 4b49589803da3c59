//! Messages that are sent byte for byte, but for the values of a session in them.

use crate::units::spelling::unknown;

/// The caller's name of the session.
pub(super) const SESSION_ID: &str = "session_id";
/// BCP 47.
pub(super) const LANGUAGE: &str = "language";
/// Of the audio that is sent, in Hz.
pub(super) const SAMPLE_RATE: &str = "sample_rate";
/// What is typed instead of spoken.
pub(super) const TEXT: &str = "text";
/// A chunk of audio in base64.
pub(super) const AUDIO: &str = "audio";
/// What any message may hold.
pub(super) const OF_SESSION: &[&str] = &[SESSION_ID, LANGUAGE, SAMPLE_RATE];

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    is_json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    /// A value of the session, by its name.
    Value(&'static str),
    /// The value of a table's column, by its number among those that are asked for.
    Var(usize),
}

/// The values of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    pub(super) session_id: String,
    pub(super) language: String,
    pub(super) sample_rate: u32,
    /// Of columns, in the order in which they were first asked for.
    pub(super) vars: Vec<String>,
    pub(super) text: String,
}

/// What templates ask for beside values of the session.
pub(super) struct Outside<'a> {
    /// A variable of the environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    /// Columns that were asked for so far.
    pub(super) vars: Vec<String>,
}

impl Template {
    /// Reads a message that may hold these values.
    ///
    /// # Errors
    /// A value that there is not.
    pub(super) fn parse(
        text: &str,
        allowed: &[&'static str],
        outside: &mut Outside<'_>,
    ) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        let is_json = is_json(text);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let Some((name, later)) = name(after) else {
                plain.push('{');
                rest = after;
                continue;
            };
            rest = later;
            if let Some(name) = name.strip_prefix("env:") {
                let value = (outside.env)(name)
                    .ok_or_else(|| format!("the environment variable {name} is not set"))?;
                put(&value, is_json, &mut plain);
                continue;
            }
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            pieces.push(match name.strip_prefix("var:") {
                Some(name) => Piece::Var(outside.var(name)),
                None => {
                    let value = allowed.iter().find(|known| **known == name);
                    let value =
                        value.ok_or_else(|| unknown("value", name, allowed.iter().copied()))?;
                    Piece::Value(value)
                }
            });
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        Ok(Template { pieces, is_json })
    }

    /// Whether it is JSON, in which texts are quoted.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// The message with the values of a session.
    pub(super) fn fill(&self, values: &Values) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            let value = match piece {
                Piece::Plain(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::Var(number) => values.vars.get(*number).map_or("", String::as_str),
                Piece::Value(SESSION_ID) => &values.session_id,
                Piece::Value(LANGUAGE) => &values.language,
                Piece::Value(TEXT) => &values.text,
                Piece::Value(SAMPLE_RATE) => &values.sample_rate.to_string(),
                Piece::Value(_) => "",
            };
            put(value, self.is_json, &mut out);
        }
        out
    }

    /// What is before and after the audio, if that is in it once.
    pub(super) fn around_audio(self) -> Option<(Template, Template)> {
        let is_audio = |piece: &Piece| *piece == Piece::Value(AUDIO);
        let at = self.pieces.iter().position(is_audio)?;
        let part = |pieces: &[Piece]| Template {
            pieces: pieces.to_vec(),
            is_json: self.is_json,
        };
        let (head, tail) = (part(&self.pieces[..at]), part(&self.pieces[at + 1..]));
        (!tail.pieces.iter().any(is_audio)).then_some((head, tail))
    }

    /// The same with what is known of all sessions: the rate.
    pub(super) fn at_rate(self, rate: u32) -> Template {
        let pieces = self.pieces.into_iter().map(|piece| match piece {
            Piece::Value(SAMPLE_RATE) => Piece::Plain(rate.to_string()),
            piece => piece,
        });
        Template {
            pieces: pieces.collect(),
            ..self
        }
    }

    /// A text that is no message.
    pub(super) fn plain(text: &str) -> Template {
        Template {
            pieces: vec![Piece::Plain(text.to_owned())],
            is_json: false,
        }
    }

    /// The message, if it is the same in all sessions.
    pub(super) fn constant(&self) -> Option<String> {
        let mut pieces = self.pieces.iter();
        let is_plain = pieces.all(|piece| matches!(piece, Piece::Plain(_)));
        is_plain.then(|| self.fill(&Values::default()))
    }
}

impl Outside<'_> {
    fn var(&mut self, name: &str) -> usize {
        let known = self.vars.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.vars.push(name.to_owned());
            self.vars.len() - 1
        })
    }
}

/// How a template asks for the value of a column.
pub(super) fn asked_for(column: &str) -> String {
    format!("{{var:{column}}}")
}

/// Whether a message begins as an object or a list does, and not with a value.
fn is_json(text: &str) -> bool {
    let begins = text.trim_start();
    match begins.strip_prefix('{') {
        Some(after) => name(after).is_none(),
        None => begins.starts_with('['),
    }
}

/// The name of a value up to its brace, and what follows; no JSON has such a word in braces.
fn name(after: &str) -> Option<(&str, &str)> {
    let (name, later) = after.split_once('}')?;
    let is_named = |name: &str| !name.is_empty() && !name.contains(['{', '"', '\n']);
    let is_word = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let column = name.strip_prefix("env:").or(name.strip_prefix("var:"));
    let is_value = is_named(column.unwrap_or(name)) && (column.is_some() || is_word(name));
    is_value.then_some((name, later))
}

fn put(value: &str, is_json: bool, out: &mut String) {
    if !is_json {
        return out.push_str(value);
    }
    let quoted = serde_json::Value::from(value).to_string();
    out.push_str(&quoted[1..quoted.len() - 1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Template, Vec<String>), String> {
        let env = |name: &str| (name == "KEY").then(|| "k\"1".to_owned());
        let mut outside = Outside {
            env: &env,
            vars: Vec::new(),
        };
        let template = Template::parse(text, OF_SESSION, &mut outside)?;
        Ok((template, outside.vars))
    }

    fn filled(text: &str) -> String {
        let values = Values {
            session_id: "s \"1\"".to_owned(),
            language: "de-DE".to_owned(),
            sample_rate: 8_000,
            vars: vec!["v\n".to_owned()],
            text: String::new(),
        };
        parse(text).unwrap().0.fill(&values)
    }

    #[test]
    fn everything_but_values_is_sent_byte_for_byte() {
        for text in [
            "{\"eof\" : 1}",
            "",
            "{",
            "{}",
            "{ }",
            "[{\"a\":{}}]",
            "a{B}c{1}",
        ] {
            assert_eq!(filled(text), text);
        }
        assert_eq!(filled("{sample_rate} Hz {language}"), "8000 Hz de-DE");
        assert_eq!(filled("{session_id}={env:KEY}"), "s \"1\"=k\"1");
    }

    #[test]
    fn values_in_json_are_quoted() {
        assert_eq!(
            filled(r#"{"id":"{session_id}","k":"{env:KEY}{var:a}","r":{sample_rate}}"#),
            r#"{"id":"s \"1\"","k":"k\"1v\n","r":8000}"#
        );
    }

    #[test]
    fn columns_are_numbered_as_they_are_asked_for() {
        let (_, vars) = parse("{var:b}{var:a c}{var:b}").unwrap();
        assert_eq!(vars, ["b", "a c"]);
    }

    #[test]
    fn values_that_there_are_not_are_refused() {
        assert_eq!(
            parse("{sesion_id}").unwrap_err(),
            "there is no value `sesion_id`; is `session_id` meant?"
        );
        assert_eq!(
            parse("{env:LOCK}").unwrap_err(),
            "the environment variable LOCK is not set"
        );
    }
}
