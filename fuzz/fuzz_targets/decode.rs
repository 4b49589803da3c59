//! Decodes whatever bytes come: nothing may crash, hang, or take memory without bounds.
//!
//! `cargo +nightly fuzz run decode -- -rss_limit_mb=512 -timeout=20`
//!
//! The first byte chooses the extension of the file, as that decides how content without a
//! signature is read.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const EXTENSIONS: [&str; 8] = ["wav", "mp3", "aac", "m4a", "ogg", "g722", "ulaw", "bin"];
/// Enough for any input of usual size, and little enough to keep the fuzzer quick.
const MAX_SAMPLES: usize = 1 << 22;

fn folder() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // Without ffmpeg: this is not about finding its faults.
        std::env::set_var("PATH", "");
        // The decoder catches the panics of the libraries; only those that get past it count, and
        // those abort without the fuzzer's own hook.
        std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
        tempfile::tempdir().expect("a folder for inputs")
    })
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, content)) = input.split_first() else {
        return;
    };
    let extension = EXTENSIONS[usize::from(choice) % EXTENSIONS.len()];
    let path: PathBuf = folder().path().join(format!("input.{extension}"));
    std::fs::write(&path, content).expect("a written input");
    let Ok(mut decoder) = voicelt::audio::open(&path, None) else {
        return;
    };
    let mut block = Vec::new();
    let mut samples = 0;
    while let Ok(Some(format)) = decoder.next_block(&mut block) {
        assert_eq!(block.len(), usize::from(format.layout.channels()));
        samples += block.len() * block[0].len();
        if samples > MAX_SAMPLES {
            break;
        }
    }
});
