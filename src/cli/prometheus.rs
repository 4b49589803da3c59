//! What the servers measured while a run went on: fetched from their Prometheus after it, into
//! `server.parquet`. A failure is a warning: the run stands without it.

mod client;
mod series;

use std::path::Path;

use anyhow::anyhow;

use super::exit::BadInput;
use super::secrets::shown;
use super::stderr::say;
use crate::clock::{Clock, RunClock};
use crate::results::manifest::RunManifest;
use crate::results::row::ServerRow;
use crate::table::{ROW_GROUP_ROWS, Row, write_all};
pub(crate) use client::TOKEN;
use client::{Client, Span};
use series::{Query, usual};

/// Most rows of all series.
const MOST_ROWS: usize = 500_000;

/// What is fetched from a Prometheus server after a run.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct PrometheusArgs {
    /// After the run, fetch from the Prometheus at this URL what the servers measured meanwhile:
    /// GPUs and the gateway's own metrics. A bearer token is taken from VOICELT_PROMETHEUS_TOKEN
    #[arg(long, value_name = "URL", env = "VOICELT_PROMETHEUS")]
    pub(crate) prometheus: Option<String>,
    /// Fetch this too; may be repeated
    #[arg(long, value_name = "NAME=PROMQL", value_parser = Query::parse, requires = "prometheus")]
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
        let client = Client::new(url, token.as_deref());
        let client = client.map_err(|reason| {
            // It repeats the URL, in which there may be a password.
            let reason = reason.replace(url, &shown("prometheus", url));
            BadInput(anyhow!("--prometheus: {reason}"))
        })?;
        let mut queries = usual();
        // A further one of the same name takes the place of a usual one.
        queries.retain(|usual| {
            let mut further = self.prometheus_query.iter();
            further.all(|query| query.name != usual.name)
        });
        queries.extend(self.prometheus_query.iter().cloned());
        Ok(Some(Source { client, queries }))
    }
}

/// A Prometheus server and what it is asked for.
#[derive(Debug)]
pub(crate) struct Source {
    client: Client,
    queries: Vec<Query>,
}

impl Source {
    /// Fetches what there is of the time since the run's epoch into its directory. What goes wrong
    /// is said unless `quiet`.
    pub(crate) fn fetch(&self, dir: &Path, manifest: &RunManifest, quiet: bool) {
        let span_ns = RunClock::new(&manifest.epoch).now().0;
        let span = Span::of(manifest.epoch.realtime_ns, span_ns);
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        for query in &self.queries {
            match self.client.range(query, &span, MOST_ROWS - rows.len()) {
                Ok(found) => rows.extend(found),
                Err(error) => {
                    failures.push(format!("{}: {error}", query.name));
                    if error.is_about_the_server() {
                        break;
                    }
                }
            }
        }
        if rows.is_empty() && failures.is_empty() {
            failures.push("it has none of the series of the time of the run".to_owned());
        }
        let path = dir.join(format!("{}.parquet", ServerRow::TABLE));
        if !rows.is_empty()
            && let Err(error) = write_all(&path, ROW_GROUP_ROWS, &[], &rows)
        {
            failures.push(error.to_string());
        }
        for failure in failures.iter().filter(|_| !quiet) {
            say(&format!("warning: --prometheus: {failure}\n"));
        }
    }
}
