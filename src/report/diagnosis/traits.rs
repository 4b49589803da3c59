//! What turns and calls can have in common: who took them, what they say.

use std::borrow::Cow;

use super::values::Values;
use crate::results::row::RequestRow;

/// Something that turns may have in common.
#[derive(Debug)]
pub(super) struct Trait {
    /// Its name.
    pub(super) name: &'static str,
    /// Its value in a turn.
    of: fn(&RequestRow) -> Option<Cow<'_, str>>,
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

const REPLICA: Trait = call("replica", |row| Some(row.replica.as_deref()?.into()));
const PEER: Trait = call("peer", |row| Some(row.peer.as_deref()?.into()));
const CONNECTION: Trait = call("connection", |row| Some(row.connection?.to_string().into()));
const LANGUAGE: Trait = call("language", |row| Some(row.language_code.as_str().into()));
const SESSION: Trait = call("session", |row| Some(session(row)));
const CLIP: Trait = Trait {
    name: "clip",
    of: |row| Some(row.clip_id.as_deref()?.into()),
    is_of_turn: true,
};

const COUNT: usize = 5;

/// What failures may have in common, in the order in which it is tried: a replica explains more than the
/// address it is behind, and that more than one of the connections to it.
pub(super) static OF_FAILURES: [Trait; COUNT] = [REPLICA, PEER, CONNECTION, LANGUAGE, CLIP];
/// What slow turns may have in common.
pub(super) static OF_SLOW: [Trait; COUNT] = [REPLICA, PEER, CONNECTION, CLIP, SESSION];

/// The numbers of a turn's values; `None` without one, and where there are too many.
pub(super) type Numbers = [Option<u32>; COUNT];

/// How often each value of some traits occurs.
#[derive(Debug)]
pub(super) struct Traits {
    all: &'static [Trait; COUNT],
    values: [Values; COUNT],
}

impl Traits {
    /// Nothing yet.
    pub(super) fn of(all: &'static [Trait; COUNT]) -> Traits {
        Traits {
            all,
            values: Default::default(),
        }
    }

    /// Takes in a turn, of which the traits count for which `counts`.
    pub(super) fn add(&mut self, row: &RequestRow, counts: impl Fn(&Trait) -> bool) -> Numbers {
        let mut numbers = Numbers::default();
        for ((number, values), one) in numbers.iter_mut().zip(&mut self.values).zip(self.all) {
            *number = (one.of)(row).and_then(|value| match counts(one) {
                true => values.add(&value),
                false => values.number(&value),
            });
        }
        numbers
    }

    /// Each with its place in [`Numbers`] and how often its values occur, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Trait, &Values)> {
        let all = self.all.iter().zip(&self.values).enumerate();
        all.map(|(place, (one, values))| (place, one, values))
    }
}

/// A session as people tell it from others: copies of one have a number.
pub(super) fn session(row: &RequestRow) -> Cow<'_, str> {
    match row.copy {
        0 => row.session_id.as_str().into(),
        copy => format!("{} (copy {copy})", row.session_id).into(),
    }
}
