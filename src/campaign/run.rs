//! One run, from what it is to be to what is said of it.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::error::RunError;
use super::feasibility::Feasibility;
use super::place::{begin, host, link_latest, make_default_dir};
use super::spec::RunSpec;
use crate::clock::{epoch_now, wall_ns};
use crate::live::gauges::Gauges;
use crate::replay::phases::Phases;
use crate::replay::{Gateway, Outcome, Replay, ReplayError, Stop, lead_ns, trace_ref};
use crate::report::Summary;
use crate::report::machine::Document;
use crate::report::machine::document::DocumentError;
use crate::report::require::Requirement;
use crate::report::wer::{Wer, WerAsked};
use crate::results::lag::LagSummary;
use crate::results::manifest::{ExitReason, RunManifest, second};
use crate::results::reader::RunDir;
use crate::results::row::RequestRow;
use crate::results::standing::this_process;
use crate::results::tables::{put_table, tables_in};
use crate::results::writer::{RunWriter, write_manifest};
use crate::trace::extent::Extent;
use crate::trace::model::ClipRow;
use crate::trace::stream::Bundle;
use crate::units::RunTime;

/// Whoever looks on while a run is made; `()` does not.
pub trait Observer {
    /// It is known what the run asks of this machine, and what is tight.
    fn ready(&self, _feasibility: &Feasibility, _warnings: &[String]) {}

    /// The run is to begin now: lets it, and looks at it until it has ended.
    ///
    /// # Errors
    /// What the system refuses to who is to look on; there is no run then.
    fn watch(&self, run: UnderWay<'_>) -> io::Result<Ran> {
        Ok(run.go(&|_ended| {}))
    }

    /// The run has ended and its tables are written; what is put beside them now is of the run.
    fn ended(&self, _dir: &Path, _manifest: &RunManifest) {}
}

impl Observer for () {}

/// A run that is to begin.
pub struct UnderWay<'a> {
    /// `run.json` as it is now.
    pub manifest: &'a RunManifest,
    /// The parts of the run.
    pub phases: &'a Phases,
    /// Tell how it goes.
    pub gauges: Arc<Gauges>,
    /// Stops it.
    pub stop: Stop,
    replay: Replay,
    writer: RunWriter,
}

impl UnderWay<'_> {
    /// Lets the run begin, and returns when it has ended. `each` is shown each turn that ended: it must
    /// return at once.
    pub fn go(self, each: &(dyn Fn(&RequestRow) + Sync)) -> Ran {
        let (gauges, stop) = (&self.gauges, &self.stop);
        Ran(self
            .replay
            .run(self.manifest, self.writer, gauges, stop, each))
    }
}

/// How a run went.
pub struct Ran(Result<Outcome, ReplayError>);

/// A run and all that is said of it.
#[derive(Debug)]
pub struct RunReport {
    /// Its directory.
    pub run: RunDir,
    /// What is said of it.
    pub document: Document,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

impl RunReport {
    /// Reports the run in the directory `dir`, where `asked` must hold of it, and its words as `wer` says.
    ///
    /// # Errors
    /// A run, or what was required of it, that cannot be read.
    pub fn read(
        dir: &Path,
        asked: &[Requirement],
        wer: WerAsked,
        zone: &TimeZone,
    ) -> Result<RunReport, DocumentError> {
        let run = RunDir::open(dir)?;
        RunReport::of(run, None, asked, wer, zone)
    }

    fn of(
        run: RunDir,
        lag: Option<LagSummary>,
        asked: &[Requirement],
        wer: WerAsked,
        zone: &TimeZone,
    ) -> Result<RunReport, DocumentError> {
        let manifest = run.manifest();
        let held = !manifest.spec.may_be_invalid();
        let interrupted = manifest.exit_reason == ExitReason::Interrupted;
        let document = Document::of_run(&run, lag, asked, held, wer, zone)?;
        Ok(RunReport {
            run,
            document,
            interrupted,
        })
    }

    /// The summary of the run.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.document.ours
    }

    /// Whether the run is held to its verdict.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.run.manifest().spec.may_be_invalid()
    }
}

