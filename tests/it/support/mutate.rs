//! Damages files in reproducible ways and feeds them to those who read them.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use voicelt::audio::open;

/// A small generator of pseudo-random numbers (SplitMix64), so that a failure can be repeated.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

/// One damaged copy of `bytes`: flipped bits (most of them near the start, where the headers are),
/// a run of equal bytes, a piece cut out, or the end cut off.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Seeded(seed);
    let mut copy = bytes.to_vec();
    let near_start = copy.len().min(512);
    match random.below(8) {
        0..=3 => {
            for _ in 0..=random.below(8) {
                let at = random.below(near_start);
                copy[at] ^= 1 << random.below(8);
            }
        }
        4 => {
            for _ in 0..=random.below(200) {
                let at = random.below(copy.len());
                copy[at] ^= 1 << random.below(8);
            }
        }
        5 => {
            let at = random.below(near_start);
            let end = (at + random.below(64)).min(copy.len());
            copy[at..end].fill(if random.below(2) == 0 { 0 } else { 0xff });
        }
        6 => {
            let at = random.below(copy.len());
            let end = (at + random.below(4_096)).min(copy.len());
            copy.drain(at..end);
        }
        _ => copy.truncate(random.below(copy.len())),
    }
    copy
}

/// Decodes `copies` damaged copies of `original`, each to its end or its error. Whatever they hold,
/// nothing may panic or go on for ever.
///
/// # Panics
/// When the decoder does, or yields a block that is not as promised, or when all of it takes longer
/// than two minutes.
pub(crate) fn survives(name: &str, original: &[u8], copies: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    endures(&folder.path().join(name), original, copies, decode);
}

/// Writes `copies` damaged copies of `original` to `path`, one after the other, and has each read.
///
/// # Panics
/// When the reader does, or when all of it takes longer than two minutes.
pub(crate) fn endures(
    path: &Path,
    original: &[u8],
    copies: u64,
    read: impl Fn(&Path) + Send + 'static,
) {
    let (place, original) = (path.to_owned(), original.to_vec());
    let (done, waiting) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        for seed in 0..copies {
            std::fs::write(&place, damaged(&original, seed)).expect("a written file");
            read(&place);
        }
        done.send(()).expect("a listener");
    });
    let ended = waiting.recv_timeout(Duration::from_secs(120));
    let name = path.display();
    assert_ne!(
        ended,
        Err(mpsc::RecvTimeoutError::Timeout),
        "{name}: reading does not end"
    );
    worker
        .join()
        .unwrap_or_else(|_| panic!("{name}: see above"));
}

fn decode(path: &Path) {
    let Ok(mut decoder) = open(path, None) else {
        return;
    };
    let mut block = Vec::new();
    while let Ok(Some(format)) = decoder.next_block(&mut block) {
        assert_eq!(block.len(), usize::from(format.layout.channels()));
        assert!(block.iter().all(|plane| plane.len() == block[0].len()));
    }
}
