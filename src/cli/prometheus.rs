//! What the servers measured while a run went on, from their Prometheus. A failure is a warning: the
//! run stands without it.

use std::path::Path;

use anyhow::anyhow;

use super::exit::BadInput;
use super::secrets::shown;
use super::stderr::say;
pub(crate) use crate::campaign::servers::TOKEN;
use crate::campaign::servers::{self, Query};
use crate::results::manifest::RunManifest;

/// What is fetched from a Prometheus server after a run.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct PrometheusArgs {
    /// After the run, fetch from the Prometheus at this URL what the servers measured meanwhile:
    /// GPUs and the gateway's own metrics. A bearer token is taken from VOICELT_PROMETHEUS_TOKEN
    #[arg(long, value_name = "URL", env = "VOICELT_PROMETHEUS")]
    pub(crate) prometheus: Option<String>,
    /// Fetch this too; may be repeated
    #[arg(long, value_name = "NAME=PROMQL", requires = "prometheus")]
    pub(crate) prometheus_query: Vec<Query>,
}

impl PrometheusArgs {
    /// The server that is to be asked after the run, if any.
    ///
    /// # Errors
    /// [`BadInput`] for a URL or a token that cannot be used.
    pub(crate) fn source(&self) -> Result<Option<Source>, BadInput> {
        let Some(url) = &self.prometheus else {
            return Ok(None);
        };
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let source = servers::Source::new(url, token.as_deref(), &self.prometheus_query);
        let source = source.map_err(|reason| {
            // It repeats the URL, in which there may be a password.
            let reason = reason.replace(url, &shown("prometheus", url));
            BadInput(anyhow!("--prometheus: {reason}"))
        })?;
        Ok(Some(Source(source)))
    }
}

/// A Prometheus server and what it is asked for.
#[derive(Debug)]
pub(crate) struct Source(servers::Source);

impl Source {
    /// Fetches what there is of the time since the run's epoch into its directory. What goes wrong
    /// is said unless `quiet`.
    pub(crate) fn fetch(&self, dir: &Path, manifest: &RunManifest, quiet: bool) {
        for failure in self.0.fetch(dir, manifest).iter().filter(|_| !quiet) {
            say(&format!("warning: --prometheus: {failure}\n"));
        }
    }
}
