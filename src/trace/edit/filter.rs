//! A condition on sessions, such as `turns>1`, `duration<30s`, `language=en-US` or `status=OK`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::trace::extent::session_end_ns;
use crate::trace::model::Microphone;
use crate::trace::model::SessionRows;
use crate::units::duration_ns;

crate::names! {
    /// What of a session is looked at.
    pub enum Fact {
        /// Number of its utterances.
        Turns = "turns",
        /// When it starts, since the start of the trace.
        Start = "start",
        /// From its start to its last message.
        Duration = "duration",
        /// Rate of its audio.
        SampleRate = "sample_rate",
        /// Language of the caller.
        Language = "language",
        /// `open` or `push_to_talk`.
        Microphone = "microphone",
        /// How the recorded call ended; what was not recorded meets no condition on it.
        Status = "status",
    }
}

crate::names! {
    /// How a fact and a value must compare.
    pub enum Comparison {
        /// Not equal.
        NotEqual = "!=",
        /// At most.
        AtMost = "<=",
        /// At least.
        AtLeast = ">=",
        /// Less.
        Less = "<",
        /// More.
        More = ">",
        /// Equal; texts whatever their case.
        Equal = "=",
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(i64),
    Text(String),
}

/// A condition on a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    fact: Fact,
    comparison: Comparison,
    value: Value,
    /// As it was written.
    text: String,
}

impl Condition {
    /// Whether a session meets it.
    #[must_use]
    pub fn holds(&self, rows: &SessionRows) -> bool {
        let session = &rows.session;
        let number = |number: i64| match self.value {
            Value::Number(value) => self.comparison.holds(number.cmp(&value)),
            Value::Text(_) => false,
        };
        let text = |text: &str| match &self.value {
            Value::Text(value) => {
                let equal = text.eq_ignore_ascii_case(value);
                equal == (self.comparison == Comparison::Equal)
            }
            Value::Number(_) => false,
        };
        match self.fact {
            Fact::Turns => number(i64::from(session.turns)),
            Fact::Start => number(session.start_ns),
            Fact::Duration => {
                number(session_end_ns(session.start_ns, &rows.events) - session.start_ns)
            }
            Fact::SampleRate => number(i64::from(session.sample_rate_hz)),
            Fact::Language => text(&session.language_code),
            Fact::Microphone => text(session.microphone.name()),
            Fact::Status => session.recorded_status.as_deref().is_some_and(text),
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::AtMost => ordering.is_le(),
            Comparison::AtLeast => ordering.is_ge(),
            Comparison::Less => ordering.is_lt(),
            Comparison::More => ordering.is_gt(),
            Comparison::Equal => ordering.is_eq(),
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let at = text.find(['!', '<', '>', '=']).ok_or_else(|| {
            format!(
                "`{text}` is no condition; write it as `turns>1`, `duration<30s` or `status=OK`"
            )
        })?;
        let (name, rest) = text.split_at(at);
        let known = |known: String| format!("`{}` is none of {known}", name.trim());
        let fact: Fact = name.trim().parse().map_err(known)?;
        // Longer signs come first.
        let mut signs = Comparison::ALL.iter();
        let comparison = signs.find(|sign| rest.starts_with(sign.name()));
        let comparison = *comparison.ok_or_else(|| format!("`{rest}`: `!` is written as `!=`"))?;
        let written = rest[comparison.name().len()..].trim();
        let value = match fact {
            Fact::Turns | Fact::SampleRate => {
                let number = written.parse().map_err(|e| format!("`{written}`: {e}"))?;
                Value::Number(number)
            }
            Fact::Start | Fact::Duration => {
                Value::Number(duration_ns(written).map_err(|e| e.to_string())?)
            }
            Fact::Microphone => {
                let name = written.to_ascii_lowercase().replace('-', "_");
                let microphone: Result<Microphone, _> = name.parse();
                microphone.map_err(|known| format!("`{written}` is none of {known}"))?;
                Value::Text(name)
            }
            Fact::Language | Fact::Status => Value::Text(written.to_owned()),
        };
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if ordered && matches!(value, Value::Text(_)) {
            return Err(format!(
                "`{text}`: {fact} is a text; compare it with = or !="
            ));
        }
        Ok(Condition {
            fact,
            comparison,
            value,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample;

    fn holds(text: &str) -> bool {
        let condition: Condition = text.parse().unwrap();
        assert_eq!(condition.to_string(), text);
        // Starts at 5 s, lasts 40 ms, has one turn.
        condition.holds(&sample::session(5, 0))
    }

    #[test]
    fn every_fact_is_compared() {
        for text in [
            "turns=1",
            "turns<2",
            "turns >= 1",
            "turns!=2",
            "start=5",
            "start>4s",
            "duration=40ms",
            "duration<=40ms",
            "duration<1m",
            "sample_rate=16000",
            "language=EN-us",
            "language!=de-DE",
            "microphone=push-to-talk",
            "status=ok",
            "status!=CANCELLED",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "turns>1",
            "turns!=1",
            "start<5s",
            "duration>40ms",
            "sample_rate<16000",
            "language=de-DE",
            "microphone=open",
            "status!=OK",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_was_not_recorded_has_no_status_to_compare() {
        let mut rows = sample::session(0, 0);
        rows.session.recorded_status = None;
        for text in ["status=OK", "status!=OK"] {
            assert!(!text.parse::<Condition>().unwrap().holds(&rows));
        }
    }

    #[test]
    fn what_is_no_condition_says_what_one_looks_like() {
        let refused = |text: &str| text.parse::<Condition>().unwrap_err();
        assert!(refused("turns").contains("`turns>1`"));
        assert!(refused("colour=red").contains("is none of turns, start"));
        assert!(refused("turns=many").contains("`many`"));
        assert!(refused("duration<long").contains("is not a duration"));
        assert!(refused("status<OK").contains("compare it with ="));
        assert!(refused("microphone=shut").contains("push_to_talk"));
        assert!(refused("turns!2").contains("!="));
    }
}
