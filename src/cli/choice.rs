//! Flags whose values have names.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::table::Cell;
use crate::trace::model::Microphone;

/// Reads a value by its name.
pub(super) fn choice<T>() -> impl TypedValueParser<Value = T>
where
    T: Cell + FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(T::NAMES).try_map(|text| text.parse::<T>())
}

/// Reads a microphone, spelt as on the command line or as in the file.
pub(super) fn microphone() -> impl TypedValueParser<Value = Microphone> {
    let push_to_talk = PossibleValue::new("push-to-talk").alias("push_to_talk");
    PossibleValuesParser::new([PossibleValue::new("open"), push_to_talk])
        .try_map(|text| text.replace('-', "_").parse::<Microphone>())
}
