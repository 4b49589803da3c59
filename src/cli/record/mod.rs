//! `voicelt record`: live calls into a trace.

mod args;
mod summary_text;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

pub use args::Args;

use super::live;
use super::prepare::{bad, of_trace};
use super::signals::Ends;
use super::stderr::say;
use super::trace::recover::private_files;
use crate::record::{
    Delays, Made, Proxy, RecordError, RecorderGauges, Sink, Stop, Stopped, Written,
    recorder_metrics,
};
use crate::replay::limits::raise_open_files;
use crate::trace::recover::Finished;

/// How long calls may go on after the first signal.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Records until a signal ends it and says what came of it.
///
/// # Errors
/// [`super::exit::BadInput`] for what the user can fix, otherwise our own failure.
pub fn run(args: &Args, quiet: bool) -> anyhow::Result<ExitCode> {
    let keep = args.privacy.keep()?;
    let dialect = args.dialect()?;
    private_files();
    raise_open_files();
    let metrics = args.metrics.listen(quiet)?;
    let proxy = Proxy::bind(&args.proxy()?).map_err(bad)?;
    let address = proxy.address().context("cannot tell the address")?;
    let (delays, gauges) = (Arc::<Delays>::default(), Arc::<RecorderGauges>::default());
    metrics.show(|| recorder_metrics(gauges.clone(), delays.clone()));
    let sink = Sink::begin(args.sink(dialect, keep), delays.clone(), gauges.clone());
    let sink = sink.map_err(|error| match error {
        RecordError::Trace(error) => of_trace(error),
        error => anyhow::Error::from(error),
    })?;
    let stop = Stop::default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the recorder's threads")?;
    if let Err(error) = runtime.block_on(proxy.reach()) {
        say(&format!(
            "warning: {error}; calls will be refused until the gateway is there\n"
        ));
    }
    watch_signals(&runtime, &stop)?;
    if !quiet {
        say(&format!(
            "listening on {address}, calls go on to {}; Ctrl-C finishes {}\n",
            args.upstream,
            args.output.display()
        ));
    }
    let (done, shown_until) = std::sync::mpsc::channel::<()>();
    let served = std::thread::scope(|scope| {
        if !quiet && !args.live.no_live {
            let (gauges, delays) = (&gauges, &delays);
            let line_every = args.live.line_every();
            let line = move || summary_text::line(gauges, delays);
            scope.spawn(move || live::draw(&shown_until, line_every, line));
        }
        let served = proxy.serve(sink.tap(), &delays, &stop);
        drop(done);
        served
    });
    // Whatever became of the proxy, what was recorded is kept.
    let written = sink.finish()?;
    served?;
    let well = is_well(&written);
    if !quiet || !well {
        say(&summary_text::summary(&written, &gauges, &delays));
    }
    metrics.linger()?;
    // A signal is how a recording ends.
    Ok(match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Whether every trace was made of all of its journal, and the disk took all of it.
fn is_well(written: &Written) -> bool {
    let is_whole = |finished: &Finished| !finished.damage.costs();
    let is_made = |made: &Made| made.result.as_ref().is_ok_and(is_whole);
    let is_made = written.traces.iter().all(is_made);
    is_made && !matches!(written.stopped, Some(Stopped::Failed(_)))
}

/// The first signal lets calls end, the second ends them.
fn watch_signals(runtime: &tokio::runtime::Runtime, stop: &Stop) -> anyhow::Result<()> {
    let guard = runtime.enter();
    let mut ends = Ends::listen()?;
    // A limit of file sizes must read as a full disk does, and not end the calls.
    let _too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    drop(guard);
    let stop = stop.clone();
    runtime.spawn(async move {
        ends.next().await;
        stop.arrivals.cancel();
        say("\nstopping: calls under way have 5 s to end (again to end them now)\n");
        tokio::select! {
            _ = ends.next() => {}
            () = tokio::time::sleep(DRAIN) => {}
        }
        stop.calls.cancel();
    });
    Ok(())
}
