//! MP4 files.

use std::io::{self, Read, Seek, SeekFrom};

use super::boxes::{Edit, Mp4, boxed, numbers};
use super::{Container, Played, endure, opus_packets, ramp, snr_db};
use crate::audio::error::DecodeError;

fn play(file: &[u8]) -> Played {
    super::play(Container::Mp4, file).unwrap()
}

fn played(edits: &[Edit]) -> Vec<i32> {
    play(&Mp4::of_pcm(&ramp(16_000)).edited(edits).file()).integers()
}

fn range(from: i32, to: i32) -> Vec<i32> {
    (from..to).collect()
}

#[test]
fn all_of_a_track_is_played_where_no_list_says_otherwise() {
    let file = Mp4::of_pcm(&ramp(16_000)).file();
    let all = play(&file);
    assert_eq!(all.integers(), ramp(16_000));
    assert_eq!((all.rate_hz, all.promised), (8_000, Some(16_000)));
    assert_eq!((all.trim, all.trouble.as_str()), (None, ""));
}

#[test]
fn edit_lists_are_followed_to_the_sample() {
    assert_eq!(played(&[(500, 1_000)]), range(1_000, 5_000));
    assert_eq!(
        played(&[(100, 1_000), (100, 9_001)]),
        [range(1_000, 1_800), range(9_001, 9_801)].concat()
    );
    // Back, with a piece that was played before.
    assert_eq!(
        played(&[(1_000, 4_000), (1_000, 3_999)]),
        [range(4_000, 12_000), range(3_999, 11_999)].concat()
    );
    // A pause between, and one before, which shifts the audio against a picture.
    assert_eq!(
        played(&[(300, -1), (10, 50), (1_000, -1), (10, 70)]),
        [range(50, 130), vec![0; 8_000], range(70, 150)].concat()
    );
    assert_eq!(played(&[(9_000, 15_000)]), range(15_000, 16_000));
    let cut = play(&Mp4::of_pcm(&ramp(16_000)).edited(&[(500, 1_000)]).file());
    assert_eq!(cut.trim.as_deref(), Some("edit list 1000+11000"));
    assert_eq!(cut.promised, Some(4_000));
}

#[test]
fn edits_of_opus_are_played_after_it_has_settled() {
    let packets = opus_packets(100);
    let all = play(&Mp4::of_opus(packets.clone()).file());
    assert_eq!(all.planes[0].len(), 96_000 - 312);
    assert_eq!(all.trim.as_deref(), Some("Opus header 312+0"));
    let edits = [(250, 48_000), (500, -1), (250, 4_800), (250, 72_001)];
    let edited = play(&Mp4::of_opus(packets.clone()).edited(&edits).file());
    let at = |from: usize| &all.planes[0][from - 312..from - 312 + 12_000];
    let plane = &edited.planes[0];
    assert_eq!(plane.len(), 3 * 12_000 + 24_000);
    let near = |ours: &[f32], at: &[f32]| {
        let snr = snr_db(ours, at);
        assert!(snr > 25.0, "{snr} dB");
    };
    near(&plane[..12_000], at(48_000));
    assert!(plane[12_000..36_000].iter().all(|&sample| sample == 0.0));
    near(&plane[36_000..48_000], at(4_800));
    near(&plane[48_000..], at(72_001));
    // A list from the very beginning does not make audio of what comes before it.
    let whole = play(&Mp4::of_opus(packets).edited(&[(2_000, 0)]).file());
    assert_eq!(whole.planes[0].len(), 96_000 - 312);
}

#[test]
fn the_comment_of_itunes_says_what_is_played_where_no_list_does() {
    let comment = b" 00000000 00000840 000001C8 0000000000001000 00000000";
    let data = boxed(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0][..], comment].concat());
    let name = boxed(b"name", b"\0\0\0\0iTunSMPB");
    let list = boxed(b"ilst", &boxed(b"----", &[name, data].concat()));
    let meta = [numbers(b"hdlr", 0, &[0, 0]), list].concat();
    for version in [&b"\0\0\0\0"[..], b""] {
        let mut mp4 = Mp4::of_pcm(&ramp(16_000));
        mp4.beside = boxed(b"udta", &boxed(b"meta", &[version, &meta].concat()));
        let cut = play(&mp4.file());
        assert_eq!(cut.integers(), range(2_112, 2_112 + 4_096));
        assert_eq!(cut.trim.as_deref(), Some("iTunSMPB 2112+456"));
        let edited = play(&mp4.edited(&[(500, 1_000)]).file());
        assert_eq!(edited.integers(), range(1_000, 5_000));
    }
}

#[test]
fn it_does_not_matter_what_a_file_begins_with() {
    let mp4 = Mp4::of_pcm(&ramp(2_000));
    for name in [b"free", b"skip", b"wide", b"uuid", b"styp"] {
        assert_eq!(
            play(&mp4.file_after(&boxed(name, &[7; 20]))).integers(),
            ramp(2_000)
        );
    }
    assert_eq!(play(&mp4.file_after(&[])).integers(), ramp(2_000));
    let large = [&[0, 0, 0, 1][..], b"mdat", &(5_u64 << 32).to_be_bytes()].concat();
    for mdat in [&b"\0\0\0\0mdat"[..], &large] {
        assert_eq!(play(&mp4.file_with_data_last(mdat)).integers(), ramp(2_000));
    }
}

/// A file with zeros between its first bytes and its last.
struct Sparse {
    bytes: Vec<u8>,
    split: u64,
    zeros: u64,
    at: u64,
}

