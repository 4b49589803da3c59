//! Metrics for Prometheus while a command works, and for a while after its end.

use std::time::Duration;

use anyhow::anyhow;

use super::duration::DurationArg;
use super::exit::BadInput;
use super::signals::Ends;
use super::stderr::say;
use crate::live::exporter::Exporter;
use crate::live::prometheus::Exposition;

/// Where metrics are served, and for how long.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Live")]
pub(crate) struct MetricsArgs {
    /// Serve metrics for Prometheus here, such as 0.0.0.0:9464; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics_addr: Option<String>,
    /// Go on serving them for so long after the end, for a last look; Ctrl-C ends it
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "0s",
        requires = "metrics_addr"
    )]
    pub(crate) metrics_linger: DurationArg,
}

impl MetricsArgs {
    /// Listens, if that was asked for, and says where unless `quiet`.
    ///
    /// # Errors
    /// [`BadInput`] for an address that cannot be listened on.
    pub(crate) fn listen(&self, quiet: bool) -> Result<Served, BadInput> {
        let listen = |address: &String| {
            Exporter::listen(address).map_err(|error| {
                BadInput(anyhow!(
                    "--metrics-addr: cannot listen on {address}: {error}; give a free address of this machine, such as 127.0.0.1:0"
                ))
            })
        };
        let exporter = self.metrics_addr.as_ref().map(listen).transpose()?;
        if let Some(exporter) = exporter.as_ref().filter(|_| !quiet) {
            let address = exporter.address();
            say(&format!("metrics are at http://{address}/metrics\n"));
        }
        Ok(Served {
            exporter,
            linger: self.metrics_linger,
            quiet,
        })
    }
}

/// Metrics that are served until this is dropped; or none.
#[derive(Debug)]
pub(crate) struct Served {
    exporter: Option<Exporter>,
    linger: DurationArg,
    quiet: bool,
}

impl Served {
    /// Serves these from now on.
    pub(crate) fn show(&self, exposition: impl FnOnce() -> Exposition) {
        if let Some(exporter) = &self.exporter {
            exporter.show(exposition());
        }
    }

    /// Waits for as long as was asked for, or until a signal ends it.
    ///
    /// # Errors
    /// A system without a thread or a signal to give.
    pub(crate) fn linger(self) -> anyhow::Result<()> {
        let Some(exporter) = self.exporter.filter(|_| self.linger.ns > 0) else {
            return Ok(());
        };
        if !self.quiet {
            let (address, linger) = (exporter.address(), self.linger);
            say(&format!(
                "metrics stay at http://{address}/metrics for {linger}; Ctrl-C ends that\n"
            ));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let linger = Duration::from_nanos(self.linger.ns.unsigned_abs());
        runtime.block_on(async {
            let mut ends = Ends::listen()?;
            // Either may end it.
            let _ = tokio::time::timeout(linger, ends.next()).await;
            Ok(())
        })
    }
}
