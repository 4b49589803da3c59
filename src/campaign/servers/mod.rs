//! What the servers measured while a run went on: fetched from their Prometheus after it, into
//! `server.parquet`. A failure is data too: the run stands without it.

mod client;
mod series;

use std::path::Path;

pub use client::TOKEN;
pub use series::Query;

use crate::clock::{Clock, RunClock};
use crate::results::manifest::RunManifest;
use crate::results::writer::write_server_rows;
use client::{Client, Span};
use series::usual;

/// Most rows of all series.
const MOST_ROWS: usize = 500_000;

/// A Prometheus server and what it is asked for.
#[derive(Debug)]
pub struct Source {
    client: Client,
    queries: Vec<Query>,
}

impl Source {
    /// The server at `url`, which is asked with `token` if there is one, for what is usual and
    /// `further`; of one name the further one is asked.
    ///
    /// # Errors
    /// Says what is wrong with the URL or the token.
    pub fn new(url: &str, token: Option<&str>, further: &[Query]) -> Result<Source, String> {
        let client = Client::new(url, token)?;
        let mut queries = usual();
        queries.retain(|usual| further.iter().all(|query| query.name != usual.name));
        queries.extend(further.iter().cloned());
        Ok(Source { client, queries })
    }

    /// Fetches what there is of the time since the run's epoch into its directory `dir`, and returns
    /// what went wrong.
    #[must_use]
    pub fn fetch(&self, dir: &Path, manifest: &RunManifest) -> Vec<String> {
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
        if !rows.is_empty()
            && let Err(error) = write_server_rows(dir, &rows)
        {
            failures.push(error.to_string());
        }
        failures
    }
}
