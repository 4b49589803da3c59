//! Finds what pointers name in a message on the wire in one pass, without decoding the rest.

use super::field::{Leaf, Path};
use super::wire::{Value, tag, value};
use crate::dialect::described::found::Found;

/// Most fields that are wanted of one message.
pub(super) const MOST_FIELDS: usize = 64;

/// What is wanted of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::dialect::described) struct Place {
    fields: Vec<Wanted>,
}

/// What is wanted of a field, or of one element of it.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    number: u32,
    element: Option<usize>,
    slot: Option<(usize, Leaf)>,
    below: Option<Place>,
}

impl Place {
    /// Wants what is at the end of `path`, to be put in `slot`.
    ///
    /// # Errors
    /// There would be too many fields of a message.
    pub(in crate::dialect::described) fn want(
        &mut self,
        path: &Path,
        slot: usize,
    ) -> Result<(), String> {
        let mut place = self;
        let Some((last, steps)) = path.steps.split_last() else {
            return Ok(());
        };
        for step in steps {
            let below = &mut place.wanted(*step)?.below;
            place = below.get_or_insert_default();
        }
        place.wanted(*last)?.slot = Some((slot, path.leaf));
        Ok(())
    }

    fn wanted(&mut self, (number, element): (u32, Option<usize>)) -> Result<&mut Wanted, String> {
        let mut known = self.fields.iter();
        let known = known.position(|field| (field.number, field.element) == (number, element));
        let at = known.unwrap_or(self.fields.len());
        if at == MOST_FIELDS {
            return Err(format!(
                "more than {MOST_FIELDS} fields of a message are pointed at"
            ));
        }
        if known.is_none() {
            self.fields.push(Wanted {
                number,
                element,
                slot: None,
                below: None,
            });
        }
        Ok(&mut self.fields[at])
    }

    /// Puts what is found in `message` into `slots`; what is not there stays as it is. Whether the message is one, as
    /// far as it was read.
    pub(in crate::dialect::described) fn find<'a>(
        &self,
        message: &'a [u8],
        slots: &mut [Found<'a>],
    ) -> bool {
        self.scan(message, slots).is_some()
    }

    fn scan<'a>(&self, message: &'a [u8], slots: &mut [Found<'a>]) -> Option<()> {
        for wanted in &self.fields {
            if let Some((slot, leaf)) = wanted.slot
                && slots.get(slot) == Some(&Found::Missing)
            {
                slots[slot] = leaf.default();
            }
        }
        let mut seen = [0; MOST_FIELDS];
        let mut rest = message;
        while !rest.is_empty() {
            let (number, wire) = tag(&mut rest)?;
            let value = value(&mut rest, number, wire)?;
            for (wanted, seen) in self.fields.iter().zip(&mut seen) {
                if wanted.number != number {
                    continue;
                }
                let element = *seen;
                *seen += 1;
                if wanted.element.is_none_or(|of| of == element) {
                    wanted.take(value, slots)?;
                }
            }
        }
        Some(())
    }
}

impl Wanted {
    fn take<'a>(&self, value: Value<'a>, slots: &mut [Found<'a>]) -> Option<()> {
        if let Some(below) = &self.below {
            below.scan(value.bytes()?, slots)?;
        }
        if let Some((slot, leaf)) = self.slot
            && let Some(found) = leaf.found(value)?
        {
            *slots.get_mut(slot)? = found;
        }
        Some(())
    }
}
