//! The text that Prometheus reads: gauges as they are when it asks.
//!
//! The text is OpenMetrics; who does not ask for that gets the older format, which has no
//! exemplars.

mod plain;
mod run;
mod writer;

pub use plain::plain;
pub use run::{RunInfo, run_metrics};
pub use writer::Metrics;

use std::fmt::{self, Debug};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

/// Metrics that are read when they are asked for.
#[derive(Debug)]
pub struct Exposition(Registry);

impl Exposition {
    /// The metrics that `write` writes.
    #[must_use]
    pub fn new(
        write: impl Fn(&mut Metrics<'_>) -> fmt::Result + Send + Sync + 'static,
    ) -> Exposition {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Written(write)));
        Exposition(registry)
    }

    /// The metrics as they are now, in OpenMetrics text.
    ///
    /// # Errors
    /// None that a string could cause.
    pub fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.0)?;
        Ok(page)
    }
}

/// A function as a collector.
struct Written<F>(F);

impl<F> Debug for Written<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl<F> Collector for Written<F>
where
    F: Fn(&mut Metrics<'_>) -> fmt::Result + Send + Sync + 'static,
{
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Metrics(encoder))
    }
}
