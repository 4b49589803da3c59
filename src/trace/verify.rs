//! Whether a bundle is valid as a whole: its manifest, its rows, and the files of its clips.

use std::path::Path;

use jiff::Timestamp;

use super::TraceError;
use super::extent::Extent;
use super::model::{ClipRow, SourceRow, TraceSource};
use super::stream::Bundle;
use super::tables::open_table;
use crate::pcm::wav;
use crate::table::Row;

/// Samples that are hashed at a time.
const BLOCK: usize = 1 << 16;

impl Bundle {
    /// Checks everything that the format says, and returns how large the trace is.
    ///
    /// # Errors
    /// The first thing that is wrong: in `trace.json`, a row of a table, or a clip's file.
    pub fn verify(&self) -> Result<Extent, TraceError> {
        self.verify_manifest()?;
        self.verify_sources()?;
        let (extent, events) = self.check_and_count()?;
        let manifest = &self.manifest;
        let said = (manifest.sessions, manifest.events, manifest.duration_ns);
        let other = manifest.extent.is_some_and(|said| said != extent);
        if said != (extent.sessions, events, extent.duration_ns) || other {
            return Err(TraceError::Edited(self.dir.display().to_string()));
        }
        self.verify_clips()?;
        Ok(extent)
    }

    /// Whether names and instants in `trace.json` are such.
    fn verify_manifest(&self) -> Result<(), TraceError> {
        let manifest = &self.manifest;
        let wrong = |reason: String| {
            Err(TraceError::Manifest {
                path: self.dir.join("trace.json").display().to_string(),
                reason,
            })
        };
        if let Err(known) = manifest.source.parse::<TraceSource>() {
            return wrong(format!(
                "`source` is `{}`, but known are {known}",
                manifest.source
            ));
        }
        let mut contains = manifest.contains.iter();
        if let Some(what) = contains.find(|what| !["audio", "text"].contains(&what.as_str())) {
            return wrong(format!(
                "`contains` holds `{what}`, but known are audio, text"
            ));
        }
        let instants = [
            ("origin_at", &manifest.origin_at),
            ("delete_after", &manifest.delete_after),
        ];
        for (name, at) in instants {
            if at
                .as_ref()
                .is_some_and(|at| at.parse::<Timestamp>().is_err())
            {
                return wrong(format!("`{name}` is no instant of RFC 3339"));
            }
        }
        Ok(())
    }

    /// Whether the table that only prepared traces have names clips that are there.
    fn verify_sources(&self) -> Result<(), TraceError> {
        let table = SourceRow::TABLE;
        if !self.dir.join(format!("{table}.parquet")).is_file() {
            return Ok(());
        }
        let is_there = |clip: u32| (clip as usize) < self.clips.len();
        let sources = open_table::<SourceRow>(&self.dir)?;
        let (mut sources, mut before) = (sources.within_memory(size_of::<SourceRow>())?, 0);
        while let Some(rows) = sources.next_rows()? {
            let wrong = |source: &SourceRow| source.clip.is_some_and(|clip| !is_there(clip));
            if let Some(row) = rows.iter().position(wrong) {
                return Err(TraceError::Row {
                    table,
                    row: before + row,
                    reason: "`clip` is not in clips.parquet".to_owned(),
                });
            }
            before += rows.len();
        }
        Ok(())
    }

    /// Reads the whole file of every clip, in little memory, and compares its length, rate and hash
    /// with the table.
    ///
    /// # Errors
    /// The first clip whose file is missing, damaged, or another.
    pub fn verify_clips(&self) -> Result<(), TraceError> {
        self.clips
            .iter()
            .try_for_each(|clip| verify_clip(&self.dir, clip))
    }
}

