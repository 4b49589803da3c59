//! A bundle that is read session by session: edits, rewrites, and rows that make no sense.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use voicelt::table::{self, Row};
use voicelt::trace::arrivals::Limits;
use voicelt::trace::compile::{CompileSpec, compile};
use voicelt::trace::manifest::{TRACE_FORMAT, TraceManifest};
use voicelt::trace::model::{ClipRow, EventKind, EventRow, SessionRow, SpeechMethod, TurnRow};
use voicelt::trace::staging::Staging;
use voicelt::trace::stream::{Bundle, Sessions};
use voicelt::trace::{Trace, TraceError};

/// Sessions of a bundle.
const SESSIONS: u32 = 6;

fn clip() -> ClipRow {
    ClipRow {
        clip: 0,
        clip_id: "0".repeat(64),
        file: None,
        sample_rate_hz: 16_000,
        samples: 16_000,
        speech_start_samples: 1_000,
        speech_end_samples: 15_000,
        speech_method: SpeechMethod::Energy,
        peak_dbfs: -3.0,
        rms_dbfs: -20.0,
        source_path: None,
        transcript: None,
    }
}

/// A sealed bundle of [`SESSIONS`] sessions with two turns each.
struct Desk {
    _folder: TempDir,
    place: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let spec = CompileSpec {
            limits: Limits {
                sessions: Some(u64::from(SESSIONS)),
                duration_ns: None,
            },
            turns: 2..=2,
            ..CompileSpec::default()
        };
        let compiled = compile(&[clip()], &spec).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.vtrace");
        let trace = Trace {
            dir: PathBuf::new(),
            manifest: manifest(),
            sessions: compiled.sessions,
            turns: compiled.turns,
            events: compiled.events,
            clips: vec![clip()],
        };
        trace.save(Staging::begin(&place).unwrap(), &[]).unwrap();
        Desk {
            _folder: folder,
            place,
        }
    }

    fn file<R: Row>(&self) -> PathBuf {
        self.place.join(format!("{}.parquet", R::TABLE))
    }

    /// Rewrites a table as another tool would: other row groups, no key-values.
    fn rewrite<R: Row>(&self, change: impl FnOnce(&mut Vec<R>)) {
        let mut rows: Vec<R> = table::read_all(&self.file::<R>()).unwrap();
        change(&mut rows);
        let row_group_rows = rows.len().div_ceil(3);
        table::write_all(&self.file::<R>(), row_group_rows, &[], &rows).unwrap();
    }

    fn open(&self) -> Result<Bundle, TraceError> {
        Bundle::open(&self.place)
    }

    /// What is said of the rows, whether the bundle is streamed, sealed or loaded.
    fn refused(&self) -> String {
        let streamed = Bundle::open_unsealed(&self.place).unwrap_err().to_string();
        let sealed = Bundle::seal(&self.place).unwrap_err().to_string();
        let loaded = Trace::open_unsealed(&self.place).unwrap_err().to_string();
        assert_eq!(streamed, sealed);
        assert_eq!(streamed, loaded);
        streamed
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

fn change_manifest(place: &Path, change: impl FnOnce(&mut TraceManifest)) {
    let mut manifest = TraceManifest::read(place).unwrap();
    change(&mut manifest);
    let text = serde_json::to_string(&manifest).unwrap();
    std::fs::write(place.join("trace.json"), text).unwrap();
}

#[test]
fn sessions_may_be_read_on_another_thread_and_again() {
    fn is_send<T: Send>(_: &T) {}
    let desk = Desk::new();
    let bundle = desk.open().unwrap();
    let sessions: Sessions = bundle.sessions().unwrap();
    is_send(&sessions);
    assert_eq!(sessions.count(), SESSIONS as usize);
    assert_eq!(bundle.sessions().unwrap().count(), SESSIONS as usize);
}

#[test]
fn equal_files_are_trusted_without_reading_the_rows() {
    let desk = Desk::new();
    // A content hash that no rows have: only the files' hashes can have passed this bundle.
    change_manifest(&desk.place, |manifest| manifest.content_blake3.clear());
    assert!(desk.open().unwrap().is_sealed());
    change_manifest(&desk.place, |manifest| manifest.tables.clear());
    assert!(matches!(desk.open(), Err(TraceError::Edited(_))));
}

#[test]
fn files_that_were_rewritten_with_the_same_content_are_sealed() {
    let desk = Desk::new();
    let before = desk.open().unwrap().extent().unwrap();
    let bytes = std::fs::read(desk.file::<EventRow>()).unwrap();
    desk.rewrite::<SessionRow>(|_| {});
    desk.rewrite::<TurnRow>(|_| {});
    desk.rewrite::<EventRow>(|_| {});
    assert_ne!(std::fs::read(desk.file::<EventRow>()).unwrap(), bytes);
    assert_eq!(desk.open().unwrap().extent().unwrap(), before);
}

#[test]
fn a_bundle_of_an_older_version_is_sealed_by_its_content() {
    let desk = Desk::new();
    let before = desk.open().unwrap().extent().unwrap();
    change_manifest(&desk.place, |manifest| {
        manifest.tables.clear();
        manifest.extent = None;
    });
    assert_eq!(desk.open().unwrap().extent().unwrap(), before);
}

#[test]
fn an_edit_is_noticed_and_its_extent_is_not_the_sealed_one() {
    let desk = Desk::new();
    desk.rewrite::<EventRow>(|rows| {
        let audio = rows.iter_mut().find(|row| row.kind == EventKind::Audio);
        audio.unwrap().count -= 1;
    });
    assert!(matches!(desk.open(), Err(TraceError::Edited(_))));
    let edited = Bundle::open_unsealed(&desk.place).unwrap();
    assert!(!edited.is_sealed());
    let extent = edited.extent().unwrap();
    assert_eq!(extent.chunks + 1, edited.manifest.extent.unwrap().chunks);

    let sealed = Bundle::seal(&desk.place).unwrap();
    assert_eq!(sealed.manifest.extent, Some(extent));
    assert_eq!(desk.open().unwrap().manifest, sealed.manifest);
    assert_eq!(Trace::open(&desk.place).unwrap().manifest, sealed.manifest);
}

#[test]
fn rows_of_no_session_are_refused() {
    let desk = Desk::new();
    desk.rewrite::<EventRow>(|rows| rows.last_mut().unwrap().session = SESSIONS);
    let said = desk.refused();
    assert!(said.starts_with("events.parquet, row "), "{said}");
    assert!(said.ends_with("is not in sessions.parquet"), "{said}");

    let desk = Desk::new();
    desk.rewrite::<TurnRow>(|rows| {
        let more = TurnRow {
            session: SESSIONS,
            ..rows[0].clone()
        };
        rows.push(more);
    });
    assert_eq!(
        desk.refused(),
        "turns.parquet, row 12: `session` is not in sessions.parquet"
    );
}

#[test]
fn rows_out_of_order_are_refused_where_they_stand() {
    let desk = Desk::new();
    desk.rewrite::<EventRow>(|rows| {
        let of_first = rows.iter().take_while(|row| row.session == 0).count();
        rows.rotate_left(of_first);
    });
    // Session 0 has lost its events, which stand behind those of the last one.
    let said = desk.refused();
    assert!(
        said.ends_with("rows must be sorted by `session` and `at_ns`"),
        "{said}"
    );

    let desk = Desk::new();
    desk.rewrite::<TurnRow>(|rows| rows[3].session = 0);
    assert_eq!(
        desk.refused(),
        "turns.parquet, row 3: rows must be sorted by `session`"
    );
    let desk = Desk::new();
    desk.rewrite::<SessionRow>(|rows| rows.swap(1, 2));
    assert_eq!(
        desk.refused(),
        "sessions.parquet, row 1: `session` must number the rows from 0"
    );
}

#[test]
fn a_session_begins_with_its_configuration() {
    let desk = Desk::new();
    // Both are of the same instant, so that sorting by it alone may swap them.
    desk.rewrite::<EventRow>(|rows| rows.swap(0, 1));
    assert_eq!(
        desk.refused(),
        "events.parquet, row 0: the first event of a session must be its `config`"
    );
}

#[test]
fn a_session_id_is_used_once_in_the_whole_trace() {
    let desk = Desk::new();
    desk.rewrite::<SessionRow>(|rows| rows[5].session_id = rows[0].session_id.clone());
    assert_eq!(
        desk.refused(),
        "sessions.parquet, row 5: `session_id` is used twice"
    );
}

#[test]
fn a_session_without_bounds_is_refused_before_it_fills_the_memory() {
    let desk = Desk::new();
    desk.rewrite::<TurnRow>(|rows| {
        let first = rows[0].clone();
        let endless = (0..400_000).map(|turn| TurnRow {
            turn,
            ..first.clone()
        });
        *rows = endless.collect();
    });
    desk.rewrite::<SessionRow>(|rows| rows[0].turns = u32::MAX);
    assert_eq!(
        desk.refused(),
        "turns.parquet, row 302400: a session must not have more than 302400 turns"
    );

    let desk = Desk::new();
    desk.rewrite::<EventRow>(|rows| {
        let text = EventRow {
            kind: EventKind::Text,
            clip: None,
            text: Some("x".repeat(1 << 20)),
            ..rows[0].clone()
        };
        rows.truncate(1);
        rows.resize(70, text);
    });
    assert_eq!(
        desk.refused(),
        "events.parquet, row 65: the texts of a session must not be longer than 64 MiB together"
    );
}

#[test]
fn a_table_that_is_cut_off_or_missing_is_refused() {
    let tables: [fn(&Desk) -> PathBuf; 4] = [
        Desk::file::<SessionRow>,
        Desk::file::<TurnRow>,
        Desk::file::<EventRow>,
        Desk::file::<ClipRow>,
    ];
    for table in tables {
        let desk = Desk::new();
        let path = table(&desk);
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 4, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let said = desk.open().unwrap_err().to_string();
            assert!(said.contains("not a readable Parquet file"), "{said}");
        }
        std::fs::remove_file(&path).unwrap();
        let said = desk.open().unwrap_err().to_string();
        assert!(said.contains(".parquet is missing; restore it"), "{said}");
    }
}
