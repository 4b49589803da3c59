//! Small recorded bundles for the tests of edits.

use std::path::PathBuf;

use tempfile::TempDir;

use super::Output;
use crate::trace::manifest::TraceManifest;
use crate::trace::model::SessionRows;
use crate::trace::sample;
use crate::trace::stream::Bundle;
use crate::trace::writer::{BundleWriter, ClipAudio};

/// A folder for bundles.
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.vtrace"))
    }

    pub(super) fn output(&self, name: &str) -> Output {
        Output {
            place: self.place(name),
            name: name.to_owned(),
            tool: "a test".to_owned(),
            at: "2026-02-02T00:00:00Z".to_owned(),
        }
    }

    /// A bundle of a session for each of `calls`: its start in seconds and the value of all samples
    /// of its clip.
    pub(super) fn bundle(&self, name: &str, calls: &[(i64, i16)]) -> Bundle {
        self.bundle_with(name, calls, &sample::manifest(name))
    }

    pub(super) fn bundle_with(
        &self,
        name: &str,
        calls: &[(i64, i16)],
        manifest: &TraceManifest,
    ) -> Bundle {
        let mut writer = BundleWriter::create(&self.place(name)).unwrap();
        for &(start_s, value) in calls {
            let samples = vec![value; 640];
            let row = sample::clip(&samples, &format!("{value}.wav"));
            let clip = writer.clip(row, ClipAudio::Samples(&samples)).unwrap();
            writer.session(sample::session(start_s, clip)).unwrap();
        }
        writer.finish(manifest).unwrap()
    }
}

/// All sessions of a bundle that checks, clips included.
pub(super) fn sessions(bundle: &Bundle) -> Vec<SessionRows> {
    let bundle = Bundle::open(&bundle.dir).unwrap();
    bundle.verify_clips().unwrap();
    bundle.sessions().unwrap().map(Result::unwrap).collect()
}

/// Name and start of each session.
pub(super) fn starts(bundle: &Bundle) -> Vec<(String, i64)> {
    let sessions = sessions(bundle).into_iter();
    let starts = sessions.map(|rows| (rows.session.session_id, rows.session.start_ns));
    starts.collect()
}
