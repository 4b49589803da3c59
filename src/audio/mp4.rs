//! What the general demuxer does not tell about an MP4 file: whether it is encrypted, whether its
//! index is there, and how much of the start is encoder delay (the edit list).

use std::io::{Read, Seek, SeekFrom};

use super::error::DecodeError;

/// Facts about the first audio track of an MP4 file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mp4Facts {
    /// The samples are encrypted.
    pub(super) encrypted: bool,
    /// Where the audio begins, in units of `timescale`: what lies before is encoder delay.
    pub(super) starts_at: u64,
    /// Units of media time in a second; 0 when there is no audio track.
    pub(super) timescale: u32,
}

/// The largest index that is read: that of days of audio.
const MAX_INDEX_BYTES: u64 = 64 << 20;
/// Boxes at the top of a file that are looked at; a fragmented recording has thousands.
const MAX_TOP_BOXES: usize = 100_000;

/// Looks through the boxes of `file`, and leaves it at its start.
pub(super) fn inspect(file: &mut (impl Read + Seek)) -> Result<Mp4Facts, DecodeError> {
    let index = read_index(file)?;
    file.seek(SeekFrom::Start(0))?;
    let audio = children(&index)
        .filter(|(name, _)| name == b"trak")
        .find_map(|(_, track)| audio_facts(track));
    Ok(audio.unwrap_or_default())
}

/// The body of the `moov` box of a file that is all there.
fn read_index(file: &mut (impl Read + Seek)) -> Result<Vec<u8>, DecodeError> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut index = None;
    let mut at = 0;
    for _ in 0..MAX_TOP_BOXES {
        if end.saturating_sub(at) < 16 {
            break;
        }
        let (name, header, size) = read_box(file, at, end)?;
        let fits = size >= header && size <= end - at;
        match &name {
            // Fragments stand for themselves: a recording that breaks off keeps those before.
            b"moof" => break,
            b"moov" if fits && size <= MAX_INDEX_BYTES => {
                let mut body = vec![0; (size - header) as usize];
                file.read_exact(&mut body)?;
                index = Some(body);
            }
            _ if !fits && index.is_some() => {
                return Err(DecodeError::damaged(
                    "it was cut off: its last part is not whole",
                ));
            }
            _ if !fits => break,
            _ => {}
        }
        at += size;
    }
    index.ok_or_else(|| {
        DecodeError::damaged(
            "its index (moov box) is missing: the recording was cut off or never finished",
        )
    })
}

/// Name, header bytes and whole size of the box at `at`, whose body is next to be read. At least 16
/// bytes are left.
fn read_box(
    file: &mut (impl Read + Seek),
    at: u64,
    end: u64,
) -> Result<([u8; 4], u64, u64), DecodeError> {
    file.seek(SeekFrom::Start(at))?;
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let [a, b, c, d, name @ ..] = head;
    Ok(match u32::from_be_bytes([a, b, c, d]) {
        0 => (name, 8, end - at),
        1 => {
            file.read_exact(&mut head)?;
            (name, 16, u64::from_be_bytes(head))
        }
        size => (name, 8, u64::from(size)),
    })
}

/// The facts of a track, if it is one of audio.
fn audio_facts(track: &[u8]) -> Option<Mp4Facts> {
    let media = child(track, b"mdia")?;
    let handler = child(media, b"hdlr")?;
    if handler.get(8..12)? != b"soun" {
        return None;
    }
    let header = child(media, b"mdhd")?;
    let timescale = number(header, if header.first()? == &1 { 20 } else { 12 })?;
    let descriptions = child(child(child(media, b"minf")?, b"stbl")?, b"stsd")?;
    let (entry, _) = children(descriptions.get(8..)?).next()?;
    let starts_at = child(track, b"edts")
        .and_then(|edits| child(edits, b"elst"))
        .and_then(first_media_time)
        .unwrap_or(0);
    Some(Mp4Facts {
        encrypted: matches!(&entry, b"enca" | b"drms"),
        starts_at,
        timescale,
    })
}

