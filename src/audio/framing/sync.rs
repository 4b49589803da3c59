//! Frames that begin with a sync word and state their length (MPEG audio, ADTS): where each begins,
//! also behind damage and where another kind of frame follows.
//!
//! A sync word is 11 or 12 bits, which chance writes often. So a header is believed where one was
//! due and it is like the one before, or where the frames behind it confirm it.

use std::io;

use super::Tally;
use super::tags::{is_tag, skip_tag};
use super::window::Window;

/// What a header says.
pub(super) trait Header: Copy {
    /// Bytes that are enough to read a header.
    const BYTES: usize;
    /// A length that no frame exceeds.
    const MAX_FRAME_BYTES: usize;

    /// Reads the header of a frame.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Bytes of the frame, with its header.
    fn frame_bytes(&self) -> usize;
    /// Whether both belong to one stream: of equal rate, channels and codec.
    fn is_like(&self, other: &Self) -> bool;
}

/// Junk before the first frame that is searched; what has more is something else.
const MAX_LEAD_BYTES: u64 = 1 << 20;

/// Finds frames in a file.
pub(super) struct Frames<H> {
    window: Window,
    last: Option<H>,
}

impl<H: Header> Frames<H> {
    /// The frames of a file from here on.
    pub(super) fn new(window: Window) -> Self {
        Self { window, last: None }
    }

    /// The next frame, whole; none at the end. What is skipped is counted.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn next(&mut self, tally: &mut Tally) -> io::Result<Option<(H, Vec<u8>)>> {
        while skip_tag(&mut self.window)? {}
        let header = match self.due()? {
            Some(header) => header,
            None => match self.search(tally)? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        self.last = Some(header);
        let frame = self.window.take(header.frame_bytes())?;
        if frame.is_none() {
            tally.skipped_bytes += self.window.peek(0)?.len() as u64;
        }
        Ok(frame.map(|frame| (header, frame)))
    }

    /// The header that begins here, where it can be believed.
    fn due(&mut self) -> io::Result<Option<H>> {
        let last = self.last;
        let ahead = self.window.peek(H::MAX_FRAME_BYTES + H::BYTES)?;
        let Some(header) = H::read(ahead) else {
            return Ok(None);
        };
        let is_like_last = last.is_some_and(|last| last.is_like(&header));
        let is_believed = is_like_last || is_followed(ahead, header, 1);
        Ok(is_believed.then_some(header))
    }

    /// Moves to the next frame that two others follow, or that ends the file.
    fn search(&mut self, tally: &mut Tally) -> io::Result<Option<H>> {
        let from = self.window.position();
        let found = loop {
            if self.last.is_none() && self.window.position() - from > MAX_LEAD_BYTES {
                break None;
            }
            let ahead = self.window.peek(2 * H::MAX_FRAME_BYTES + H::BYTES)?;
            let Some(at) = ahead.iter().position(|&byte| byte == 0xff) else {
                let bytes = ahead.len() as u64;
                if bytes == 0 {
                    break None;
                }
                self.window.skip(bytes)?;
                continue;
            };
            if at > 0 {
                self.window.skip(at as u64)?;
                continue;
            }
            if let Some(header) = H::read(ahead)
                && is_followed(ahead, header, 2)
            {
                break Some(header);
            }
            self.window.skip(1)?;
        };
        let skipped = self.window.position() - from;
        tally.skipped_bytes += skipped;
        // Junk before the first frame and behind the last one is no loss.
        if found.is_some() && self.last.is_some() {
            tally.losses += 1;
        }
        Ok(found)
    }
}

/// Whether `frames` frames like `header` follow the one that `ahead` begins with, or as many as there
/// are before a tag or the end.
fn is_followed<H: Header>(ahead: &[u8], header: H, frames: u32) -> bool {
    let mut at = header.frame_bytes();
    for _ in 0..frames {
        let Some(next) = ahead.get(at..) else {
            return false;
        };
        if next.is_empty() || is_tag(next) {
            return true;
        }
        match H::read(next).filter(|next| next.is_like(&header)) {
            Some(next) => at += next.frame_bytes(),
            None => return false,
        }
    }
    true
}
