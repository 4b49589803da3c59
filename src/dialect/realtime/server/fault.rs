//! What is wrong with an event of a client, as the service says it.

/// Most characters of a client's own words that are repeated to it.
const MOST_REPEATED: usize = 120;

/// Why an event was not followed. The session goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The service's name of the reason.
    pub code: &'static str,
    /// The reason in words.
    pub message: String,
    /// Path of the field that is wrong, such as `session.audio.input.format`.
    pub param: Option<String>,
}

impl Fault {
    /// A reason that is about no field.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            code,
            message: message.into(),
            param: None,
        }
    }

    /// `param` must be there.
    pub(super) fn missing(param: &str) -> Fault {
        Fault {
            code: "missing_required_parameter",
            message: format!("Missing required parameter: '{param}'."),
            param: Some(param.to_owned()),
        }
    }

    /// No such field is known.
    pub(super) fn unknown(param: &str) -> Fault {
        let param = repeated(param);
        Fault {
            code: "unknown_parameter",
            message: format!("Unknown parameter: '{param}'."),
            param: Some(param),
        }
    }

    /// `param` is of another type than `expected`, as in `an object`.
    pub(super) fn of_another_type(param: &str, expected: &str) -> Fault {
        Fault {
            code: "invalid_type",
            message: format!("Invalid type for '{param}': expected {expected}."),
            param: Some(param.to_owned()),
        }
    }

    /// `param` cannot be `value`; it may be what `supported` says.
    pub(super) fn value(param: &str, value: &str, supported: &str) -> Fault {
        let value = repeated(value);
        Fault {
            code: "invalid_value",
            message: format!("Invalid value: '{value}'. Supported values are: {supported}."),
            param: Some(param.to_owned()),
        }
    }
}

fn repeated(words: &str) -> String {
    words.chars().take(MOST_REPEATED).collect()
}
