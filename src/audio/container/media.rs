//! Bytes of a file by their place in it, with as much of them in memory as a window is wide.

use std::io::{self, Read, Seek, SeekFrom};

/// What a demuxer reads from: a file, or in tests a vector.
pub(in crate::audio) trait Source: Read + Seek + Send + Sync {}
impl<T: Read + Seek + Send + Sync> Source for T {}

/// A source and its length.
pub(super) struct Media {
    source: Box<dyn Source>,
    len: u64,
}

impl Media {
    pub(super) fn new(mut source: Box<dyn Source>) -> io::Result<Self> {
        let len = source.seek(SeekFrom::End(0))?;
        Ok(Self { source, len })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Up to `bytes` bytes from `at` on: fewer at the end. Memory is taken for what is there.
    pub(super) fn bytes(&mut self, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let there = bytes.min(self.len.saturating_sub(at));
        let mut read = Vec::new();
        if there > 0 {
            self.source.seek(SeekFrom::Start(at))?;
            (&mut self.source).take(there).read_to_end(&mut read)?;
        }
        Ok(read)
    }
}

/// A piece of a file in memory, from where reads near each other are served.
pub(super) struct Window {
    at: u64,
    bytes: Vec<u8>,
    width: u64,
}

impl Window {
    pub(super) fn new(width: u64) -> Self {
        Self {
            at: 0,
            bytes: Vec::new(),
            width,
        }
    }

    /// Exactly `len` bytes from `at` on; none where the file ends before.
    pub(super) fn get(
        &mut self,
        media: &mut Media,
        at: u64,
        len: u64,
    ) -> io::Result<Option<&[u8]>> {
        if at.checked_add(len).is_none_or(|end| end > media.len()) {
            return Ok(None);
        }
        let held = self.at..self.at + self.bytes.len() as u64;
        if at < held.start || at + len > held.end {
            self.bytes = media.bytes(at, len.max(self.width))?;
            self.at = at;
        }
        let start = (at - self.at) as usize;
        Ok(self.bytes.get(start..start + len as usize))
    }

    /// The `N` bytes at `at`; none where the file ends before.
    pub(super) fn array<const N: usize>(
        &mut self,
        media: &mut Media,
        at: u64,
    ) -> io::Result<Option<[u8; N]>> {
        let bytes = self.get(media, at, N as u64)?;
        Ok(bytes.and_then(|bytes| bytes.first_chunk().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_give_what_is_at_a_place_and_nothing_behind_the_end() {
        let mut media =
            Media::new(Box::new(io::Cursor::new((0..100).collect::<Vec<u8>>()))).unwrap();
        let mut window = Window::new(8);
        for at in [0, 3, 7, 50, 49, 92] {
            let bytes = window.get(&mut media, at, 4).unwrap().unwrap();
            assert_eq!(bytes, [at as u8, at as u8 + 1, at as u8 + 2, at as u8 + 3]);
        }
        assert_eq!(window.get(&mut media, 90, 10).unwrap().unwrap().len(), 10);
        assert_eq!(window.get(&mut media, 97, 4).unwrap(), None);
        assert_eq!(window.get(&mut media, u64::MAX, 4).unwrap(), None);
        assert_eq!(media.bytes(98, u64::MAX).unwrap(), [98, 99]);
    }
}
