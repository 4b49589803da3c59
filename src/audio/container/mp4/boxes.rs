//! Boxes of an MP4 or QuickTime file: names and extents, and small bodies.

use std::io;
use std::ops::Range;

use crate::audio::container::media::{Media, Window};

/// Boxes that are looked at in one place: a fragmented recording of days has a million.
const MAX_BOXES: usize = 4_000_000;

/// A box by where its body is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boxed {
    pub(super) name: [u8; 4],
    /// Where its header begins.
    pub(super) at: u64,
    pub(super) body: Range<u64>,
    /// Whether its end is in the range that was looked at.
    pub(super) is_whole: bool,
}

/// Goes from box to box through a range of the file.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    at: u64,
    end: u64,
    left: usize,
}

impl Walk {
    pub(super) fn new(range: Range<u64>) -> Self {
        Self {
            at: range.start,
            end: range.end,
            left: MAX_BOXES,
        }
    }

    /// The next box; none at the end, or at what is no box.
    pub(super) fn next(
        &mut self,
        media: &mut Media,
        window: &mut Window,
    ) -> io::Result<Option<Boxed>> {
        if self.left == 0 || self.end.saturating_sub(self.at) < 8 {
            return Ok(None);
        }
        self.left -= 1;
        let Some([a, b, c, d, name @ ..]) = window.array::<8>(media, self.at)? else {
            return Ok(None);
        };
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            // To the end of the file; inside of others, zeros end a list.
            0 if name != [0; 4] => (8, self.end - self.at),
            1 => match window.array::<8>(media, self.at + 8)? {
                Some(size) => (16, u64::from_be_bytes(size)),
                None => return Ok(None),
            },
            size => (8, u64::from(size)),
        };
        if size < header {
            return Ok(None);
        }
        let at = self.at;
        let end = at.saturating_add(size);
        let is_whole = end <= self.end;
        self.at = end.min(self.end);
        Ok(Some(Boxed {
            name,
            at,
            body: at + header..self.at.max(at + header),
            is_whole,
        }))
    }
}

/// Reads the boxes of an index, which may be anywhere in it.
pub(super) struct Index<'a> {
    pub(super) media: &'a mut Media,
    window: Window,
}

impl<'a> Index<'a> {
    pub(super) fn new(media: &'a mut Media) -> Self {
        Self {
            media,
            window: Window::new(1_024),
        }
    }

    /// The boxes of this name.
    pub(super) fn all(
        &mut self,
        within: &Range<u64>,
        name: &[u8; 4],
    ) -> io::Result<Vec<Range<u64>>> {
        /// More than that are no tracks.
        const MAX_CHILDREN: usize = 1_000;
        let mut found = Vec::new();
        let mut walk = Walk::new(within.clone());
        while let Some(child) = walk.next(self.media, &mut self.window)? {
            if child.name == *name && found.len() < MAX_CHILDREN {
                found.push(child.body);
            }
        }
        Ok(found)
    }

    /// The first box at the end of this path of names.
    pub(super) fn find(
        &mut self,
        within: &Range<u64>,
        path: &[&[u8; 4]],
    ) -> io::Result<Option<Range<u64>>> {
        let mut range = within.clone();
        for name in path {
            let mut walk = Walk::new(range.clone());
            loop {
                match walk.next(self.media, &mut self.window)? {
                    Some(child) if child.name == **name => {
                        range = child.body;
                        break;
                    }
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(range))
    }

    /// The first bytes of a body, at most `limit` of them.
    pub(super) fn body(&mut self, range: &Range<u64>, limit: u64) -> io::Result<Vec<u8>> {
        self.media
            .bytes(range.start, limit.min(range.end - range.start))
    }

    /// The first bytes of the body of the box at the end of this path; empty where there is none.
    pub(super) fn body_of(
        &mut self,
        within: &Range<u64>,
        path: &[&[u8; 4]],
        limit: u64,
    ) -> io::Result<Vec<u8>> {
        match self.find(within, path)? {
            Some(range) => self.body(&range, limit),
            None => Ok(Vec::new()),
        }
    }
}

/// The big-endian number at `at`.
pub(super) fn number<const N: usize>(body: &[u8], at: usize) -> Option<u64> {
    let bytes: &[u8; N] = body.get(at..)?.first_chunk()?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    )
}

/// Names and bodies of the boxes in `body`, up to the first that does not fit.
pub(super) fn children(mut body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = number::<4>(body, 0)? as usize;
        let name = *body.get(4..)?.first_chunk()?;
        let child = body.get(8..size)?;
        body = &body[size..];
        Some((name, child))
    })
}
