//! The call that is made: one session of a trace, whose files are gone afterwards.

use std::path::Path;

use anyhow::anyhow;
use tempfile::TempDir;

use super::Args;
use crate::audio::spec::{ConvertSpec, SynthSpec};
use crate::campaign::{Callers, RunSpec};
use crate::cli::load::{Protocol, unreadable};
use crate::cli::prepare::{bad, make};
use crate::pcm::synth::Signal;
use crate::replay::ReplaySpec;
use crate::replay::plan::Shape;
use crate::results::settings::Settings;
use crate::trace::compile::CompileSpec;
use crate::trace::layout::CallSpec;
use crate::units::NS_PER_S;

/// Length of the synthetic speech.
const SYNTHETIC_NS: i64 = 2 * NS_PER_S;
/// A longer recording is cut to this.
const LONGEST_NS: i64 = 15 * NS_PER_S;

/// The call.
pub(super) struct TrialCall {
    /// How it is made.
    pub(super) spec: RunSpec,
    /// Whether what is said in it is no recording.
    pub(super) synthetic: bool,
    _folder: TempDir,
}

impl TrialCall {
    /// One utterance: the first of `--audio`, or synthetic.
    ///
    /// # Errors
    /// [`BadInput`] for audio that cannot be converted, otherwise the system's.
    pub(super) fn prepare(args: &Args, protocol: &Protocol) -> anyhow::Result<TrialCall> {
        let audio = args.audio.as_deref();
        if let Some(missing) = audio.filter(|audio| !audio.exists()) {
            return Err(bad(anyhow!(
                "--audio {}: there is no such file; give a recording of a few words",
                missing.display()
            )));
        }
        let folder = tempfile::Builder::new()
            .prefix("voicelt-doctor-")
            .tempdir()?;
        let place = folder.path().join("call.vtrace");
        let synthetic = SynthSpec {
            signal: Signal::SpeechLike,
            duration_ns: SYNTHETIC_NS,
        };
        let convert = ConvertSpec {
            inputs: audio.map(Path::to_owned).into_iter().collect(),
            synth: match audio {
                Some(_) => Vec::new(),
                None => vec![synthetic],
            },
            max_clip_ns: Some(LONGEST_NS),
            ..ConvertSpec::default()
        };
        let compile = CompileSpec {
            call: CallSpec {
                language_code: args.language.clone(),
                ..CallSpec::default()
            },
            ..CompileSpec::default()
        };
        make(&convert, &compile, &place, true)?;
        let shape = Shape {
            limit: Some(1),
            ..Shape::default()
        };
        let engine = ReplaySpec {
            timeout_ns: args.timeout.ns,
            ..ReplaySpec::default()
        };
        // Whether this machine can make a load is judged elsewhere.
        let settings = Settings {
            force: true.into(),
            ..Settings::default()
        };
        let spec = RunSpec {
            dir: Some(folder.path().join("doctor")),
            callers: Callers::Trace {
                shape,
                warmup_ns: 0,
            },
            engine: args.protocol.engine(protocol, engine),
            settings: args.protocol.shown(protocol, settings),
            ..RunSpec::of_trace(&place).map_err(unreadable)?
        };
        Ok(TrialCall {
            spec,
            synthetic: audio.is_none(),
            _folder: folder,
        })
    }
}
