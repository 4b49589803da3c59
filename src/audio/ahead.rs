//! Decoding on a thread of its own, ahead of what becomes of the blocks: where a library has fewer files
//! than there are cores, one file has two of them.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::decode::Decoder;
use super::error::DecodeError;
use super::guard::BlockFormat;

/// Blocks that are decoded ahead: enough that neither side waits for the other's turns of work.
const AHEAD: usize = 32;

/// A block, and how long all that is decoded is with it.
struct Decoded {
    format: BlockFormat,
    planes: Vec<Vec<f32>>,
    decoded_ns: i64,
}

/// Hands each block of `decoder` to `take`, with the length of what is decoded so far, until the end or
/// until `take` wants no more; `ahead` says whether on two threads. The blocks are the same either way.
///
/// # Errors
/// The first of the decoder's and of `take`.
pub(super) fn each_block<E: From<DecodeError>>(
    decoder: &mut Decoder,
    ahead: bool,
    take: impl FnMut(&[Vec<f32>], BlockFormat, i64) -> Result<bool, E>,
) -> Result<(), E> {
    match ahead {
        true => on_two_threads(decoder, take),
        false => on_this_thread(decoder, take),
    }
}

fn on_this_thread<E: From<DecodeError>>(
    decoder: &mut Decoder,
    mut take: impl FnMut(&[Vec<f32>], BlockFormat, i64) -> Result<bool, E>,
) -> Result<(), E> {
    let mut planes = Vec::new();
    while let Some(format) = decoder.next_block(&mut planes)? {
        if !take(&planes, format, decoder.decoded_ns())? {
            break;
        }
    }
    Ok(())
}

fn on_two_threads<E: From<DecodeError>>(
    decoder: &mut Decoder,
    mut take: impl FnMut(&[Vec<f32>], BlockFormat, i64) -> Result<bool, E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (decoded, blocks) = sync_channel(AHEAD);
        let (used, spare) = channel();
        scope.spawn(move || decode(decoder, &decoded, &spare));
        // Dropped with the receiver, which ends the other thread, whatever ends this one.
        take_all(blocks, &used, &mut take)
    })
}

fn take_all<E: From<DecodeError>>(
    blocks: Receiver<Result<Decoded, DecodeError>>,
    used: &Sender<Vec<Vec<f32>>>,
    take: &mut impl FnMut(&[Vec<f32>], BlockFormat, i64) -> Result<bool, E>,
) -> Result<(), E> {
    for block in blocks {
        let Decoded {
            format,
            planes,
            decoded_ns,
        } = block?;
        if !take(&planes, format, decoded_ns)? {
            break;
        }
        // The decoder may have ended.
        let _ = used.send(planes);
    }
    Ok(())
}

/// Decodes into blocks that were used, until the end, an error, or nobody takes any more.
fn decode(
    decoder: &mut Decoder,
    decoded: &SyncSender<Result<Decoded, DecodeError>>,
    spare: &Receiver<Vec<Vec<f32>>>,
) {
    loop {
        let mut planes = spare.try_recv().unwrap_or_default();
        let block = match decoder.next_block(&mut planes) {
            Ok(None) => return,
            Ok(Some(format)) => Ok(Decoded {
                format,
                planes,
                decoded_ns: decoder.decoded_ns(),
            }),
            Err(error) => Err(error),
        };
        let is_last = block.is_err();
        if decoded.send(block).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    /// The blocks of a WAV file of 16-bit mono, up to `most` of them.
    fn blocks(bytes: &[u8], ahead: bool, most: usize) -> Result<Vec<Vec<f32>>, DecodeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        std::fs::write(&path, bytes).unwrap();
        let mut decoder = open(&path, None).unwrap();
        let (mut blocks, mut last_ns) = (Vec::new(), 0);
        each_block(&mut decoder, ahead, |planes, _, decoded_ns| {
            assert!(decoded_ns > last_ns);
            last_ns = decoded_ns;
            blocks.push(planes[0].clone());
            Ok::<_, DecodeError>(blocks.len() < most)
        })?;
        Ok(blocks)
    }

    fn wav_file(samples: u32) -> Vec<u8> {
        let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend([0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0]);
        file.extend(b"data");
        file.extend((samples * 2).to_le_bytes());
        file.extend((0..samples).flat_map(|n| ((n * 7) as i16).to_le_bytes()));
        file
    }

    #[test]
    fn two_threads_give_the_blocks_of_one() {
        let file = wav_file(1_000_000);
        let one = blocks(&file, false, usize::MAX).unwrap();
        assert!(one.len() > AHEAD * 2, "{}", one.len());
        assert!(one == blocks(&file, true, usize::MAX).unwrap());
    }

    #[test]
    fn who_wants_no_more_ends_the_decoding() {
        let file = wav_file(1_000_000);
        for ahead in [false, true] {
            assert_eq!(blocks(&file, ahead, 3).unwrap().len(), 3);
        }
    }

    #[test]
    fn an_error_of_who_takes_them_ends_the_decoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        std::fs::write(&path, wav_file(1_000_000)).unwrap();
        for ahead in [false, true] {
            let mut decoder = open(&path, None).unwrap();
            let refused = each_block(&mut decoder, ahead, |_, _, _| {
                Err::<bool, _>(DecodeError::NoSamples)
            });
            assert!(matches!(refused, Err(DecodeError::NoSamples)));
        }
    }
}
