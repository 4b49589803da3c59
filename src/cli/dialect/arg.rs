//! The value of `--dialect`.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};

use crate::results::protocol::DialectName;

/// What the name of a description ends in.
const DESCRIPTION: &str = ".toml";

/// In which dialect calls are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum DialectArg {
    /// That of the gateway's own protocol.
    #[default]
    StreamAudio,
    /// OpenAI Realtime.
    Realtime,
    /// Twilio Media Streams.
    Twilio,
    /// That which this file describes.
    File(PathBuf),
}

impl fmt::Display for DialectArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialectArg::StreamAudio => f.write_str(DialectName::StreamAudio.name()),
            DialectArg::Realtime => f.write_str(DialectName::Realtime.name()),
            DialectArg::Twilio => f.write_str(DialectName::Twilio.name()),
            DialectArg::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Reads a name, or the path of a description.
#[derive(Debug, Clone)]
pub(crate) struct DialectParser;

impl TypedValueParser for DialectParser {
    type Value = DialectArg;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<DialectArg, clap::Error> {
        let read = |text: String| match text {
            text if text == DialectName::StreamAudio.name() => Ok(DialectArg::StreamAudio),
            text if text == DialectName::Realtime.name() => Ok(DialectArg::Realtime),
            text if text == DialectName::Twilio.name() => Ok(DialectArg::Twilio),
            text if text.ends_with(DESCRIPTION) => Ok(DialectArg::File(text.into())),
            _ => {
                Err("it is stream-audio, realtime, twilio or the path of a description, FILE.toml")
            }
        };
        StringValueParser::new()
            .try_map(read)
            .parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = [
            DialectName::StreamAudio,
            DialectName::Realtime,
            DialectName::Twilio,
        ];
        Some(Box::new(
            names.map(|it| PossibleValue::new(it.name())).into_iter(),
        ))
    }
}
