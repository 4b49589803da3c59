//! A message as a session hands it over: what many sessions share, between what is this one's own.

use bytes::{Bytes, BytesMut};

/// A message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// What comes before the body.
    pub head: &'a [u8],
    /// What other sessions may send as well.
    pub body: Bytes,
    /// What comes after the body.
    pub tail: &'a [u8],
    /// Bytes that are no text, where what carries them distinguishes the two.
    pub is_binary: bool,
}

impl Message<'_> {
    /// A message of one piece that is text.
    #[must_use]
    pub fn text(body: Bytes) -> Message<'static> {
        Message {
            head: &[],
            body,
            tail: &[],
            is_binary: false,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces().iter().all(|piece| piece.is_empty())
    }

    /// All of it, in order.
    pub(super) fn pieces(&self) -> [&[u8]; 3] {
        [self.head, &self.body, self.tail]
    }

    /// All of it in one piece, which is the body itself where there is nothing else.
    pub(super) fn joined(self) -> Bytes {
        if self.head.is_empty() && self.tail.is_empty() {
            return self.body;
        }
        let pieces = self.pieces();
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        let mut joined = BytesMut::with_capacity(bytes);
        pieces
            .iter()
            .for_each(|piece| joined.extend_from_slice(piece));
        joined.freeze()
    }
}

impl From<Bytes> for Message<'static> {
    fn from(body: Bytes) -> Message<'static> {
        Message::text(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_copied_only_where_something_stands_around_it() {
        let shared = Bytes::from_static(b"shared");
        let alone = Message::text(shared.clone()).joined();
        assert_eq!(alone.as_ptr(), shared.as_ptr());
        let own = Message {
            head: b"<",
            tail: b">",
            ..Message::text(shared)
        };
        assert!(!own.is_empty());
        assert_eq!(own.joined(), "<shared>");
        assert!(Message::text(Bytes::new()).is_empty());
    }
}
