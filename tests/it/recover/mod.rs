//! Recordings are finished from their journals: what was recorded is in the bundle, to the byte and
//! the nanosecond, and whatever a crash leaves becomes a bundle that is valid.

mod any;
mod caller;
mod calls;
mod command;
mod damage;
mod lost;

use std::path::{Path, PathBuf};

use voicelt::trace::journal::{JournalWriter, Recording};
use voicelt::trace::manifest::Provenance;
use voicelt::trace::model::SessionRows;
use voicelt::trace::model::{EventKind, EventRow};
use voicelt::trace::recover::{Finished, finish};
use voicelt::trace::stream::Bundle;
use voicelt::units::NS_PER_S;

use crate::support::Desk;
use caller::Passing;

fn recording() -> Recording {
    Recording {
        name: "a".to_owned(),
        tool: "a test".to_owned(),
        origin_at: "2026-01-01T00:00:00Z".to_owned(),
        contains: vec!["audio".to_owned(), "text".to_owned()],
        delete_after: None,
        settings: serde_json::json!({"sample": 1.0}),
    }
}

fn step() -> Provenance {
    Provenance {
        step: "recover".to_owned(),
        tool: "a test".to_owned(),
        at: "2026-01-01T01:00:00Z".to_owned(),
        settings: serde_json::json!({}),
    }
}

/// Writes a journal of what passes, committed every second.
fn record(place: &Path, mut passing: Vec<Passing>) {
    passing.sort_by_key(|(row, _)| row.at_ns);
    let mut writer = JournalWriter::create(place, &recording()).unwrap();
    let mut second = 0;
    for (row, pcm) in passing {
        if row.at_ns / NS_PER_S > second {
            second = row.at_ns / NS_PER_S;
            writer.commit().unwrap();
        }
        writer.append(row, pcm.as_deref());
    }
    writer.commit().unwrap();
}

/// A desk with the recording `a.vtrace`, which is not finished.
struct Unfinished {
    desk: Desk,
    place: PathBuf,
}

impl Unfinished {
    fn new(passing: Vec<Passing>) -> Unfinished {
        let desk = Desk::new();
        let place = desk.path("a.vtrace");
        record(&place, passing);
        Unfinished { desk, place }
    }

    fn finish(&self) -> (Finished, Vec<SessionRows>) {
        let finished = finish(&self.place, step()).unwrap();
        let bundle = Bundle::open(&self.place).unwrap();
        bundle.check().unwrap();
        bundle.verify_clips().unwrap();
        assert_eq!(bundle.manifest, finished.bundle.manifest);
        let sessions = bundle.sessions().unwrap();
        (finished, sessions.map(Result::unwrap).collect())
    }
}

/// What the caller of a session sends: instants, lengths, and audio where it is kept.
fn sent(bundle: &Bundle, rows: &SessionRows) -> Vec<(i64, u32, Option<Vec<u8>>)> {
    let chunks = rows.events.iter().filter(|event| event.chunk_bytes > 0);
    let chunk = |event: &EventRow| {
        assert_eq!(event.count, 1);
        let pcm = event.clip.and_then(|clip| {
            let clip = &bundle.clips[clip as usize];
            let samples = bundle.clip_samples(clip, 0..clip.samples).unwrap()?;
            let pcm: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let from = event.offset_bytes as usize;
            Some(pcm[from..from + event.chunk_bytes as usize].to_vec())
        });
        let silence =
            || (event.kind == EventKind::Fill).then(|| vec![0; event.chunk_bytes as usize]);
        (
            event.at_ns + event.interval_ns,
            event.chunk_bytes,
            pcm.or_else(silence),
        )
    };
    chunks.map(chunk).collect()
}
