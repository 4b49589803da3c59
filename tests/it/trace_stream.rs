//! A bundle that is read session by session: edits, rewrites, and rows that make no sense.

use std::path::{Path, PathBuf};

use voicelt::table::{self, Row};
use voicelt::trace::arrivals::Limits;
use voicelt::trace::compile::{CompileSpec, compile};
use voicelt::trace::manifest::TraceManifest;
use voicelt::trace::model::{ClipRow, EventKind, EventRow, SessionRow, TurnRow};
use voicelt::trace::staging::Staging;
use voicelt::trace::stream::{Bundle, Sessions};
use voicelt::trace::{Trace, TraceError};

use crate::support::{Desk, sample};

/// Sessions of a bundle.
const SESSIONS: u32 = 6;

/// A sealed bundle of [`SESSIONS`] sessions with two turns each.
struct Sealed {
    _desk: Desk,
    place: PathBuf,
}

impl Sealed {
    fn new() -> Sealed {
        let spec = CompileSpec {
            limits: Limits {
                sessions: Some(u64::from(SESSIONS)),
                duration_ns: None,
            },
            turns: 2..=2,
            ..CompileSpec::default()
        };
        let compiled = compile(&[sample::clip()], &spec).unwrap();
        let desk = Desk::new();
        let place = desk.path("a.vtrace");
        let trace = Trace {
            dir: PathBuf::new(),
            manifest: sample::manifest("a", "prepared"),
            sessions: compiled.sessions,
            turns: compiled.turns,
            events: compiled.events,
            clips: vec![sample::clip()],
        };
        trace.save(Staging::begin(&place).unwrap(), &[]).unwrap();
        Sealed { _desk: desk, place }
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

fn change_manifest(place: &Path, change: impl FnOnce(&mut TraceManifest)) {
    let mut manifest = TraceManifest::read(place).unwrap();
    change(&mut manifest);
    let text = serde_json::to_string(&manifest).unwrap();
    std::fs::write(place.join("trace.json"), text).unwrap();
}

#[test]
fn sessions_may_be_read_on_another_thread_and_again() {
    fn is_send<T: Send>(_: &T) {}
    let sealed = Sealed::new();
    let bundle = sealed.open().unwrap();
    let sessions: Sessions = bundle.sessions().unwrap();
    is_send(&sessions);
    assert_eq!(sessions.count(), SESSIONS as usize);
    assert_eq!(bundle.sessions().unwrap().count(), SESSIONS as usize);
}

#[test]
fn equal_files_are_trusted_without_reading_the_rows() {
    let sealed = Sealed::new();
    // A content hash that no rows have: only the files' hashes can have passed this bundle.
    change_manifest(&sealed.place, |manifest| manifest.content_blake3.clear());
    assert!(sealed.open().unwrap().is_sealed());
    change_manifest(&sealed.place, |manifest| manifest.tables.clear());
    assert!(matches!(sealed.open(), Err(TraceError::Edited(_))));
}

#[test]
fn files_that_were_rewritten_with_the_same_content_are_sealed() {
    let sealed = Sealed::new();
    let before = sealed.open().unwrap().extent().unwrap();
    let bytes = std::fs::read(sealed.file::<EventRow>()).unwrap();
    sealed.rewrite::<SessionRow>(|_| {});
    sealed.rewrite::<TurnRow>(|_| {});
    sealed.rewrite::<EventRow>(|_| {});
    assert_ne!(std::fs::read(sealed.file::<EventRow>()).unwrap(), bytes);
    assert_eq!(sealed.open().unwrap().extent().unwrap(), before);
}

#[test]
fn a_bundle_of_an_older_version_is_sealed_by_its_content() {
    let sealed = Sealed::new();
    let before = sealed.open().unwrap().extent().unwrap();
    change_manifest(&sealed.place, |manifest| {
        manifest.tables.clear();
        manifest.extent = None;
    });
    assert_eq!(sealed.open().unwrap().extent().unwrap(), before);
}

#[test]
fn an_edit_is_noticed_and_its_extent_is_not_the_sealed_one() {
    let sealed = Sealed::new();
    sealed.rewrite::<EventRow>(|rows| {
        let audio = rows.iter_mut().find(|row| row.kind == EventKind::Audio);
        audio.unwrap().count -= 1;
    });
    assert!(matches!(sealed.open(), Err(TraceError::Edited(_))));
    let edited = Bundle::open_unsealed(&sealed.place).unwrap();
    assert!(!edited.is_sealed());
    let extent = edited.extent().unwrap();
    assert_eq!(extent.chunks + 1, edited.manifest.extent.unwrap().chunks);

    let again = Bundle::seal(&sealed.place).unwrap();
    assert_eq!(again.manifest.extent, Some(extent));
    assert_eq!(sealed.open().unwrap().manifest, again.manifest);
    assert_eq!(Trace::open(&sealed.place).unwrap().manifest, again.manifest);
}

#[test]
fn rows_of_no_session_are_refused() {
    let sealed = Sealed::new();
    sealed.rewrite::<EventRow>(|rows| rows.last_mut().unwrap().session = SESSIONS);
    let said = sealed.refused();
    assert!(said.starts_with("events.parquet, row "), "{said}");
    assert!(said.ends_with("is not in sessions.parquet"), "{said}");

    let sealed = Sealed::new();
    sealed.rewrite::<TurnRow>(|rows| {
        let more = TurnRow {
            session: SESSIONS,
            ..rows[0].clone()
        };
        rows.push(more);
    });
    assert_eq!(
        sealed.refused(),
        "turns.parquet, row 12: `session` is not in sessions.parquet"
    );
}

#[test]
fn rows_out_of_order_are_refused_where_they_stand() {
    let sealed = Sealed::new();
    sealed.rewrite::<EventRow>(|rows| {
        let of_first = rows.iter().take_while(|row| row.session == 0).count();
        rows.rotate_left(of_first);
    });
    // Session 0 has lost its events, which stand behind those of the last one.
    let said = sealed.refused();
    assert!(
        said.ends_with("rows must be sorted by `session` and `at_ns`"),
        "{said}"
    );

    let sealed = Sealed::new();
    sealed.rewrite::<TurnRow>(|rows| rows[3].session = 0);
    assert_eq!(
        sealed.refused(),
        "turns.parquet, row 3: rows must be sorted by `session`"
    );
    let sealed = Sealed::new();
    sealed.rewrite::<SessionRow>(|rows| rows.swap(1, 2));
    assert_eq!(
        sealed.refused(),
        "sessions.parquet, row 1: `session` must number the rows from 0"
    );
}

#[test]
fn a_session_begins_with_its_configuration() {
    let sealed = Sealed::new();
    // Both are of the same instant, so that sorting by it alone may swap them.
    sealed.rewrite::<EventRow>(|rows| rows.swap(0, 1));
    assert_eq!(
        sealed.refused(),
        "events.parquet, row 0: the first event of a session must be its `config`"
    );
}

#[test]
fn a_session_id_is_used_once_in_the_whole_trace() {
    let sealed = Sealed::new();
    sealed.rewrite::<SessionRow>(|rows| rows[5].session_id = rows[0].session_id.clone());
    assert_eq!(
        sealed.refused(),
        "sessions.parquet, row 5: `session_id` is used twice"
    );
}

#[test]
fn a_session_without_bounds_is_refused_before_it_fills_the_memory() {
    let sealed = Sealed::new();
    sealed.rewrite::<TurnRow>(|rows| {
        let first = rows[0].clone();
        let endless = (0..303_000).map(|turn| TurnRow {
            turn,
            ..first.clone()
        });
        *rows = endless.collect();
    });
    sealed.rewrite::<SessionRow>(|rows| rows[0].turns = u32::MAX);
    assert_eq!(
        sealed.refused(),
        "turns.parquet, row 302400: a session must not have more than 302400 turns"
    );

    let sealed = Sealed::new();
    sealed.rewrite::<EventRow>(|rows| {
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
        sealed.refused(),
        "events.parquet, row 65: the texts of a session must not be longer than 64 MiB together"
    );
}

#[test]
fn a_table_that_is_cut_off_or_missing_is_refused() {
    let tables: [fn(&Sealed) -> PathBuf; 4] = [
        Sealed::file::<SessionRow>,
        Sealed::file::<TurnRow>,
        Sealed::file::<EventRow>,
        Sealed::file::<ClipRow>,
    ];
    for table in tables {
        let sealed = Sealed::new();
        let path = table(&sealed);
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 4, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let said = sealed.open().unwrap_err().to_string();
            assert!(said.contains("not a readable Parquet file"), "{said}");
        }
        std::fs::remove_file(&path).unwrap();
        let said = sealed.open().unwrap_err().to_string();
        assert!(said.contains(".parquet is missing; restore it"), "{said}");
    }
}
