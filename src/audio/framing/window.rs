//! A file seen through a window that moves forward: what lies ahead can be looked at before it is
//! taken.

use std::io::{self, Read};

/// How much is read at a time.
const STEP_BYTES: usize = 64 * 1024;

/// Bytes from the current position on. Memory stays that of the farthest look ahead.
pub(super) struct Window {
    source: Box<dyn Read + Send + Sync>,
    bytes: Vec<u8>,
    at: usize,
    position: u64,
    ended: bool,
}

impl Window {
    /// A window at the start of `source`.
    pub(super) fn new(source: impl Read + Send + Sync + 'static) -> Self {
        Self {
            source: Box::new(source),
            bytes: Vec::new(),
            at: 0,
            position: 0,
            ended: false,
        }
    }

    /// Bytes before the window.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The bytes ahead, at least `count` of them; fewer only where the file ends.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.bytes.len() - self.at < count && !self.ended {
            self.bytes.drain(..self.at);
            self.at = 0;
            let there = self.bytes.len();
            self.bytes.resize(there + STEP_BYTES, 0);
            let read = loop {
                match self.source.read(&mut self.bytes[there..]) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.bytes
                .truncate(there + read.as_ref().copied().unwrap_or(0));
            self.ended = read? == 0;
        }
        Ok(&self.bytes[self.at..])
    }

    /// Moves `count` bytes on, or to the end.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let here = self.peek(1)?.len() as u64;
            if here == 0 {
                break;
            }
            let step = here.min(left);
            self.at += step as usize;
            self.position += step;
            left -= step;
        }
        Ok(())
    }

    /// Takes `count` bytes; none where there are fewer.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn take(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(bytes) = self.peek(count)?.get(..count).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.skip(count as u64)?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_seen_before_they_are_taken() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let mut window = Window::new(io::Cursor::new(bytes.clone()));
        assert_eq!(window.peek(10).unwrap()[..10], bytes[..10]);
        window.skip(65_530).unwrap();
        assert_eq!(window.peek(100).unwrap()[..100], bytes[65_530..65_630]);
        assert_eq!(
            window.take(70_000).unwrap().unwrap(),
            bytes[65_530..135_530]
        );
        assert_eq!(window.position(), 135_530);
        assert_eq!(window.take(70_000).unwrap(), None);
        window.skip(u64::MAX).unwrap();
        assert_eq!(
            (window.position(), window.peek(1).unwrap().len()),
            (200_000, 0)
        );
    }
}