impl RunSpec {
    /// Makes the run, of this extent, and its directory with the summary.
    ///
    /// # Errors
    /// A load that this machine cannot make, a place that is taken, a trace that makes no sense, or a
    /// refusal of the system; what was written by then is in the run directory.
    pub fn make(
        &self,
        extent: Extent,
        gateway: &Gateway,
        observer: &dyn Observer,
    ) -> Result<RunReport, RunError> {
        self.fetch()?;
        let feasibility = self.survey(extent, gateway.stream_limit, gateway.addresses)?;
        let warnings = feasibility.judge(self.settings.force.is_set())?;
        observer.ready(&feasibility, &warnings);
        let first = RunTime(lead_ns(feasibility.connections, gateway.connect_ns));
        let (traffic, engine) = self.lay_out(&feasibility, first)?;
        let (messages, keep_text) = (engine.messages, engine.keep_text);
        let (settings, phases) = (engine.shown(self.shown()), engine.phases.clone());
        let replay = Replay::prepare(engine, gateway.clone(), self.bundle.clone(), traffic)?;

        let dir = self.dir.clone();
        let dir = dir.unwrap_or_else(|| make_default_dir(&self.name));
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let trace = trace_ref(&self.bundle);
        let mut manifest = RunManifest {
            spec: settings,
            host: host(),
            process: this_process(),
            labels: self.labels.clone(),
            closed_loop: self.closed_loop(),
            campaign: self.campaign.clone(),
            planned: self.planned(&extent),
            calibration: Some(feasibility.calibration),
            ..RunManifest::begin(name.into_owned(), trace, epoch_now())
        };
        let writer = RunWriter::create(&dir, &manifest, messages)?;
        put_table(&dir, &clips(&self.bundle, keep_text))?;
        manifest.tables = tables_in(&dir)?;
        begin(&dir, &mut manifest)?;

        let stop = Stop::default();
        let Ran(outcome) = observer.watch(UnderWay {
            manifest: &manifest,
            phases: &phases,
            gauges: Arc::default(),
            stop: stop.clone(),
            replay,
            writer,
        })?;
        manifest.finished_at = Some(second(wall_ns()).to_string());
        let mut outcome = match outcome {
            Ok(outcome) => outcome,
            Err(source) => {
                manifest.exit_reason = ExitReason::Failed;
                // The disk may be what failed; the run then reads as one that was killed.
                let _ = write_manifest(&dir, &manifest);
                return Err(RunError::Stopped { dir, source });
            }
        };
        manifest.ended_ns = Some(outcome.ended_ns);
        outcome.writer.merge()?;
        manifest.spec.scheduling = outcome.scheduling.into();
        manifest.spec.stream_limit = outcome.stream_limit.map(|limit| limit as u64).into();
        manifest.address_changes = outcome.address_changes;
        manifest.connections = outcome.connections;
        manifest.exit_reason = match stop.is_by_user() {
            true => ExitReason::Interrupted,
            false => ExitReason::Finished,
        };
        manifest.verdict = Some(outcome.verdict);
        write_manifest(&dir, &manifest)?;
        observer.ended(&dir, &manifest);
        manifest.tables = tables_in(&dir)?;
        // What must hold, and whether words are compared, is said by the settings.
        let words = WerAsked {
            compared: false,
            texts: self.texts,
        };
        let report = RunReport::of(RunDir::open(&dir)?, outcome.lag, &[], words, &self.zone)?;
        let summary = report.summary().clone();
        let summary = Summary {
            wer: summary.wer.map(Wer::without_texts),
            ..summary
        };
        manifest.summary = serde_json::to_value(summary).ok();
        write_manifest(&dir, &manifest)?;
        if !report.interrupted {
            link_latest(&dir)?;
        }
        Ok(report)
    }
}

/// The clips as a run has them: without what is said in them, where it keeps no text.
fn clips(bundle: &Bundle, keep_text: bool) -> Cow<'_, [ClipRow]> {
    if keep_text {
        return Cow::Borrowed(&bundle.clips);
    }
    let clips = bundle.clips.iter().map(|clip| ClipRow {
        transcript: None,
        ..clip.clone()
    });
    Cow::Owned(clips.collect())
}
