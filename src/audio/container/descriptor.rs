//! Descriptors of MPEG-4 (ISO/IEC 14496-1, 7.2.6), which MP4 and CAF have for its codecs.

/// The number of a codec and its setup, by the description of its stream.
pub(super) fn read_esds(body: &[u8]) -> Option<(u8, &[u8])> {
    const STREAM: u8 = 3;
    const DECODER: u8 = 4;
    const SETUP: u8 = 5;
    let mut stream = descriptor(body, STREAM)?;
    let flags = *stream.get(2)?;
    stream = stream.get(3..)?;
    if flags & 0x80 != 0 {
        stream = stream.get(2..)?;
    }
    if flags & 0x40 != 0 {
        let url = usize::from(*stream.first()?);
        stream = stream.get(1 + url..)?;
    }
    if flags & 0x20 != 0 {
        stream = stream.get(2..)?;
    }
    let decoder = descriptor(stream, DECODER)?;
    let setup = descriptor(decoder.get(13..)?, SETUP).unwrap_or_default();
    Some((*decoder.first()?, setup))
}

/// The body of the first descriptor with this tag; one that reaches over the end is cut there.
fn descriptor(mut bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    while let [tag, rest @ ..] = bytes {
        let mut len = 0;
        let mut body = rest;
        for _ in 0..4 {
            let (byte, behind) = body.split_first()?;
            body = behind;
            len = len << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let len = len.min(body.len());
        if *tag == wanted {
            return Some(&body[..len]);
        }
        bytes = &body[len..];
    }
    None
}
