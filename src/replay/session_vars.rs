//! What differs between sessions beside what is said: values from a table, a line a session, put where a template
//! has their names. Pure.

use std::borrow::Cow;

use bytes::Bytes;

/// What begins the name of a value in a template, up to a closing brace.
const OPENS: &str = "{var:";
/// The most lines of a table.
const MOST_LINES: usize = 1_000_000;

/// A table of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionVars {
    names: Vec<String>,
    lines: Vec<Vec<String>>,
}

/// How a value is written where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plain,
    /// Inside a JSON string.
    Json,
    /// Percent-encoded, for a URL.
    Url,
}

impl SessionVars {
    /// Reads a table: CSV, the names in its first line. No message repeats a value.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn read(text: &str) -> Result<SessionVars, String> {
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| line(&error))?;
        let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        if names
            .iter()
            .any(|name| name.is_empty() || name.contains('}'))
        {
            return Err("line 1: a name is empty, or has a brace in it".to_owned());
        }
        let mut lines = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| line(&error))?;
            lines.push(record.iter().map(str::to_owned).collect());
            if lines.len() > MOST_LINES {
                return Err(format!("there are more than {MOST_LINES} lines"));
            }
        }
        match lines.is_empty() {
            true => Err("there is no line of values below the names".to_owned()),
            false => Ok(SessionVars { names, lines }),
        }
    }

    /// Names that a template asks for and no column has, the first of them.
    #[must_use]
    pub fn unknown<'a>(&self, template: &'a str) -> Option<&'a str> {
        names_in(template).find(|name| self.column(name).is_none())
    }

    /// `template` with the values of session number `session`; lines are used in turn, again from the first.
    #[must_use]
    pub fn fill<'a>(&self, template: &'a str, session: u64, written: Written) -> Cow<'a, str> {
        if !template.contains(OPENS) {
            return Cow::Borrowed(template);
        }
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once(OPENS) {
            filled.push_str(before);
            let Some((name, later)) = after.split_once('}') else {
                filled.push_str(OPENS);
                rest = after;
                continue;
            };
            if let Some(value) = self.value(name, session) {
                written.put(value, &mut filled);
            }
            rest = later;
        }
        filled.push_str(rest);
        Cow::Owned(filled)
    }

    /// The value of a column for session number `session`.
    #[must_use]
    pub fn value(&self, column: &str, session: u64) -> Option<&str> {
        let values = &self.lines[(session % self.lines.len() as u64) as usize];
        let value = values.get(self.column(column)?)?;
        Some(value)
    }

    /// A message of JSON with the values of a session.
    #[must_use]
    pub fn fill_json(&self, message: Bytes, session: u64) -> Bytes {
        let filled = match std::str::from_utf8(&message) {
            Ok(text) => self.fill(text, session, Written::Json),
            Err(_) => return message,
        };
        match filled {
            Cow::Borrowed(_) => message,
            Cow::Owned(filled) => filled.into(),
        }
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

/// The names of values that a template asks for.
pub fn names_in(template: &str) -> impl Iterator<Item = &str> {
    let named = template.split(OPENS).skip(1);
    named.filter_map(|after| Some(after.split_once('}')?.0))
}

/// Where a table is wrong, without what stands there.
fn line(error: &csv::Error) -> String {
    match error.position() {
        Some(at) => format!("line {}: it has another number of columns", at.line()),
        None => "it is no CSV".to_owned(),
    }
}

impl Written {
    /// Puts `value` to the end of `out`.
    pub fn put(self, value: &str, out: &mut String) {
        match self {
            Written::Plain => out.push_str(value),
            Written::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
            Written::Url => {
                for byte in value.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                            out.push(char::from(byte));
                        }
                        _ => out.push_str(&format!("%{byte:02X}")),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> SessionVars {
        SessionVars::read("key, number\nk-1,\"a \"\"b\"\"\"\nk/2,ü\n").unwrap()
    }

    #[test]
    fn each_session_has_its_line() {
        let of = |session, written| {
            let template = "x={var:key}&y={var:number}{";
            table().fill(template, session, written).into_owned()
        };
        assert_eq!(of(0, Written::Plain), "x=k-1&y=a \"b\"{");
        assert_eq!(of(0, Written::Json), "x=k-1&y=a \\\"b\\\"{");
        assert_eq!(of(1, Written::Url), "x=k%2F2&y=%C3%BC{");
        assert_eq!(of(2, Written::Plain), of(0, Written::Plain));
        let open = table().fill("{var:key", 0, Written::Plain).into_owned();
        assert_eq!(open, "{var:key");
    }

    #[test]
    fn a_message_without_names_is_the_same_bytes() {
        let message = Bytes::from_static(b"{\"a\":\"b\"}");
        let filled = table().fill_json(message.clone(), 0);
        assert_eq!(filled.as_ptr(), message.as_ptr());
        let asks = Bytes::from_static(b"{\"a\":\"{var:key}\"}");
        assert_eq!(table().fill_json(asks, 1), "{\"a\":\"k/2\"}");
    }

    #[test]
    fn names_that_no_column_has_are_found() {
        assert_eq!(table().unknown("{var:key} {var:nmber}"), Some("nmber"));
        assert_eq!(table().unknown("{env:key} {var:key}"), None);
        assert_eq!(names_in("{var:a}{var:b").collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_table_that_is_wrong_is_refused_without_its_values() {
        let refused = |text| SessionVars::read(text).unwrap_err();
        assert!(refused("a,b\n1,2\nsecret\n").starts_with("line 3:"));
        assert!(!refused("a,b\n1,2\nsecret\n").contains("secret"));
        assert!(refused("a,b\n").contains("no line"));
        assert!(refused("a,\n1,2\n").contains("name is empty"));
        assert!(refused("").contains("name is empty") || refused("").contains("no line"));
    }
}
