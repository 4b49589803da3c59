//! What a run was: its name, its verdict, its settings.

use super::markup::Markup;
use crate::report::summary::Summary;
use crate::report::text::{standing, verdict_words};
use crate::results::manifest::{RunManifest, Verdict, VerdictLevel};
use crate::results::settings::Setting;
use crate::units::{Human, counted, duration_text, grouped};

/// The run's name and what it was in a line.
pub(super) fn heading(html: &mut Markup, summary: &Summary) {
    let run = &summary.run;
    html.open("header", "");
    html.element("p", "kicker", "voicelt run");
    html.element("h1", "", &run.name);
    html.open("p", "soft");
    let target = run.target.as_deref().unwrap_or("target not known");
    html.text(&format!("{} → {target} · {}", run.trace, run.started_at));
    if run.elapsed_ns > 0 {
        html.text(&format!(" · ran {}", Human(run.elapsed_ns)));
    }
    for (key, value) in &run.labels {
        html.raw(" <span class=\"label\">");
        html.text(&format!("{key}={value}"));
        html.raw("</span>");
    }
    html.close("p");
    html.close("header");
}

/// The verdict and its reasons, and how the run ended where it did not by itself.
pub(super) fn verdict(html: &mut Markup, summary: &Summary) {
    let level = summary.verdict.as_ref().map(|verdict| verdict.level);
    html.open(
        "div",
        match level {
            Some(VerdictLevel::Valid) => "verdict good",
            Some(VerdictLevel::Degraded) | None => "verdict warn",
            Some(VerdictLevel::Invalid) => "verdict bad",
        },
    );
    let words = verdict_words(summary);
    let (name, rest) = words.split_once(": ").unwrap_or((words, ""));
    html.open("p", "");
    html.element("strong", "", name);
    html.text(rest);
    html.close("p");
    let reasons = summary.verdict.iter().flat_map(|verdict| &verdict.reasons);
    list(html, reasons.map(String::as_str));
    list(html, standing(summary).iter().map(String::as_str));
    list(html, summary.unreadable.iter().map(String::as_str));
    html.close("div");
}

fn list<'a>(html: &mut Markup, items: impl Iterator<Item = &'a str>) {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return;
    }
    html.open("ul", "");
    items.for_each(|item| html.element("li", "", item));
    html.close("ul");
}

/// The verdict in a word.
pub(super) fn badge(html: &mut Markup, verdict: Option<&Verdict>) {
    let (class, word) = match verdict.map(|verdict| verdict.level) {
        Some(VerdictLevel::Valid) => ("badge good", "valid"),
        Some(VerdictLevel::Degraded) => ("badge warn", "degraded"),
        Some(VerdictLevel::Invalid) => ("badge bad", "invalid"),
        None => ("badge warn", "no verdict"),
    };
    html.element("span", class, word);
}

/// What was asked for, and on which machine.
pub(super) fn run(html: &mut Markup, run: &RunManifest, summary: &Summary) {
    let load = &summary.load;
    let of = |done: u64, planned: u64| format!("{} of {}", grouped(done), grouped(planned));
    let mut facts = vec![("run id", run.run_id.clone()), ("tool", run.tool.clone())];
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    if let Some(closed) = &run.closed_loop {
        fact("scenario", closed.scenario.clone());
        fact("users", Some(grouped(closed.users.into())));
        fact("pace", Some(closed.pace.clone()));
        let [least, most] = closed.think_ns.map(duration_text);
        fact(
            "think time",
            Some(if least == most {
                least
            } else {
                format!("{least} to {most}")
            }),
        );
    }
    if let Some(campaign) = &run.campaign {
        let rest = duration_text(campaign.cool_down_ns);
        fact(
            "repeat",
            Some(format!(
                "{} of {}, {rest} apart",
                campaign.number, campaign.of
            )),
        );
    }
    fact("trace hash", Some(run.trace.content_blake3.clone()));
    fact(
        "sessions",
        Some(of(load.sessions_started, load.sessions_planned)),
    );
    let at_once = load
        .peak_sessions
        .map(|peak| of(peak, load.peak_sessions_planned));
    fact("at once", at_once);
    fact(
        "chunks",
        load.chunks_sent.map(|sent| of(sent, load.chunks_planned)),
    );
    fact(
        "blocked by the peer",
        Some(Human(summary.blocked_ns).to_string()),
    );
    let count = |setting: &Setting<u64>| setting.get().copied().map(grouped);
    fact("connections", count(&run.spec.connections));
    fact("streams a connection", count(&run.spec.stream_limit));
    fact("workers", count(&run.spec.workers));
    let host = &run.host;
    let cores = (host.cores > 0).then(|| counted(host.cores.into(), "core"));
    let machine = [
        Some(host.hostname.clone()),
        Some(host.os.clone()),
        Some(host.cpu.clone()),
        cores,
    ];
    let machine = machine
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>();
    fact(
        "machine",
        Some(machine.join(", ")).filter(|machine| !machine.is_empty()),
    );
    let timer = run.calibration.as_ref().map(|calibration| {
        format!(
            "{} late at the median, {} at p99",
            Human(calibration.timer_error_p50_ns),
            Human(calibration.timer_error_p99_ns)
        )
    });
    fact("timer", timer);
    html.open("dl", "facts");
    for (name, value) in &facts {
        html.raw("<div>");
        html.element("dt", "", name);
        html.element("dd", "", value);
        html.raw("</div>");
    }
    html.close("dl");
}
