//! The names that a server gives to items and responses, as numbers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::conversation::message::ItemId;

/// Names that are remembered; the oldest is forgotten for a new one.
const MOST_NAMES: usize = 4_096;
/// Bytes of the longest name: what is longer is none.
const LONGEST_NAME: usize = 256;

/// What is known of what has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Unknown,
    /// The caller said it.
    Heard,
    /// A response.
    Response,
    /// A part of this response.
    Of(ItemId),
}

/// The names of one session, numbered in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names {
    forgotten: u32,
    named: VecDeque<(Arc<str>, Role)>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Names {
    /// The number of `name`.
    pub(super) fn id(&mut self, name: &str) -> Option<ItemId> {
        if let Some(id) = self.known(name) {
            return Some(id);
        }
        if name.is_empty() || name.len() > LONGEST_NAME {
            return None;
        }
        let number = self.forgotten.checked_add(self.named.len() as u32)?;
        if self.named.len() == MOST_NAMES
            && let Some((oldest, _)) = self.named.pop_front()
        {
            self.numbers.remove(&oldest);
            self.forgotten += 1;
        }
        let name: Arc<str> = name.into();
        self.named.push_back((name.clone(), Role::Unknown));
        self.numbers.insert(name, number);
        Some(ItemId(number))
    }

    /// The number of `name`, if it has one.
    pub(super) fn known(&self, name: &str) -> Option<ItemId> {
        self.numbers.get(name).copied().map(ItemId)
    }

    /// The name with this number, unless it was forgotten.
    pub(super) fn name(&self, id: ItemId) -> Option<&str> {
        let (name, _) = self.named.get(self.place(id)?)?;
        Some(name)
    }

    pub(super) fn role(&self, id: ItemId) -> Role {
        let named = self.place(id).and_then(|place| self.named.get(place));
        named.map_or(Role::Unknown, |(_, role)| *role)
    }

    pub(super) fn set_role(&mut self, id: ItemId, role: Role) {
        let place = self.place(id);
        if let Some((_, known)) = place.and_then(|place| self.named.get_mut(place)) {
            *known = role;
        }
    }

    fn place(&self, id: ItemId) -> Option<usize> {
        id.0.checked_sub(self.forgotten).map(|place| place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_until_it_is_forgotten() {
        let mut names = Names::default();
        assert_eq!(names.id("a"), Some(ItemId(0)));
        assert_eq!(names.id("b"), Some(ItemId(1)));
        names.set_role(ItemId(1), Role::Heard);
        assert_eq!((names.id("a"), names.known("c")), (Some(ItemId(0)), None));
        for number in 0..MOST_NAMES - 1 {
            names.id(&format!("item_{number}"));
        }
        assert_eq!((names.known("a"), names.name(ItemId(0))), (None, None));
        assert_eq!(names.name(ItemId(1)), Some("b"));
        assert_eq!(names.role(ItemId(1)), Role::Heard);
        assert_eq!(names.id("a"), Some(ItemId(1 + MOST_NAMES as u32)));
        assert_eq!(names.role(ItemId(1)), Role::Unknown);
        assert_eq!(names.named.len(), MOST_NAMES);
        assert_eq!(names.numbers.len(), MOST_NAMES);
    }

    #[test]
    fn a_name_that_is_too_long_or_empty_is_none() {
        let mut names = Names::default();
        let longest = "x".repeat(LONGEST_NAME);
        assert_eq!(names.id(&format!("{longest}x")), None);
        assert_eq!(names.id(""), None);
        assert_eq!(names.id(&longest), Some(ItemId(0)));
    }
}
