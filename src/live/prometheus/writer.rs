//! Metrics written one after another, by kind.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::live::gauges::TraceLabel;
use crate::live::histogram::Counts;

/// Where metrics are written to. Names come without the unit and without `_total`, `_info`: the
/// format adds them.
#[derive(Debug)]
pub struct Metrics<'a>(pub(super) DescriptorEncoder<'a>);

impl Metrics<'_> {
    /// Begins a metric of a kind; distributions are in seconds.
    fn of<'s>(
        &'s mut self,
        name: &'s str,
        help: &'s str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        let unit = matches!(kind, MetricType::Histogram).then_some(&Unit::Seconds);
        self.0.encode_descriptor(name, help, unit, kind)
    }

    /// A number that goes up and down.
    ///
    /// # Errors
    /// Those of the page that is written, as with all methods.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        let to = self.of(name, help, MetricType::Gauge)?;
        ConstGauge::new(value).encode(to)
    }

    /// A number that only grows.
    ///
    /// # Errors
    /// As with all methods.
    pub fn counter(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeCounterValue,
    ) -> fmt::Result {
        let to = self.of(name, help, MetricType::Counter)?;
        ConstCounter::new(value).encode(to)
    }

    /// Numbers that only grow, one for each value of a label.
    ///
    /// # Errors
    /// As with all methods.
    pub fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'l str, u64)>,
    ) -> fmt::Result {
        let mut to = self.of(name, help, MetricType::Counter)?;
        for (of, value) in values {
            ConstCounter::new(value).encode(to.encode_family(&[(label, of)])?)?;
        }
        Ok(())
    }

    /// A distribution in seconds, by buckets that end at `ends_ns`.
    ///
    /// # Errors
    /// As with all methods.
    pub fn seconds(
        &mut self,
        name: &str,
        help: &str,
        ends_ns: &[u64],
        counts: &Counts,
    ) -> fmt::Result {
        let to = self.of(name, help, MetricType::Histogram)?;
        histogram(to, ends_ns, &counts.between(ends_ns), counts.sum_ns())
    }

    /// Distributions in seconds, one for each value of a label: how many lie between one of
    /// `ends_ns` and the one before it, how many beyond the last, and the sum of all in nanoseconds.
    ///
    /// # Errors
    /// As with all methods.
    pub fn seconds_by<'l>(
        &mut self,
        name: &str,
        help: &str,
        ends_ns: &[u64],
        label: &str,
        values: impl IntoIterator<Item = (&'l str, Vec<u64>, u64)>,
    ) -> fmt::Result {
        let mut to = self.of(name, help, MetricType::Histogram)?;
        for (of, between, sum_ns) in values {
            histogram(to.encode_family(&[(label, of)])?, ends_ns, &between, sum_ns)?;
        }
        Ok(())
    }

    /// A distribution in seconds, with a trace for each of its buckets.
    ///
    /// # Errors
    /// As with all methods.
    pub(super) fn seconds_with_traces(
        &mut self,
        name: &str,
        help: &str,
        histogram: &HistogramWithExemplars<TraceLabel>,
    ) -> fmt::Result {
        let to = self.of(name, help, MetricType::Histogram)?;
        histogram.encode(to)
    }

    /// Facts in words, as labels.
    ///
    /// # Errors
    /// As with all methods.
    pub fn info(&mut self, name: &str, help: &str, facts: &[(&str, &str)]) -> fmt::Result {
        let mut to = self.of(name, help, MetricType::Info)?;
        to.encode_info(&facts)
    }
}

fn histogram(
    mut to: MetricEncoder<'_>,
    ends_ns: &[u64],
    between: &[u64],
    sum_ns: u64,
) -> fmt::Result {
    let ends = ends_ns.iter().map(|ns| *ns as f64 / 1e9);
    let ends = ends.chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = ends.zip(between.iter().copied()).collect();
    let (sum, count) = (sum_ns as f64 / 1e9, between.iter().sum());
    to.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
