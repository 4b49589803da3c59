//! One call, made as a replay of a trace with one session, whose files are gone afterwards.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use tempfile::TempDir;

use super::Args;
use crate::audio::spec::{ConvertSpec, SynthSpec};
use crate::cli::exit::BadInput;
use crate::cli::load::{told, unreadable};
use crate::cli::prepare::make;
use crate::clock::epoch_now;
use crate::doctor::check::Check;
use crate::doctor::judge;
use crate::live::gauges::Gauges;
use crate::pcm::synth::Signal;
use crate::replay::phases::Phases;
use crate::replay::plan::Shape;
use crate::replay::{
    Gateway, Replay, ReplayError, ReplaySpec, Stop, Traffic, plan_extent, trace_ref,
};
use crate::results::manifest::RunManifest;
use crate::results::reader::RunDir;
use crate::results::writer::RunWriter;
use crate::trace::compile::CompileSpec;
use crate::trace::layout::CallSpec;
use crate::trace::stream::Bundle;
use crate::transport::channel::{Endpoint, TlsOptions};
use crate::units::{NS_PER_S, RunTime};

/// Length of the synthetic speech.
const SYNTHETIC_NS: i64 = 2 * NS_PER_S;
/// A longer recording is cut to this.
const LONGEST_NS: i64 = 15 * NS_PER_S;
/// When the call begins after its epoch: until then its connection is opened.
const LEAD: RunTime = RunTime(NS_PER_S);
/// Long after any call has ended.
const END: RunTime = RunTime(3_600 * NS_PER_S);

/// What is said in the call.
pub(super) struct Caller {
    bundle: Arc<Bundle>,
    synthetic: bool,
    folder: TempDir,
}

impl Caller {
    /// One utterance: the first of `audio`, or synthetic.
    ///
    /// # Errors
    /// [`BadInput`] for audio that cannot be converted, otherwise the system's.
    pub(super) fn prepare(audio: Option<&Path>, language: &str) -> anyhow::Result<Caller> {
        if let Some(missing) = audio.filter(|audio| !audio.exists()) {
            return Err(BadInput(anyhow!(
                "--audio {}: there is no such file; give a recording of a few words",
                missing.display()
            ))
            .into());
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
                language_code: language.to_owned(),
                ..CallSpec::default()
            },
            ..CompileSpec::default()
        };
        make(&convert, &compile, &place, true)?;
        Ok(Caller {
            bundle: Arc::new(Bundle::open(&place).map_err(unreadable)?),
            synthetic: audio.is_none(),
            folder,
        })
    }
}

/// Calls the gateway and says what came of it.
///
/// # Errors
/// Our own failure.
pub(super) fn call(
    caller: &Caller,
    args: &Args,
    endpoint: &Endpoint,
    tls: &TlsOptions,
) -> anyhow::Result<Vec<Check>> {
    let gateway = match Gateway::reach(endpoint.clone(), tls) {
        Ok(gateway) => gateway,
        Err(error) => return not_made(error),
    };
    let bundle = &caller.bundle;
    let shape = Shape {
        limit: Some(1),
        ..Shape::default()
    };
    let plan = plan_extent::plan(bundle, &shape, LEAD).map_err(unreadable)?;
    let spec = ReplaySpec {
        phases: Phases::steady(LEAD..END),
        headers: args.to.headers.clone(),
        timeout_ns: args.timeout.ns,
        ..ReplaySpec::default()
    };
    let replay = Replay::prepare(spec, gateway, bundle.clone(), Traffic::Plan(plan));
    let manifest = RunManifest::begin("doctor".to_owned(), trace_ref(bundle), epoch_now());
    let dir = caller.folder.path().join("run");
    let writer = RunWriter::create(&dir, &manifest, false)?;
    let (gauges, stop) = (Arc::new(Gauges::default()), Stop::default());
    let mut outcome =
        match replay.and_then(|replay| replay.run(&manifest, writer, &gauges, &stop, &|_| {})) {
            Ok(outcome) => outcome,
            Err(error) => return not_made(error),
        };
    outcome.writer.merge()?;
    let rows = RunDir::open(&dir)?.requests()?.rows;
    let row = rows
        .first()
        .ok_or_else(|| anyhow!("the call has no row; this is a fault of voicelt"))?;
    Ok(judge::call(row, caller.synthetic))
}

/// A gateway that cannot be reached has failed the check; anything else is our own failure.
fn not_made(error: ReplayError) -> anyhow::Result<Vec<Check>> {
    match error {
        ReplayError::Unreachable(error) => {
            Ok(vec![Check::failed("call", error.found(), error.advice())])
        }
        error => Err(told(error)),
    }
}
