//! How much audio came of each item of an answer, so that an item is cut where the caller stopped hearing it.

use crate::conversation::message::ItemId;
use crate::pcm::codec::Format;

/// Parts that are kept of one answer: it has a few.
const MOST_PARTS: usize = 64;

/// A place in an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) item: ItemId,
    pub(super) content_index: i64,
    /// Milliseconds of its audio before.
    pub(super) at_ms: i64,
}

/// The audio of one answer, in the order in which it came and is played.
#[derive(Debug, Default)]
pub(super) struct Heard {
    parts: Vec<Part>,
    /// It was cut: what still comes of it is not played.
    is_cut: bool,
}

#[derive(Debug)]
struct Part {
    item: Option<ItemId>,
    content_index: i64,
    bytes: u64,
}

impl Heard {
    /// So many bytes of audio came of this part of an item.
    pub(super) fn audio(&mut self, item: Option<ItemId>, content_index: i64, bytes: usize) {
        let bytes = bytes as u64;
        let is_full = self.parts.len() == MOST_PARTS;
        match self.parts.last_mut() {
            _ if self.is_cut => {}
            Some(last) if last.item == item && last.content_index == content_index => {
                last.bytes += bytes;
            }
            _ if is_full => {}
            _ => self.parts.push(Part {
                item,
                content_index,
                bytes,
            }),
        }
    }

    /// The caller hears nothing of the last so many nanoseconds of it: where that begins, unless all that came
    /// was heard.
    pub(super) fn cut(&mut self, unheard_ns: i64, format: Format) -> Option<Place> {
        if self.is_cut {
            return None;
        }
        let of_sample = format.bytes_per_sample() as u64;
        let rate = u64::from(format.rate.0);
        let unheard_ns = u128::from(unheard_ns.max(0).unsigned_abs());
        let unheard = (unheard_ns * u128::from(rate)).div_ceil(1_000_000_000);
        let unheard = u64::try_from(unheard).unwrap_or(u64::MAX);
        let all = self.parts.iter().map(|part| part.bytes / of_sample);
        let mut left = all.sum::<u64>().saturating_sub(unheard);
        for part in &self.parts {
            let samples = part.bytes / of_sample;
            if left >= samples {
                left -= samples;
                continue;
            }
            self.is_cut = true;
            return part.item.map(|item| Place {
                item,
                content_index: part.content_index,
                at_ms: i64::try_from(left * 1_000 / rate).unwrap_or(i64::MAX),
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm::codec::Codec;
    use crate::units::{NS_PER_MS, SampleRate};

    const WIRE: Format = Format {
        codec: Codec::Pcm16,
        rate: SampleRate(24_000),
    };
    /// Bytes of a millisecond.
    const MS: usize = 48;

    fn answer() -> Heard {
        let mut heard = Heard::default();
        heard.audio(Some(ItemId(3)), 0, 100 * MS);
        heard.audio(Some(ItemId(3)), 0, 50 * MS + 1);
        heard.audio(None, 0, 50 * MS);
        heard.audio(Some(ItemId(5)), 1, 100 * MS);
        heard
    }

    #[test]
    fn an_item_is_cut_where_it_was_heard_up_to() {
        let place = |item, content_index, at_ms| {
            let item = ItemId(item);
            Some(Place {
                item,
                content_index,
                at_ms,
            })
        };
        let cases = [
            (0, place(3, 0, 0)),
            (149, place(3, 0, 149)),
            // That part has no name.
            (160, None),
            (200, place(5, 1, 0)),
            (299, place(5, 1, 99)),
            (300, None),
            (i64::MAX / NS_PER_MS, None),
            (-5, place(3, 0, 0)),
        ];
        for (heard_ms, expected) in cases {
            let unheard_ms = 300_i64.saturating_sub(heard_ms);
            let cut = answer().cut(unheard_ms.saturating_mul(NS_PER_MS), WIRE);
            assert_eq!(cut, expected, "{heard_ms} ms");
        }
    }

    #[test]
    fn what_comes_after_the_cut_is_not_heard() {
        let mut heard = answer();
        assert_eq!(heard.cut(0, WIRE), None);
        heard.audio(Some(ItemId(5)), 1, 100 * MS);
        assert_eq!(
            heard.cut(50 * NS_PER_MS, WIRE).map(|place| place.at_ms),
            Some(150)
        );
        heard.audio(Some(ItemId(5)), 1, 100 * MS);
        assert_eq!(heard.cut(i64::MAX, WIRE), None, "it is cut once");
    }

    #[test]
    fn an_answer_of_many_parts_takes_bounded_memory() {
        let mut heard = Heard::default();
        for number in 0..10_000 {
            heard.audio(Some(ItemId(number)), 0, MS);
        }
        assert_eq!(heard.parts.len(), MOST_PARTS);
    }
}