/// Whether the file of `clip` in `dir` holds its audio.
pub(super) fn verify_clip(dir: &Path, clip: &ClipRow) -> Result<(), TraceError> {
    let Some(file) = &clip.file else {
        return Ok(());
    };
    let path = dir.join(file);
    let fail = |reason: String| TraceError::Clip {
        path: path.display().to_string(),
        reason,
    };
    let mut reader = wav::Reader::open(&path).map_err(|e| TraceError::of_clip(&path, e))?;
    if (reader.rate().0, reader.samples()) != (clip.sample_rate_hz, clip.samples) {
        return Err(fail(format!(
            "holds {} samples at {} Hz, but clips.parquet says {} at {} Hz; make the trace again",
            reader.samples(),
            reader.rate().0,
            clip.samples,
            clip.sample_rate_hz
        )));
    }
    let (mut hash, mut block) = (blake3::Hasher::new(), Vec::new());
    while reader
        .next_block(BLOCK, &mut block)
        .map_err(|e| TraceError::of_clip(&path, e))?
    {
        // The reader appends.
        let bytes: Vec<u8> = block.drain(..).flat_map(i16::to_le_bytes).collect();
        hash.update(&bytes);
    }
    match hash.finalize().to_hex().as_str() == clip.clip_id {
        true => Ok(()),
        false => Err(fail(format!(
            "its audio is not that of clip {} ({}) any more; make the trace again",
            clip.clip, clip.clip_id
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use crate::trace::manifest::TraceManifest;
    use crate::trace::sample;
    use crate::trace::writer::{BundleWriter, ClipAudio};
    use std::path::Path;

    /// A bundle of one call in `dir`.
    fn bundle(dir: &Path) -> Bundle {
        let mut writer = BundleWriter::create(&dir.join("a.vtrace")).unwrap();
        let samples = vec![1; 640];
        let row = sample::clip(&samples, "a");
        let clip = writer.clip(row, ClipAudio::Samples(&samples)).unwrap();
        writer.session(sample::session(0, clip)).unwrap();
        writer.finish(&sample::manifest("a")).unwrap()
    }

    #[test]
    fn every_field_of_the_manifest_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let mut bundle = bundle(dir.path());
        assert_eq!(bundle.verify().unwrap().sessions, 1);
        let good = bundle.manifest.clone();
        type Change = fn(&mut TraceManifest);
        let changes: [(&str, Change); 6] = [
            ("`source` is `dreamt`", |m| m.source = "dreamt".to_owned()),
            ("`contains` holds `video`", |m| {
                m.contains.push("video".to_owned());
            }),
            ("`origin_at`", |m| m.origin_at = Some("noon".to_owned())),
            ("`delete_after`", |m| {
                m.delete_after = Some("soon".to_owned());
            }),
            ("trace seal", |m| m.sessions += 1),
            ("trace seal", |m| m.extent.as_mut().unwrap().chunks += 1),
        ];
        for (said, change) in changes {
            bundle.manifest = good.clone();
            change(&mut bundle.manifest);
            let refused = bundle.verify().unwrap_err().to_string();
            assert!(refused.contains(said), "{said}: {refused}");
        }
    }

    #[test]
    fn sources_must_name_clips_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let bundle = bundle(dir.path());
        let source = |clip| SourceRow {
            path: "a.wav".to_owned(),
            bytes: 1,
            mtime_ns: 0,
            channel: "mix".to_owned(),
            codec: "pcm".to_owned(),
            rate_hz: 16_000,
            channels: 1,
            settings_hash: String::new(),
            clip,
            skipped: None,
            decoder: None,
            trim: None,
            note: None,
        };
        let write = |rows: &[SourceRow]| {
            table::write_all(&bundle.dir.join("sources.parquet"), 100, &[], rows).unwrap();
        };
        write(&[source(None), source(Some(0))]);
        bundle.verify().unwrap();
        write(&[source(Some(0)), source(Some(1))]);
        let refused = bundle.verify().unwrap_err().to_string();
        assert_eq!(
            refused,
            "sources.parquet, row 1: `clip` is not in clips.parquet"
        );
    }
}
