//! What a file is, by its first bytes; its extension counts only where those say nothing.

use std::path::Path;

use super::container::Container;

/// Who should decode a file, or why no one can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A RIFF or RF64 WAV file.
    Wav,
    /// A container that is taken apart here.
    Contained(Container),
    /// A RIFX WAV file, whose numbers are the other way round.
    BigEndianWav,
    /// An AIFF or AIFC file.
    Aiff,
    /// Another container or codec that is decoded here.
    Native,
    /// Audio, or a container that may hold some, that only ffmpeg decodes; with its name.
    Foreign(&'static str),
    /// Audio without a header that only ffmpeg decodes; with the name of its demuxer.
    Headerless(&'static str),
    /// Something else; with its name.
    NotAudio(&'static str),
    /// No known signature, but an extension of audio.
    Misnamed,
    /// No known signature.
    Unknown,
}

/// How many of the first bytes are looked at.
pub(super) const HEAD_BYTES: usize = 512;

/// Signatures at the start of a file.
const SIGNATURES: &[(&[u8], Content)] = &[
    (b"fLaC", Content::Native),
    (b"OggS", Content::Native),
    (b"ID3", Content::Native),
    (b"caff", Content::Contained(Container::Caf)),
    (b"\x1a\x45\xdf\xa3", Content::Contained(Container::Matroska)),
    (b"#!AMR-WB", Content::Foreign("amr_wb")),
    (b"#!AMR", Content::Foreign("amr_nb")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Content::Foreign("wma")),
    (b"riff\x2e\x91\xcf\x11", Content::Foreign("w64")),
    (b".snd", Content::Foreign("au")),
    (b"NIST_1A", Content::Foreign("nistspeech")),
    (b"MAC ", Content::Foreign("ape")),
    (b"wvpk", Content::Foreign("wavpack")),
    (b"TTA1", Content::Foreign("tta")),
    (b"MPCK", Content::Foreign("musepack")),
    (b"MP+", Content::Foreign("musepack")),
    (b"DSD ", Content::Foreign("dsf")),
    (b".RMF", Content::Foreign("realmedia")),
    (b"FLV\x01", Content::Foreign("flv")),
    (b"ADIF", Content::Foreign("aac (ADIF)")),
    (b"Creative Voice File", Content::Foreign("voc")),
    (b"\x00\x00\x01\xba", Content::Foreign("mpeg")),
    (b"\x0b\x77", Content::Foreign("ac3")),
    (b"\x7f\xfe\x80\x01", Content::Foreign("dts")),
    (b".ra\xfd", Content::Foreign("realaudio")),
    (b"#!iLBC", Content::Foreign("ilbc")),
    (b"\x02#!SILK", Content::Foreign("silk")),
    (b"#!SILK", Content::Foreign("silk")),
    (b"ajkg", Content::Foreign("shorten")),
    (b"tBaK", Content::Foreign("tak")),
    (b"TWIN", Content::Foreign("twinvq")),
    (b"ea3\x03", Content::Foreign("atrac")),
    (b"FRM8", Content::Foreign("dff")),
    // What sound cards and workstations of the eighties and nineties wrote.
    (b".SoX", Content::Foreign("sox")),
    (b"XoS.", Content::Foreign("sox")),
    (b"PVF1", Content::Foreign("pvf")),
    (b"PVF2", Content::Foreign("pvf")),
    (b"2BIT", Content::Foreign("avr")),
    (b"ALawSoundFile**", Content::Foreign("psion")),
    (b"SOUND SAMPLE DATA ", Content::Foreign("smp")),
    (b" paf", Content::Foreign("paf")),
    (b"fap ", Content::Foreign("paf")),
    (b"%PDF", Content::NotAudio("it is a PDF document")),
    (b"\x89PNG", Content::NotAudio("it is a PNG image")),
    (b"\xff\xd8\xff", Content::NotAudio("it is a JPEG image")),
    (b"GIF8", Content::NotAudio("it is a GIF image")),
    (
        b"PK\x03\x04",
        Content::NotAudio("it is a ZIP archive or an office document"),
    ),
    (
        b"\x1f\x8b",
        Content::NotAudio("it is a gzip archive; unpack it first"),
    ),
    (
        b"BZh",
        Content::NotAudio("it is a bzip2 archive; unpack it first"),
    ),
    (
        b"\xfd7zXZ",
        Content::NotAudio("it is an xz archive; unpack it first"),
    ),
    (
        b"7z\xbc\xaf",
        Content::NotAudio("it is a 7-Zip archive; unpack it first"),
    ),
    (
        b"\x28\xb5\x2f\xfd",
        Content::NotAudio("it is a zstd archive; unpack it first"),
    ),
    (b"\x7fELF", Content::NotAudio("it is a program")),
    (
        b"MThd",
        Content::NotAudio("it is a MIDI score, which has no sound"),
    ),
    (b"PAR1", Content::NotAudio("it is a Parquet table")),
];

/// Judges a file by its first bytes (up to [`HEAD_BYTES`]).
pub(super) fn content(head: &[u8]) -> Content {
    let form = head.get(8..12).unwrap_or_default();
    match (head.get(..4).unwrap_or_default(), form) {
        (b"OggS", _) if head.get(28..36) == Some(b"Speex   ") => {
            return Content::Foreign("speex");
        }
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => return Content::Wav,
        (b"RIFX", b"WAVE") => return Content::BigEndianWav,
        (b"RIFF", b"QLCM") => return Content::Foreign("qcelp"),
        (b"RIFF", b"XWMA") => return Content::Foreign("xwma"),
        (b"RIFF", b"AVI ") => return Content::Foreign("avi"),
        (b"RIFF", b"WEBP") => return Content::NotAudio("it is a WebP image"),
        (b"FORM", b"AIFF" | b"AIFC") => return Content::Aiff,
        (b"FORM", b"8SVX" | b"16SV" | b"MAUD") => return Content::Foreign("8svx"),
        (&[0x64, 0xa3, 1..=4, 0] | &[0, 1..=4, 0xa3, 0x64], _) => return Content::Foreign("ircam"),
        _ if head.get(65..73) == Some(b"FSSDHCOM") => return Content::Foreign("hcom"),
        _ if is_transport_stream(head) => return Content::Foreign("mpegts"),
        _ => {}
    }
    match head.get(4..8).unwrap_or_default() {
        b"ftyp" => {
            return match form {
                b"avif" | b"heic" | b"heix" | b"mif1" => Content::NotAudio("it is a HEIF image"),
                _ => Content::Contained(Container::Mp4),
            };
        }
        // QuickTime before there was an `ftyp`, and pieces of a stream.
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"uuid" | b"pnot" | b"styp" | b"moof"
        | b"sidx" => return Content::Contained(Container::Mp4),
        _ => {}
    }
    if let Some((_, content)) = SIGNATURES.iter().find(|(bytes, _)| head.starts_with(bytes)) {
        return *content;
    }
    if is_mpeg_audio(head) {
        return Content::Native;
    }
    if is_text(head) {
        return Content::NotAudio("it is a text file");
    }
    Content::Unknown
}

/// Whether a file of any name that begins so is audio, or a container that may hold some; not a text that begins with
/// the letters of a signature, nor one in UTF-16, whose mark looks like a frame of MPEG audio.
pub(super) fn is_surely_audio(head: &[u8]) -> bool {
    let unknown = matches!(
        content(head),
        Content::Headerless(_) | Content::NotAudio(_) | Content::Unknown
    );
    !unknown && !head.starts_with(b"\xff\xfe") && (!is_text(head) || head.starts_with(b"NIST_1A"))
}

/// Judges a file without a known signature by its extension: some codecs have no header, and an
/// MP3 file may start in the middle of a frame.
pub(super) fn content_by_extension(path: &Path) -> Content {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "mp3" | "mp2" | "mp1" | "mpga" | "aac" | "adts" => Content::Native,
        "gsm" => Content::Headerless("gsm"),
        "g729" => Content::Headerless("g729"),
        "g723" | "g723_1" => Content::Headerless("g723_1"),
        "ts" | "m2ts" => Content::Headerless("mpegts"),
        "dts" => Content::Headerless("dts"),
        "wma" | "amr" | "awb" | "ape" | "shn" | "spx" | "ra" | "caf" | "m4a" | "mp4" | "ogg"
        | "oga" | "opus" | "flac" | "webm" | "mka" | "mkv" | "wav" | "wave" | "aif" | "aiff"
        | "aifc" | "3gp" | "3g2" | "3ga" | "ac3" | "asf" | "au" | "avi" | "avr" | "flv"
        | "hcom" | "iff" | "ircam" | "m4b" | "m4r" | "mov" | "mpc" | "mpeg" | "mpg" | "nist"
        | "oma" | "paf" | "pvf" | "qcp" | "sds" | "sf" | "sln" | "snd" | "sox" | "sph" | "svx"
        | "8svx" | "tak" | "tta" | "voc" | "vox" | "vqf" | "w64" | "weba" | "wmv" | "wv"
        | "wve" => Content::Misnamed,
        _ => Content::Unknown,
    }
}

/// The sync bytes of packets of an MPEG transport stream, with or without a time before each.
fn is_transport_stream(head: &[u8]) -> bool {
    let syncs = |first: usize, step: usize| {
        let mut at = (first..head.len()).step_by(step);
        head.len() > first + step && at.all(|at| head[at] == b'G')
    };
    syncs(0, 188) || syncs(4, 192)
}

/// The sync word of an MPEG audio or ADTS frame, with a header that is possible.
fn is_mpeg_audio(head: &[u8]) -> bool {
    let &[0xff, second, third, ..] = head else {
        return false;
    };
    let is_adts = second & 0xf6 == 0xf0 && (third >> 2) & 0x0f < 13;
    let is_mpeg = second & 0xe0 == 0xe0
        && second & 0x18 != 0x08
        && second & 0x06 != 0
        && third & 0xf0 != 0xf0
        && third & 0x0c != 0x0c;
    is_adts || is_mpeg
}

/// Valid UTF-8 (but for a character cut off at the end) without control characters.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_told_apart() {
        let mut packets = [0; 400];
        packets[0] = b'G';
        packets[188] = b'G';
        packets[376] = b'G';
        let cases: [(&[u8], Content); 18] = [
            (b"RIFX....WAVEfmt ", Content::BigEndianWav),
            (b"FORM....AIFCCOMM", Content::Aiff),
            (b".SoX\0\0\0\x1c", Content::Foreign("sox")),
            (b"\x64\xa3\x03\0\0\0", Content::Foreign("ircam")),
            (b"PVF1\n1 8000 16\n", Content::Foreign("pvf")),
            (&packets, Content::Foreign("mpegts")),
            (b"RIFF....WAVEfmt ", Content::Wav),
            (b"RIFF....AVI LIST", Content::Foreign("avi")),
            (b"....ftypM4A ", Content::Contained(Container::Mp4)),
            (b"....ftypheic", Content::NotAudio("it is a HEIF image")),
            (b"#!AMR\n", Content::Foreign("amr_nb")),
            (b"#!AMR-WB\n", Content::Foreign("amr_wb")),
            (b"\xff\xfb\x90\x64", Content::Native),
            (b"\xff\xf1\x50\x80", Content::Native),
            (b"\xff\xd8\xff\xe0", Content::NotAudio("it is a JPEG image")),
            (b"Dear reader,\n", Content::NotAudio("it is a text file")),
            (
                "für Elise \u{e9}".as_bytes(),
                Content::NotAudio("it is a text file"),
            ),
            (b"\x12\x00\x34\x00", Content::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(
                content(head),
                expected,
                "{:?}",
                String::from_utf8_lossy(head)
            );
        }
    }

    #[test]
    fn text_that_is_cut_inside_a_character_is_text() {
        assert_eq!(
            content(&"aé".as_bytes()[..2]),
            Content::NotAudio("it is a text file")
        );
        assert_eq!(content(&[]), Content::Unknown);
    }

    #[test]
    fn extensions_decide_where_bytes_do_not() {
        let by_name = |name: &str| content_by_extension(Path::new(name));
        assert_eq!(by_name("a.GSM"), Content::Headerless("gsm"));
        assert_eq!(by_name("a.mp3"), Content::Native);
        assert_eq!(by_name("a.flac"), Content::Misnamed);
        assert_eq!(by_name("a.Sox"), Content::Misnamed);
        assert_eq!(by_name("a"), Content::Unknown);
    }
}
