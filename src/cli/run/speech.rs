//! What users say: the clips of a trace, or of audio that is prepared on the fly.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use tempfile::TempDir;

use super::test_audio;
use crate::audio::spec::ConvertSpec;
use crate::cli::exit::BadInput;
use crate::cli::load::open_trace;
use crate::cli::prepare::make;
use crate::cli::stderr::say;
use crate::replay::requests::RequestSpec;
use crate::trace::compile::CompileSpec;
use crate::trace::stream::Bundle;

/// Clips, and the folder that they are in only for this run.
pub(super) struct Speech {
    /// As `--audio` has it.
    pub(super) named: PathBuf,
    pub(super) bundle: Arc<Bundle>,
    _prepared: Option<TempDir>,
}

impl Speech {
    /// The clips of the bundle `audio`, or of the audio file or folder of that name.
    ///
    /// # Errors
    /// Neither is there, or nothing in it can be converted.
    pub(super) fn find(audio: &Path, quiet: bool) -> anyhow::Result<Speech> {
        if audio.join("trace.json").exists() {
            return Speech::of(audio, open_trace(audio, quiet)?, None);
        }
        test_audio::there(audio)?;
        let folder = tempfile::Builder::new().prefix("voicelt-run-").tempdir()?;
        let stem = audio.canonicalize()?;
        let stem = stem.file_stem().unwrap_or_default().to_string_lossy();
        let place = folder.path().join(format!("{stem}.vtrace"));
        let convert = ConvertSpec {
            inputs: vec![audio.to_owned()],
            ..ConvertSpec::default()
        };
        let said = make(&convert, &CompileSpec::default(), &place, quiet);
        let said = said.map_err(|error| test_audio::refused(audio, error))?;
        if !quiet {
            say(&format!("{}\n", said.lines().next().unwrap_or_default()));
        }
        Speech::of(audio, open_trace(&place, quiet)?, Some(folder))
    }

    fn of(audio: &Path, bundle: Arc<Bundle>, prepared: Option<TempDir>) -> anyhow::Result<Speech> {
        if bundle.clips.is_empty() {
            return Err(BadInput(anyhow!(
                "{} has no clips, so that users have nothing to say",
                bundle.dir.display()
            ))
            .into());
        }
        Ok(Speech {
            named: audio.to_owned(),
            bundle,
            _prepared: prepared,
        })
    }

    /// The rate of the clips; a session of several turns needs one for all.
    ///
    /// # Errors
    /// Several rates, where they may come together in a session.
    pub(super) fn check(&self, requests: &RequestSpec) -> Result<(), BadInput> {
        let mut rates: Vec<u32> = self.bundle.clips.iter().map(|c| c.sample_rate_hz).collect();
        rates.sort_unstable();
        rates.dedup();
        if rates.len() > 1 && requests.turns > 1 {
            return Err(BadInput(anyhow!(
                "the clips have several sample rates ({rates:?} Hz), and a session has one; leave out --turns-per-session, or prepare the audio first"
            )));
        }
        Ok(())
    }
}
