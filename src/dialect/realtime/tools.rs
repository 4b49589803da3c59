//! What is said in place of the functions that a model calls.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::units::NS_PER_MS;

/// The name of what is said for every function that has no entry of its own.
const ANY: &str = "*";
/// Longest delay: nobody waits for an hour.
const LONGEST_DELAY_MS: u64 = 3_600_000;

/// Canned outputs of functions by name: `{"weather": {"output": {"sky": "clear"}, "delay_ms": 120}, "*":
/// {"output": "done"}}`. A function that is not named has the output of `*`, and where there is none an empty
/// object, at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Tools {
    canned: BTreeMap<String, Canned>,
}

/// What is said for a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canned {
    /// Its output, as the protocol wants it: a text, which is JSON unless the output is a text itself.
    pub(super) output: String,
    /// How long the function takes.
    pub(super) delay_ns: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    output: Value,
    #[serde(default)]
    delay_ms: u64,
}

impl Tools {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong, and of which function.
    pub fn new(file: Value) -> Result<Tools, String> {
        let Value::Object(entries) = file else {
            return Err("the outputs of functions are no object of their names".to_owned());
        };
        let entries = entries.into_iter();
        let canned = entries.map(|(name, entry)| {
            let entry: Entry =
                serde_json::from_value(entry).map_err(|error| format!("{name:?}: {error}"))?;
            if entry.delay_ms > LONGEST_DELAY_MS {
                let longest = LONGEST_DELAY_MS;
                return Err(format!("{name:?}: \"delay_ms\" is more than {longest}"));
            }
            let output = match entry.output {
                Value::String(text) => text,
                output => output.to_string(),
            };
            let delay_ns = entry.delay_ms as i64 * NS_PER_MS;
            Ok((name, Canned { output, delay_ns }))
        });
        let canned = canned.collect::<Result<_, String>>()?;
        Ok(Tools { canned })
    }

    /// What is said for function `name`.
    pub(super) fn of(&self, name: &str) -> Canned {
        let canned = self.canned.get(name).or_else(|| self.canned.get(ANY));
        canned.cloned().unwrap_or_else(|| Canned {
            output: "{}".to_owned(),
            delay_ns: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canned(output: &str, delay_ms: i64) -> Canned {
        Canned {
            output: output.to_owned(),
            delay_ns: delay_ms * NS_PER_MS,
        }
    }

    #[test]
    fn outputs_are_found_by_name_or_are_the_default() {
        let weather = json!({"output": {"sky": "clear"}, "delay_ms": 120});
        let tools = Tools::new(json!({"weather": weather, "*": {"output": "done"}})).unwrap();
        assert_eq!(tools.of("weather"), canned(r#"{"sky":"clear"}"#, 120));
        assert_eq!(tools.of("other"), canned("done", 0));
        let none = Tools::new(json!({})).unwrap();
        assert_eq!(none.of("weather"), canned("{}", 0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_function() {
        for (file, expected) in [
            (json!([]), "no object"),
            (
                json!({"weather": {"delay_ms": 1}}),
                "\"weather\": missing field `output`",
            ),
            (
                json!({"weather": {"output": 1, "delay": 1}}),
                "unknown field `delay`",
            ),
            (
                json!({"weather": {"output": 1, "delay_ms": 3_600_001}}),
                "more than 3600000",
            ),
            (
                json!({"weather": {"output": 1, "delay_ms": -1}}),
                "\"weather\": ",
            ),
        ] {
            let error = Tools::new(file).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
