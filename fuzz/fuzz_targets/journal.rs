//! Finishes recordings whose journal holds whatever bytes come, or is whole and holds whatever rows
//! come: nothing may crash, hang, or take memory without bounds, and what is finished is valid.
//!
//! `cargo +nightly fuzz run journal -- -rss_limit_mb=1024 -timeout=20`
//!
//! The first byte chooses what the rest is: the rows' file, the audio's file, or rows of twelve
//! bytes each. To start from whole files, put those of a journal with that byte before each into
//! `fuzz/corpus/journal/`.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use voicelt::trace::journal::{
    JournalKind, JournalRow, JournalWriter, Recording, JOURNAL_FILE, PCM_FILE,
};
use voicelt::trace::manifest::Provenance;
use voicelt::trace::recover::finish;
use voicelt::trace::stream::Bundle;

fn recording() -> Recording {
    Recording {
        name: "a".to_owned(),
        tool: String::new(),
        origin_at: String::new(),
        contains: Vec::new(),
        delete_after: None,
        settings: serde_json::Value::Null,
    }
}

fn step() -> Provenance {
    Provenance {
        step: "recover".to_owned(),
        tool: String::new(),
        at: String::new(),
        settings: serde_json::Value::Null,
    }
}

/// Call, kind, flags, a byte of text and of audio, instant in 10 ms, and length.
fn append(writer: &mut JournalWriter, bytes: &[u8; 12]) {
    let [call, kind, flags, letter, sample, at @ .., high, low] = bytes;
    let kinds = &JournalKind::ALL[..JournalKind::ALL.len() - 1];
    let kind = kinds[usize::from(*kind) % kinds.len()];
    let at = i64::from(i32::from_le_bytes([at[0], at[1], at[2], at[3]]));
    let length = u32::from(u16::from_be_bytes([*high, *low]));
    let has = |flag: u8| flags & (1 << flag) != 0;
    let text = has(0).then(|| char::from(*letter).to_string());
    let row = JournalRow {
        bytes: length,
        voiced: has(1).then_some(has(2)),
        session_id: text.clone().filter(|_| has(3)),
        text,
        rate_hz: has(4).then_some(if has(5) { 16_000 } else { length }),
        ..JournalRow::new(u64::from(call % 4), at * 10_000_000, kind)
    };
    let keeps = kind == JournalKind::Audio && has(6);
    let pcm = vec![*sample; length as usize];
    writer.append(row, keeps.then_some(&pcm));
}

/// A journal without damage, of any rows.
fn record(place: &Path, rows: &[u8]) {
    let mut writer = JournalWriter::create(place, &recording()).expect("a journal");
    for row in rows.chunks_exact(12) {
        append(&mut writer, row.try_into().expect("twelve bytes"));
    }
    writer.commit().expect("a batch");
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, content)) = input.split_first() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("a.vtrace");
    let whole: Vec<u8> = (0..600).map(|byte: u32| (byte * 37) as u8).collect();
    match choice % 3 {
        0 => record(&place, &[]),
        1 => record(&place, &whole),
        _ => record(&place, content),
    }
    match choice % 3 {
        0 => std::fs::write(place.join(JOURNAL_FILE), content).expect("a written input"),
        1 => std::fs::write(place.join(PCM_FILE), content).expect("a written input"),
        _ => {}
    }
    let finished = finish(&place, step());
    assert!(choice % 3 == 0 || finished.is_ok(), "{finished:?}");
    if finished.is_ok() {
        let bundle = Bundle::open(&place).expect("a sealed bundle");
        bundle.check().expect("rows that make sense");
        bundle.verify_clips().expect("clips that are well");
    }
});