/// Media time of the first edit that shows media (an edit before it may be a pause).
fn first_media_time(list: &[u8]) -> Option<u64> {
    let is_long = list.first()? == &1;
    let entries = list.get(8..)?.chunks_exact(if is_long { 20 } else { 12 });
    entries
        .filter_map(|entry| {
            let time = if is_long {
                i64::from_be_bytes(*entry.get(8..)?.first_chunk()?)
            } else {
                i64::from(i32::from_be_bytes(*entry.get(4..)?.first_chunk()?))
            };
            u64::try_from(time).ok()
        })
        .next()
}

fn number(body: &[u8], at: usize) -> Option<u32> {
    body.get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)
}

fn child<'a>(body: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    children(body)
        .find(|(name, _)| name == wanted)
        .map(|(_, body)| body)
}

/// Names and bodies of the boxes in `body`, up to the first that does not fit.
fn children(mut body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = number(body, 0)? as usize;
        let name = *body.get(4..)?.first_chunk()?;
        let child = body.get(8..size)?;
        body = &body[size..];
        Some((name, child))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut out = (body.len() as u32 + 8).to_be_bytes().to_vec();
        out.extend(name);
        out.extend(body);
        out
    }

    fn audio_file(entry: &[u8; 4], media_times: &[i32]) -> Vec<u8> {
        let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0soun");
        let header = boxed(
            b"mdhd",
            &[[0; 12].as_slice(), &44_100_u32.to_be_bytes()].concat(),
        );
        let entry = [&[0, 0, 0, 0, 0, 0, 0, 1], boxed(entry, &[0; 28]).as_slice()].concat();
        let table = boxed(b"minf", &boxed(b"stbl", &boxed(b"stsd", &entry)));
        let media = boxed(b"mdia", &[handler, header, table].concat());
        let mut list = vec![0, 0, 0, 0, 0, 0, 0, media_times.len() as u8];
        for time in media_times {
            list.extend(1_000_u32.to_be_bytes());
            list.extend(time.to_be_bytes());
            list.extend([0, 1, 0, 0]);
        }
        let edits = boxed(b"edts", &boxed(b"elst", &list));
        let index = boxed(b"moov", &boxed(b"trak", &[edits, media].concat()));
        [boxed(b"ftyp", b"M4A "), boxed(b"mdat", &[7; 100]), index].concat()
    }

    #[test]
    fn the_edit_list_tells_where_audio_begins() {
        let facts = inspect(&mut Cursor::new(audio_file(b"mp4a", &[-1, 1_024]))).unwrap();
        assert_eq!(
            facts,
            Mp4Facts {
                encrypted: false,
                starts_at: 1_024,
                timescale: 44_100
            }
        );
    }

    #[test]
    fn encrypted_tracks_are_seen() {
        for entry in [b"enca", b"drms"] {
            assert!(
                inspect(&mut Cursor::new(audio_file(entry, &[])))
                    .unwrap()
                    .encrypted
            );
        }
    }

    #[test]
    fn a_file_without_index_is_damaged() {
        let file = audio_file(b"mp4a", &[0]);
        for cut in [0, 12, 60, 130, file.len() - 1] {
            let result = inspect(&mut Cursor::new(&file[..cut]));
            assert!(
                matches!(result, Err(DecodeError::Damaged(_))),
                "{cut}: {result:?}"
            );
        }
    }

    #[test]
    fn media_that_is_not_all_there_is_damaged() {
        let mut file = audio_file(b"mp4a", &[0]);
        file.extend(boxed(b"mdat", &[7; 100]));
        file.truncate(file.len() - 1);
        let error = inspect(&mut Cursor::new(file)).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{error}");
    }

    #[test]
    fn a_box_that_reaches_over_the_end_ends_the_search() {
        let mut file = boxed(b"ftyp", b"M4A ");
        file.extend([0, 0, 0, 1]);
        file.extend(b"mdat");
        file.extend(u64::MAX.to_be_bytes());
        assert!(inspect(&mut Cursor::new(file)).is_err());
    }
}
