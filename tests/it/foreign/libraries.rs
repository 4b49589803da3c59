//! Real libraries of prompts, as Debian packages them: every file decodes.

use std::path::{Path, PathBuf};

use voicelt::audio::{RawFormat, open};

/// Files with this extension in the folders of a package, sorted.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| {
            panic!(
                "{}: {e}; tests/it/foreign/mod.rs names the packages to install",
                folder.display()
            )
        });
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Decodes all files and returns their seconds; panics at the first that does not decode.
fn seconds(files: &[PathBuf], raw: Option<RawFormat>) -> f64 {
    let mut block = Vec::new();
    let mut total = 0.0;
    for path in files {
        let mut decoder = open(path, raw).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let rate = f64::from(decoder.info().rate_hz);
        while decoder
            .next_block(&mut block)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            .is_some()
        {
            total += block[0].len() as f64 / rate;
        }
    }
    total
}

const ASTERISK: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
const SPHINX: &str = "/usr/share/pocketsphinx/test/data";

#[test]
#[ignore = "needs asterisk-core-sounds-en-{wav,g722,gsm} and pocketsphinx-testdata"]
fn asterisk_prompts_decode_to_one_length_in_every_codec() {
    let lengths = ["wav", "g722", "gsm"].map(|extension| {
        let files = files(ASTERISK, extension);
        assert_eq!(files.len(), 568, "{extension}");
        seconds(&files, None)
    });
    // GSM pads each of the prompts to frames of 20 ms.
    for length in lengths {
        assert!((length - lengths[0]).abs() < 568.0 * 0.020, "{lengths:?}");
    }
}

#[test]
#[ignore = "needs asterisk-core-sounds-en-{wav,g722,gsm} and pocketsphinx-testdata"]
fn pocketsphinx_recordings_decode() {
    assert!(
        Path::new(SPHINX).is_dir(),
        "{SPHINX}: install pocketsphinx-testdata"
    );
    assert!(seconds(&files(SPHINX, "wav"), None) > 30.0);
    let raw = "s16le:16000:1".parse().expect("a format");
    assert!(seconds(&files(SPHINX, "raw"), Some(raw)) > 5.0);
}
