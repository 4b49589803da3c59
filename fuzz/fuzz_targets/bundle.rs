//! Opens bundles of which one file holds whatever bytes come: nothing may crash, hang, or take
//! memory without bounds.
//!
//! `cargo +nightly fuzz run bundle -- -rss_limit_mb=1024 -timeout=20`
//!
//! The first byte chooses the file. To start from whole ones, put files of a bundle with a byte
//! before each into `fuzz/corpus/bundle/`.

#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use voicelt::audio::library::convert;
use voicelt::audio::spec::ConvertSpec;
use voicelt::trace::bundle::Trace;
use voicelt::trace::compile::{compile, CompileSpec};
use voicelt::trace::manifest::{TraceManifest, TRACE_FORMAT};
use voicelt::trace::model::{ClipRow, SourceRow};
use voicelt::trace::staging::Staging;
use voicelt::trace::stream;
use voicelt::trace::tables::read_table;

const FILES: [&str; 6] = [
    "trace.json",
    "sessions.parquet",
    "turns.parquet",
    "events.parquet",
    "clips.parquet",
    "sources.parquet",
];

/// A valid bundle, and the bytes of its files.
struct Bundle {
    _folder: TempDir,
    place: PathBuf,
    files: Vec<Vec<u8>>,
}

impl Bundle {
    fn make() -> Bundle {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("a.vtrace");
        let staging = Staging::begin(&place).expect("a place for the bundle");
        let convert_spec = ConvertSpec {
            synth: vec!["speech-like:1s".parse().expect("a signal")],
            ..ConvertSpec::default()
        };
        convert(&convert_spec, staging.dir(), None, &|_| {}).expect("a clip");
        let clips = read_table::<ClipRow>(staging.dir()).expect("a table of it");
        let spec = CompileSpec {
            turns: 2..=2,
            ..CompileSpec::default()
        };
        let compiled = compile(&clips, &spec).expect("a compiled trace");
        let trace = Trace {
            dir: PathBuf::new(),
            manifest: manifest(),
            sessions: compiled.sessions,
            turns: compiled.turns,
            events: compiled.events,
            clips,
        };
        trace.save(staging, &[]).expect("a saved trace");
        let read = |name: &&str| std::fs::read(place.join(name)).expect("a file of the bundle");
        let files = FILES.iter().map(read).collect();
        Bundle {
            _folder: folder,
            place,
            files,
        }
    }
}

fn manifest() -> TraceManifest {
    TraceManifest {
        format: TRACE_FORMAT.to_owned(),
        name: "a".to_owned(),
        created_at: String::new(),
        tool: String::new(),
        source: "prepared".to_owned(),
        contains: Vec::new(),
        origin_at: None,
        seed: None,
        sessions: 0,
        events: 0,
        duration_ns: 0,
        content_blake3: String::new(),
        tables: BTreeMap::new(),
        extent: None,
        delete_after: None,
        provenance: Vec::new(),
    }
}

fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        // The reader catches the panics of the Parquet library; only those that get past it count,
        // and those abort without the fuzzer's own hook.
        std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
        Bundle::make()
    })
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, content)) = input.split_first() else {
        return;
    };
    let bundle = bundle();
    let chosen = usize::from(choice) % FILES.len();
    let path = bundle.place.join(FILES[chosen]);
    std::fs::write(&path, content).expect("a written input");
    if let Ok(trace) = Trace::open_unsealed(&bundle.place) {
        let _ = trace.extent();
    }
    if let Ok(streamed) = stream::Bundle::open_unsealed(&bundle.place) {
        let _ = streamed.check();
        let _ = streamed.verify_clips();
    }
    let _ = Trace::open(&bundle.place);
    let _ = read_table::<SourceRow>(&bundle.place);
    std::fs::write(&path, &bundle.files[chosen]).expect("the file as it was");
});
