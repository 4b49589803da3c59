//! Headerless telephony, what only ffmpeg decodes, and files that must be refused.

use std::path::Path;

use voicelt::audio::{DecodeError, RawFormat, open};

use super::tools::{Planes, ffmpeg, folder, judge, ours, run};

fn decode_all(path: &Path) -> Result<Planes, DecodeError> {
    judged(path).map(|(planes, _)| planes)
}

/// The samples of a file, and what is doubtful about them.
fn judged(path: &Path) -> Result<(Planes, Option<String>), DecodeError> {
    let mut decoder = open(path, None)?;
    let mut planes = vec![Vec::new(); usize::from(decoder.info().channels)];
    let mut block = Vec::new();
    while decoder.next_block(&mut block)?.is_some() {
        for (plane, samples) in planes.iter_mut().zip(&block) {
            plane.extend_from_slice(samples);
        }
    }
    Ok((planes, decoder.doubt().map(str::to_owned)))
}

/// Writes a changed copy of a file.
fn changed(path: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> std::path::PathBuf {
    let mut bytes = std::fs::read(path).expect("a readable file");
    change(&mut bytes);
    let copy = folder().join(name);
    std::fs::write(&copy, bytes).expect("a written file");
    copy
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn headerless_files_by_extension_and_by_name() {
    for (name, format, rate) in [
        ("a.ulaw", "mulaw", "8000"),
        ("a.al", "alaw", "8000"),
        ("a.sln", "s16le", "8000"),
        ("a.sln16", "s16le", "16000"),
        ("a.g722", "g722", "16000"),
    ] {
        let path = ffmpeg(&format!("-ac 1 -ar {rate} -f {format}"), name);
        let (info, planes) = ours(&path, None);
        let mut options = format!("-f {format}");
        if format != "g722" {
            options += &format!(" -ar {rate} -ac 1");
        }
        assert!(planes == judge(&path, &options, 1), "{name}");
        assert_eq!(
            (info.rate_hz.to_string().as_str(), info.exact_16_bit),
            (rate, true)
        );
    }
    let path = ffmpeg("-f mulaw", "stereo.bin");
    let raw: RawFormat = "ulaw:44100:2".parse().expect("a format");
    let theirs = judge(&path, "-f mulaw -ar 44100 -ac 2", 2);
    assert!(ours(&path, Some(raw)).1 == theirs);
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn what_only_ffmpeg_decodes_is_left_to_it() {
    run("sox speech.wav -r 8000 -c 1 a.gsm");
    run("sox speech.wav -r 8000 -c 1 -e gsm gsm.wav");
    run("sox speech.wav -r 8000 -c 1 a.amr-nb");
    ffmpeg("-c:a wmav2", "a.wma");
    ffmpeg("-c:a libspeex", "a.spx");
    ffmpeg("-c:a ac3", "a.m4a");
    ffmpeg("-c:a pcm_s16be", "a.au");
    for (name, codec) in [
        ("a.gsm", "gsm"),
        ("gsm.wav", "gsm_ms"),
        ("a.amr-nb", "amr_nb"),
        ("a.wma", "wmav2"),
        ("a.spx", "speex"),
        ("a.m4a", "ac3"),
        ("a.au", "pcm_s16be"),
    ] {
        let path = folder().join(name);
        let (info, planes) = ours(&path, None);
        assert_eq!(info.codec, codec);
        assert!(planes == judge(&path, "", planes.len()), "{name}");
    }
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn names_that_look_like_options_or_protocols_are_only_names() {
    run("sox speech.wav -r 8000 -c 1 plain.gsm");
    let expected = ours(&folder().join("plain.gsm"), None).1;
    for name in [
        "-y.gsm",
        "http:host.gsm",
        "concat:a|b.gsm",
        "100%d.gsm",
        "two words.gsm",
    ] {
        let path = changed(&folder().join("plain.gsm"), name, |_| {});
        assert!(ours(&path, None).1 == expected, "{name}");
    }
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn a_decoder_that_is_dropped_early_leaves_no_process() {
    run("sox speech.wav -r 8000 -c 1 dropped.gsm");
    for _ in 0..3 {
        let mut decoder = open(&folder().join("dropped.gsm"), None).expect("a decoder");
        assert!(
            decoder
                .next_block(&mut Vec::new())
                .expect("a block")
                .is_some()
        );
    }
    let children = std::fs::read_to_string("/proc/thread-self/children").expect("Linux");
    for child in children.split_whitespace() {
        let name = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        assert_ne!(name.trim(), "ffmpeg");
    }
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn he_aac_is_left_to_ffmpeg_though_nothing_announces_it() {
    // An encoder for it is not to be had: SBR elements are put into the packets of plain AAC.
    let plain = ffmpeg("-c:a aac -ac 1 -ar 22050", "core.aac");
    let path = changed(&plain, "he.aac", |bytes| *bytes = with_sbr(bytes));
    let (info, _) = ours(&path, None);
    assert_eq!((info.codec.as_str(), info.rate_hz), ("aac", 44_100));
}

/// Adds an empty SBR element before the end mark of every ADTS packet.
fn with_sbr(stream: &[u8]) -> Vec<u8> {
    const HEADER: usize = 7;
    let mut out = Vec::new();
    let mut rest = stream;
    while let [_, _, _, high, middle, low, _, ..] = rest {
        let length =
            usize::from(high & 3) << 11 | usize::from(*middle) << 3 | usize::from(low >> 5);
        let (packet, later) = rest.split_at(length);
        let (header, body) = packet.split_at(HEADER);
        let mut bits: String = body.iter().map(|byte| format!("{byte:08b}")).collect();
        bits.truncate(bits.trim_end_matches('0').len() - 3);
        // Fill element of 2 bytes: SBR without header, then the end mark.
        bits += "110_0010_1101_000000000000_111".replace('_', "").as_str();
        let body: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .fold(0, |v, (i, bit)| v | (bit & 1) << (7 - i))
            })
            .collect();
        let length = HEADER + body.len();
        let mut header = header.to_vec();
        header[3] = header[3] & !3 | (length >> 11) as u8;
        header[4] = (length >> 3) as u8;
        header[5] = header[5] & 0x1f | (length << 5) as u8;
        out.extend(header);
        out.extend(body);
        rest = later;
    }
    out
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn files_that_were_cut_off_are_named() {
    let half = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    run("flac --silent --force speech.wav -o whole.flac");
    run("lame --quiet speech.wav whole.mp3");
    ffmpeg("-c:a aac -movflags +faststart", "whole.m4a");
    for name in ["speech.wav", "whole.flac", "whole.mp3"] {
        let path = changed(&folder().join(name), &format!("cut-{name}"), half);
        let (planes, doubt) = judged(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let doubt = doubt.unwrap_or_default();
        assert!(
            doubt.contains("decoded ") && doubt.ends_with(" of 6 s"),
            "{name}: {doubt}"
        );
        assert!((100_000..150_000).contains(&planes[0].len()), "{name}");
    }
    let path = changed(&folder().join("whole.m4a"), "cut.m4a", half);
    let (_, doubt) = judged(&path).expect("half of its media");
    let doubt = doubt.unwrap_or_default();
    assert!(
        doubt.contains("cut off") && doubt.ends_with(" of 6 s"),
        "{doubt}"
    );
    // The index of this one was never written.
    let path = changed(&ffmpeg("-c:a aac", "late.m4a"), "cut-late.m4a", half);
    let error = decode_all(&path).expect_err("no index");
    assert!(error.to_string().contains("moov"), "{error}");
    let path = changed(&ffmpeg("-c:a pcm_s16be", "whole.aiff"), "cut.aiff", half);
    let (_, doubt) = judged(&path).expect("half of its samples");
    assert!(doubt.is_some_and(|doubt| doubt.starts_with("cut short")));
    // Nothing in Ogg says how long it should be.
    let path = changed(
        &ffmpeg("-c:a libvorbis", "whole.ogg"),
        "cut-whole.ogg",
        half,
    );
    let there = decode_all(&path).expect("a shorter file")[0].len();
    assert!((100_000..200_000).contains(&there), "{there}");
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn a_damaged_stretch_in_the_middle_is_left_out_as_ffmpeg_does() {
    for (codec, name) in [("libmp3lame", "hole.mp3"), ("aac", "hole.aac")] {
        let path = changed(&ffmpeg(&format!("-c:a {codec}"), name), name, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 500].fill(0x55);
        });
        let planes = decode_all(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(
            planes[0].len().abs_diff(6 * 44_100) < 8_192,
            "{name}: {}",
            planes[0].len()
        );
    }
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn protected_and_silent_containers_are_refused() {
    let path = changed(&ffmpeg("-c:a aac", "free.m4a"), "bought.m4p", |bytes| {
        let entry = bytes
            .windows(4)
            .rposition(|w| w == b"mp4a")
            .expect("a sample entry");
        bytes[entry..entry + 4].copy_from_slice(b"drms");
    });
    assert!(matches!(decode_all(&path), Err(DecodeError::Protected)));
    for name in ["mute.mp4", "mute.mkv", "mute.avi"] {
        let picture = "-f lavfi -i testsrc=size=64x64:rate=5 -t 1";
        ffmpeg(&format!("{picture} -map 1:v -c:v mpeg4"), name);
        let error = decode_all(&folder().join(name)).expect_err(name);
        assert!(
            matches!(error, DecodeError::Unrecognized(_)),
            "{name}: {error}"
        );
    }
}

#[test]
#[ignore = "needs ffmpeg and sox"]
fn a_clip_of_30_ms_has_its_length() {
    // (ffmpeg itself keeps the padding of the last packet in an Ogg file of one page.)
    for (codec, name, samples) in [
        ("flac", "tiny.flac", 1_323),
        ("libvorbis", "tiny.ogg", 1_323),
        ("libmp3lame", "tiny.mp3", 1_323),
        ("libopus", "tiny.opus", 1_440),
    ] {
        let path = ffmpeg(&format!("-t 0.030 -c:a {codec}"), name);
        let planes = decode_all(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(planes[0].len(), samples, "{name}");
    }
}