impl Read for Sparse {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (bytes, behind) = (self.bytes.len() as u64, self.split + self.zeros);
        let (from, to) = match self.at {
            at if at < self.split => (at, self.split),
            at if at < behind => {
                let len = (behind - at).min(out.len() as u64) as usize;
                out[..len].fill(0);
                self.at += len as u64;
                return Ok(len);
            }
            at => ((at - self.zeros).min(bytes), bytes),
        };
        let len = (&self.bytes[from as usize..to as usize]).read(out)?;
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(_) => self.bytes.len() as u64 + self.zeros,
            SeekFrom::Current(by) => self.at.wrapping_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn the_index_may_stand_behind_data_of_more_than_4_gib() {
    let mp4 = Mp4::of_pcm(&ramp(2_000));
    let zeros = 5_u64 << 30;
    let start = boxed(b"ftyp", b"M4A \0\0\0\0");
    let mdat = [
        &[0, 0, 0, 1][..],
        b"mdat",
        &(zeros + 16 + 4_000).to_be_bytes(),
    ]
    .concat();
    // The data is 16 bytes behind the start of its box, 8 more than the writer takes it to be.
    let usual = mp4.file_after(&[&start[..], &[0; 8]].concat());
    let bytes = [&start[..], &mdat, &usual[start.len() + 16..]].concat();
    let file = Sparse {
        split: (start.len() + 16 + 4_000) as u64,
        bytes,
        zeros,
        at: 0,
    };
    let all = super::play_source(Container::Mp4, file).unwrap();
    assert_eq!(all.integers(), ramp(2_000));
}

#[test]
fn fragments_are_played_one_after_the_other() {
    let mp4 = Mp4::of_pcm(&ramp(2_000));
    let file = mp4.fragments(300);
    let all = play(&file);
    assert_eq!(all.integers(), ramp(2_000));
    assert_eq!(all.promised, None);
    let edited = play(&mp4.edited(&[(100, 100), (0, 1_500)]).fragments(300));
    assert_eq!(
        edited.integers(),
        [range(100, 900), range(1_500, 2_000)].concat()
    );
    let opus = Mp4::of_opus(opus_packets(20)).fragments(6);
    assert_eq!(play(&opus).planes[0].len(), 20 * 960 - 312);
}

#[test]
fn what_is_whole_of_a_file_that_was_cut_off_is_played() {
    let file = Mp4::of_pcm(&ramp(2_000)).fragments(2_000);
    let cut = play(&file[..file.len() - 1_001]);
    assert_eq!(cut.integers(), ramp(1_499));
    assert!(cut.trouble.contains("cut off"), "{}", cut.trouble);
    let file = Mp4::of_pcm(&ramp(2_000)).fragments(300);
    let behind_the_last = file.len() - 8 - 200 * 2;
    let cut = play(&file[..behind_the_last - 3]);
    assert_eq!(cut.integers(), ramp(1_800));
    assert!(cut.trouble.contains("cut off"), "{}", cut.trouble);
    let file = Mp4::of_pcm(&ramp(16_000)).file_with_data_last(b"\0\0\0\0mdat");
    let cut = play(&file[..file.len() - 20_000]);
    let got = cut.integers();
    assert_eq!(got, ramp(got.len() as i32));
    assert!((5_000..=6_000).contains(&got.len()), "{}", got.len());
    assert_eq!(cut.promised, Some(16_000));
}

#[test]
fn files_that_are_not_to_be_played_are_refused_with_the_reason() {
    let refusal = |file: &[u8]| super::play(Container::Mp4, file).unwrap_err();
    let mp4 = Mp4::of_pcm(&ramp(100));
    let file = mp4.file();
    let without_index = refusal(&file[..300]);
    assert!(
        without_index.to_string().contains("index"),
        "{without_index}"
    );
    let cut = refusal(&file[..file.len() - 1]);
    assert!(cut.to_string().contains("not whole"), "{cut}");
    for (kind, expected) in [(b"dtsc", "dts"), (b"samr", "amr_nb"), (b"mlpa", "truehd")] {
        let mut mp4 = Mp4::of_opus(vec![vec![0; 10]; 10]);
        mp4.kind = *kind;
        match refusal(&mp4.file()) {
            DecodeError::NoDecoder { codec } => assert_eq!(codec, expected),
            other => panic!("{other}"),
        }
    }
    let mut protected = Mp4::of_opus(vec![vec![0; 10]; 10]);
    protected.kind = *b"enca";
    assert!(matches!(refusal(&protected.file()), DecodeError::Protected));
}

#[test]
fn lists_that_repeat_a_track_for_ever_end() {
    let edits = [(2_000, 0); 900];
    let all = play(&Mp4::of_pcm(&ramp(16_000)).edited(&edits).file());
    assert!((900_000..1_600_000).contains(&all.planes[0].len()));
    assert!(all.trouble.contains("again"), "{}", all.trouble);
}

#[test]
fn damaged_files_end() {
    let edits = [(100, 100), (50, -1), (100, 50)];
    endure(
        Container::Mp4,
        &Mp4::of_pcm(&ramp(900)).edited(&edits).file(),
        1_500,
    );
    let packets: Vec<Vec<u8>> = (0..40).map(|n| vec![n; 20 + usize::from(n)]).collect();
    let opus = Mp4::of_opus(packets).edited(&edits);
    endure(Container::Mp4, &opus.file(), 1_500);
    endure(Container::Mp4, &opus.fragments(7), 1_500);
}
