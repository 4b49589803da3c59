//! What turns and calls can have in common: who took them, what they say.

use std::borrow::Cow;

use super::shared::Values;
use crate::results::row::RequestRow;

/// Something that turns may have in common.
pub(super) struct Trait {
    /// Its name.
    pub(super) name: &'static str,
    /// Its value in a turn.
    pub(super) of: fn(&RequestRow) -> Option<Cow<'_, str>>,
    /// Each turn of a call may have another; otherwise the call has it as a whole.
    pub(super) is_of_turn: bool,
}

const fn call(name: &'static str, of: fn(&RequestRow) -> Option<Cow<'_, str>>) -> Trait {
    Trait {
        name,
        of,
        is_of_turn: false,
    }
}

/// In the order in which they are tried: a replica explains more than the address it is behind, and
/// that more than one of the connections to it.
pub(super) const TRAITS: [Trait; 5] = [
    call("replica", |row| Some(row.replica.as_deref()?.into())),
    call("peer", |row| Some(row.peer.as_deref()?.into())),
    call("connection", |row| Some(row.connection?.to_string().into())),
    call("language", |row| Some(row.language_code.as_str().into())),
    Trait {
        name: "clip",
        of: |row| Some(row.clip_id.as_deref()?.into()),
        is_of_turn: true,
    },
];

/// The numbers of a turn's values; `None` without one, and where there are too many.
pub(super) type Numbers = [Option<u32>; TRAITS.len()];

/// How often each value occurs: a call counts once, and where each turn has its own, a turn.
#[derive(Debug, Default)]
pub(super) struct Traits([Values; TRAITS.len()]);

impl Traits {
    /// Takes in a turn.
    pub(super) fn add(&mut self, row: &RequestRow) -> Numbers {
        let mut numbers = Numbers::default();
        for ((number, values), one) in numbers.iter_mut().zip(&mut self.0).zip(&TRAITS) {
            let counts = row.status.is_judged() && (row.turn == 0 || one.is_of_turn);
            *number = (one.of)(row).and_then(|value| match counts {
                true => values.add(&value),
                false => values.number(&value),
            });
        }
        numbers
    }

    /// The values of one trait.
    pub(super) fn values(&self, number: usize) -> Option<&Values> {
        self.0.get(number)
    }
}
