//! What lies beside the rows of a run: its clips, and the runs next to it.

use std::fs;
use std::path::Path;

use super::reader::RunDir;
use crate::table::{Row, TableError, read_all};

crate::table! {
    /// One row per clip of the trace that was replayed: what a report needs to know of it.
    pub struct ClipUsed in "clips" {
        /// BLAKE3 of the PCM bytes, in hex.
        pub clip_id: String [""],
        /// WAV file in the trace; null when only the timing was known, and speech-like audio was sent.
        pub file: Option<String> [""],
        /// Rate of the samples.
        pub sample_rate_hz: u32 ["Hz"],
        /// How the extent of the speech was found; `none` without speech.
        pub speech_method: String [""],
        /// Peak level; -inf for digital silence.
        pub peak_dbfs: f64 ["dBFS"],
        /// The file it was made from, relative to the folder that was given; null when unknown.
        pub source_path: Option<String> [""],
        /// What is said in it; null when unknown, and where the run keeps no text.
        pub transcript: Option<String> [""],
    }
}

impl RunDir {
    /// The clips of the trace; empty where the run does not say.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn clips(&self) -> Result<Vec<ClipUsed>, TableError> {
        read_if_there(self.path())
    }

    /// The other runs in the folder of this one, in order of their start; what cannot be read is
    /// none.
    #[must_use]
    pub fn neighbours(&self) -> Vec<RunDir> {
        let here = fs::canonicalize(self.path());
        let entries = here
            .as_deref()
            .ok()
            .and_then(Path::parent)
            .map(fs::read_dir);
        let entries = entries.into_iter().flatten().flatten().flatten();
        let mut runs: Vec<RunDir> = entries
            // `latest` is one of the others under a second name.
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| RunDir::open(&entry.path()).ok())
            .filter(|run| run.manifest().run_id != self.manifest().run_id)
            .collect();
        runs.sort_by(|a, b| a.manifest().started_at.cmp(&b.manifest().started_at));
        runs
    }
}

fn read_if_there<R: Row>(dir: &Path) -> Result<Vec<R>, TableError> {
    let file = dir.join(format!("{}.parquet", R::TABLE));
    match file.exists() {
        true => read_all(&file),
        false => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::row::ServerRow;
    use crate::results::sample;
    use crate::table::write_all;

    fn put(runs: &Path, name: &str, run_id: &str, started_at: &str) {
        let mut run = sample::manifest();
        run.run_id = run_id.to_owned();
        run.started_at = started_at.to_owned();
        fs::create_dir(runs.join(name)).unwrap();
        let text = serde_json::to_string(&run).unwrap();
        fs::write(runs.join(name).join("run.json"), text).unwrap();
    }

    #[test]
    fn neighbours_are_the_other_runs_of_the_folder_once_each() {
        let place = tempfile::tempdir().unwrap();
        let runs = place.path();
        put(runs, "a", "1", "2026-09-21T14:13:20Z");
        put(runs, "b", "2", "2026-09-21T12:13:20Z");
        put(runs, "c", "3", "2026-09-21T13:13:20Z");
        fs::create_dir(runs.join("no-run")).unwrap();
        std::os::unix::fs::symlink("a", runs.join("latest")).unwrap();
        for name in ["a", "latest"] {
            let run = RunDir::open(&runs.join(name)).unwrap();
            let ids: Vec<_> = run
                .neighbours()
                .iter()
                .map(|run| run.manifest().run_id.clone())
                .collect();
            assert_eq!(ids, ["2", "3"], "{name}");
        }
    }

    #[test]
    fn tables_beside_the_rows_may_be_missing() {
        let place = tempfile::tempdir().unwrap();
        put(place.path(), "a", "1", "2026-09-21T14:13:20Z");
        let run = RunDir::open(&place.path().join("a")).unwrap();
        assert_eq!(
            (run.clips().unwrap(), run.server().unwrap()),
            (vec![], vec![])
        );
        let sample = ServerRow {
            series: "DCGM_FI_DEV_GPU_UTIL".to_owned(),
            at_ns: 5,
            value: 80.0,
            labels: "gpu=0".to_owned(),
        };
        let rows = [sample];
        write_all(&place.path().join("a/server.parquet"), 1024, &[], &rows).unwrap();
        assert_eq!(run.server().unwrap(), rows);
    }
}
