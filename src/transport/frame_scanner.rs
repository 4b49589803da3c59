//! Where the DATA frames end in what HTTP/2 sends, read from the heads of the frames as they pass.

/// What a client sends before its first frame (RFC 9113, section 3.4), in bytes.
const PREFACE: usize = 24;
/// The head of a frame (section 4.1): three bytes of length, type, flags, four bytes of stream.
const HEAD: usize = 9;
const DATA: u8 = 0;
const END_STREAM: u8 = 1;

/// A DATA frame that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DataFrame {
    pub(super) stream: u32,
    /// Length of its payload; ours are never padded.
    pub(super) bytes: u32,
    /// It is the last of its stream.
    pub(super) ends: bool,
    /// Bytes of the connection up to its end.
    pub(super) end: u64,
}

/// Follows one direction of a connection, in pieces of any size.
#[derive(Debug)]
pub(super) struct FrameScanner {
    /// Bytes that have passed.
    position: u64,
    /// Up to where the preface or the present payload goes.
    skip_to: u64,
    head: [u8; HEAD],
    /// Bytes of the head that have passed.
    known: usize,
    /// The DATA frame whose payload passes.
    open: Option<DataFrame>,
}

impl Default for FrameScanner {
    fn default() -> Self {
        FrameScanner {
            position: 0,
            skip_to: PREFACE as u64,
            head: [0; HEAD],
            known: 0,
            open: None,
        }
    }
}

impl FrameScanner {
    /// Bytes that have passed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// `bytes` pass; `each` is told of the DATA frames that end in them.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(DataFrame)) {
        loop {
            let payload = usize::try_from(self.skip_to - self.position).unwrap_or(usize::MAX);
            let (skipped, rest) = bytes.split_at(payload.min(bytes.len()));
            self.position += skipped.len() as u64;
            bytes = rest;
            if self.position < self.skip_to {
                return;
            }
            if let Some(frame) = self.open.take() {
                each(frame);
            }
            let wanted = (HEAD - self.known).min(bytes.len());
            let (head, rest) = bytes.split_at(wanted);
            self.head[self.known..self.known + wanted].copy_from_slice(head);
            self.position += wanted as u64;
            self.known += wanted;
            bytes = rest;
            // The end of what passes is not the end of this payload, were it empty.
            self.skip_to = self.position;
            if self.known < HEAD {
                return;
            }
            self.known = 0;
            self.begin();
        }
    }

    /// The head of a frame has passed.
    fn begin(&mut self) {
        let [l2, l1, l0, kind, flags, s3, s2, s1, s0] = self.head;
        let length = u32::from_be_bytes([0, l2, l1, l0]);
        self.skip_to = self.position + u64::from(length);
        self.open = (kind == DATA).then(|| DataFrame {
            stream: u32::from_be_bytes([s3, s2, s1, s0]) & (u32::MAX >> 1),
            bytes: length,
            ends: flags & END_STREAM != 0,
            end: self.skip_to,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let mut frame = (payload as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.resize(HEAD + payload, kind);
        frame
    }

    proptest! {
        #[test]
        fn data_frames_are_found_however_the_bytes_are_cut(
            frames in prop::collection::vec((0_u8..10, 0_u8..2, 1_u32..9, 0_usize..40), 0..20),
            cuts in prop::collection::vec(1_usize..50, 1..20),
        ) {
            let mut bytes = vec![7; PREFACE];
            let mut expected = Vec::new();
            for (kind, flags, stream, payload) in frames {
                bytes.extend(frame(kind, flags, stream, payload));
                if kind == DATA {
                    let (payload, end) = (payload as u32, bytes.len() as u64);
                    expected.push(DataFrame { stream, bytes: payload, ends: flags == 1, end });
                }
            }
            let mut scanner = FrameScanner::default();
            let mut found = Vec::new();
            let (mut left, mut cuts) = (&bytes[..], cuts.into_iter().cycle());
            while !left.is_empty() {
                let (piece, rest) = left.split_at(cuts.next().unwrap().min(left.len()));
                scanner.pass(piece, |frame| {
                    // Told with the piece in which it ends, and not before.
                    let passed = (bytes.len() - rest.len()) as u64;
                    assert!(frame.end <= passed && frame.end > passed - piece.len() as u64);
                    found.push(frame);
                });
                left = rest;
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(scanner.position(), bytes.len() as u64);
        }
    }
}
