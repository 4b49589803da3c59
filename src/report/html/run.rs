//! What a page says of one run, in order: verdict and requirements on top, then what it measured, then what may
//! be wrong, then charts, then the slowest turns.

use super::collect::Collected;
use super::markup::Markup;
use super::over_time::OverTime;
use super::{checks, distribution, facts, server, slowest, tables, words};
use crate::report::summary::Summary;
use crate::results::manifest::RunManifest;
use crate::results::row::{ServerRow, TimelineRow};

/// One run in the page.
pub(super) struct Section<'a> {
    /// Its place in the page, from 0.
    pub(super) number: usize,
    pub(super) run: &'a RunManifest,
    pub(super) summary: &'a Summary,
    pub(super) timeline: &'a [TimelineRow],
    /// What its servers measured.
    pub(super) server: &'a [ServerRow],
    /// Whether transcripts and answers are shown.
    pub(super) include_text: bool,
}

impl Section<'_> {
    /// Puts the run into the page.
    pub(super) fn put(&self, html: &mut Markup, mut collected: Collected) {
        collected.settle();
        let summary = self.summary;
        html.open_with("section", "id", &format!("run{}", self.number));
        facts::heading(html, summary);
        facts::verdict(html, summary);
        checks::requirements(html, summary);
        tables::headline(html, summary);
        checks::diagnosis(html, &summary.diagnosis);
        checks::guidance(html, summary);
        html.heading("Latencies");
        tables::latencies(html, summary);
        tables::recorded(html, summary);
        if let Some(wer) = &summary.wer {
            words::put(html, wer);
        }
        html.heading("Over time");
        self.charts(html, &collected);
        if !self.server.is_empty() {
            html.heading("Servers");
            server::charts(html, &self.prefix(), self.server, summary.run.elapsed_ns);
        }
        html.heading("Outcomes");
        tables::outcomes(html, summary);
        tables::errors(html, summary);
        tables::shares(html, "peer", &summary.peers);
        tables::shares(html, "replica", &summary.replicas);
        let prefix = self.prefix();
        let rows = collected.into_slowest();
        if !rows.is_empty() {
            html.heading("Slowest turns");
            html.element(
                "p",
                "note",
                "The slowest answers of the headline figures, from the planned start of the turn; the upright line is \
                 the end of speech.",
            );
            slowest::put(html, &prefix, &rows, self.include_text);
        }
        html.heading("Run");
        facts::run(html, self.run, summary);
        html.close("section");
    }

    fn prefix(&self) -> String {
        format!("r{}-", self.number)
    }

    fn charts(&self, html: &mut Markup, collected: &Collected) {
        let prefix = self.prefix();
        let over_time = OverTime {
            prefix: &prefix,
            timeline: self.timeline,
            collected,
            elapsed_ns: self.summary.run.elapsed_ns,
        };
        html.open("div", "charts");
        if !self.timeline.is_empty() {
            over_time.load(html);
        }
        over_time.response(html);
        if !self.timeline.is_empty() {
            over_time.starts(html);
            over_time.failures(html);
            over_time.lag(html);
        }
        html.close("div");
        html.heading("Distribution and load");
        html.open("div", "charts");
        let response = self.summary.latencies.get("response");
        distribution::cumulative(html, &prefix, collected, response);
        distribution::by_load(html, &prefix, collected);
        html.close("div");
    }
}
