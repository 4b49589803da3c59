//! A message that a description sends.

use bytes::Bytes;
use prost_reflect::MessageDescriptor;
use serde::de::IgnoredAny;

use super::fault::{Fault, Source};
use super::protobuf;
use super::template::{Outside, Template, Values};
use super::toml_table::Placed;

/// A message: text, or one of protobuf that is written as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    template: Template,
    of: Option<MessageDescriptor>,
}

impl Message {
    /// Reads a message that may hold these values; `of` is its type where it is protobuf.
    ///
    /// # Errors
    /// A value that there is not; what is no JSON, or no message of the type.
    pub(super) fn parse(
        source: Source<'_>,
        text: Placed<&str>,
        of: Option<&MessageDescriptor>,
        allowed: &[&'static str],
        outside: &mut Outside<'_>,
    ) -> Result<Message, Fault> {
        let fault = |what: String| source.fault(text.at, what);
        let template = Template::parse(text.value, allowed, outside).map_err(fault)?;
        let message = Message {
            template,
            of: of.cloned(),
        };
        match of {
            // What is neither a number nor base64 is only where any text may be.
            Some(of) => {
                let sample = message.template.fill(&sample("?", outside));
                protobuf::encode(of, &sample).map_err(fault)?;
            }
            None if message.template.is_json() => {
                let sample = message.template.fill(&sample("0", outside));
                let read = serde_json::from_str::<IgnoredAny>(&sample);
                read.map_err(|error| fault(format!("the message is no JSON: {error}")))?;
            }
            None => {}
        }
        Ok(message)
    }

    /// The message with the values of a session, as it is sent.
    pub(super) fn encode(&self, values: &Values) -> Bytes {
        let text = self.filled(values);
        match &self.of {
            // It was tried with values that fit less.
            Some(of) => protobuf::encode(of, &text).unwrap_or_default(),
            None => text.into(),
        }
    }

    /// Its text, with these values.
    pub(super) fn filled(&self, values: &Values) -> String {
        self.template.fill(values)
    }

    /// Its type, where it is protobuf.
    pub(super) fn message_type(&self) -> Option<&MessageDescriptor> {
        self.of.as_ref()
    }

    /// The same in words.
    pub(super) fn shown(&self, values: &Values) -> String {
        let text = self.filled(values);
        match &self.of {
            Some(of) => format!("{} {text}", of.full_name()),
            None => text,
        }
    }
}

fn sample(text: &str, outside: &Outside<'_>) -> Values {
    Values {
        session_id: text.to_owned(),
        language: text.to_owned(),
        sample_rate: 16_000,
        vars: vec![text.to_owned(); outside.vars.len()],
        text: text.to_owned(),
    }
}
