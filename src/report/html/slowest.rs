//! The slowest turns, each with the stages of its answer one under the other.

use super::axis::Axis;
use super::chart::{Chart, Ink, Layer};
use super::figure::Table;
use super::markup::Markup;
use crate::results::row::RequestRow;
use crate::units::{Human, counted};

/// Height of a stage in the picture, of its units.
const BAR: f64 = 0.62;

/// One stage of a turn: its name, and when it began and ended, if it did.
struct Stage {
    name: &'static str,
    from: Option<i64>,
    to: Option<i64>,
    ink: Ink,
}

/// The stages of a turn, in the order in which they come.
fn stages(row: &RequestRow) -> [Stage; 5] {
    let stage = |name, from, to, ink| Stage {
        name,
        from,
        to,
        ink,
    };
    let speech_end = row.intended_end_of_speech_ns;
    let transcribed = row.final_transcript_ns.or(row.processing_ns);
    [
        stage("speech", Some(row.intended_start_ns), speech_end, Ink::Soft),
        stage("endpointing", speech_end, transcribed, Ink::Second),
        stage(
            "LLM",
            transcribed,
            row.last_llm_ns.or(row.first_llm_ns),
            Ink::Second,
        ),
        stage(
            "TTS",
            row.first_llm_ns.or(transcribed),
            row.first_audio_ns,
            Ink::Second,
        ),
        stage(
            "audio",
            row.first_audio_ns,
            row.playout_end_ns.or(row.last_audio_ns),
            Ink::Accent,
        ),
    ]
}

/// Puts the turns into the page; their texts only where `include_text`.
pub(super) fn put(html: &mut Markup, prefix: &str, rows: &[RequestRow], include_text: bool) {
    html.open("div", "turns");
    for (i, row) in rows.iter().enumerate() {
        html.open("article", "turn");
        let response = row
            .response_ns
            .map_or_else(|| "–".to_owned(), |ns| Human(ns).to_string());
        html.open("h3", "");
        html.element("span", "rank", &format!("{}.", i + 1));
        html.element("strong", "", &response);
        html.element(
            "span",
            "soft",
            &format!("turn {} of {}", row.turn, session(row)),
        );
        html.close("h3");
        let id = format!("{prefix}slow{i}");
        html.svg(&picture(&id, row).svg());
        facts(html, row, include_text);
        html.close("article");
    }
    html.close("div");
}

fn session(row: &RequestRow) -> String {
    match row.copy {
        0 => row.session_id.clone(),
        copy => format!("{}, copy {copy}", row.session_id),
    }
}

fn picture<'a>(id: &'a str, row: &RequestRow) -> Chart<'a> {
    let stages = stages(row);
    let origin = row.intended_start_ns;
    let ends = stages
        .iter()
        .flat_map(|stage| [stage.from, stage.to])
        .flatten();
    let last = ends.max().unwrap_or(origin);
    let mut layers = Vec::new();
    if let Some(end) = row.intended_end_of_speech_ns {
        layers.push(Layer::Upright((end - origin) as f64, Ink::Soft));
    }
    let count = stages.len() as f64;
    let mut ticks = Vec::new();
    for (i, stage) in stages.iter().enumerate() {
        let middle = count - i as f64 - 0.5;
        ticks.push((middle, stage.name.to_owned()));
        let (Some(from), Some(to)) = (stage.from, stage.to) else {
            continue;
        };
        let (from, to) = ((from - origin) as f64, (to - origin) as f64);
        let corners = (
            (from.min(to), middle - BAR / 2.0),
            (from.max(to), middle + BAR / 2.0),
        );
        layers.push(Layer::Boxes(vec![corners], stage.ink));
        layers.push(Layer::Label(
            (from.max(to), middle),
            Human((to - from) as i64).to_string(),
        ));
    }
    Chart {
        id,
        title: "Stages of the turn",
        description: "Bars of speech, endpointing, language model, speech synthesis and audio from the start of the \
                      turn; an upright line at the end of speech. The figures are below.",
        // Room for the last label.
        x: Axis::clock(0.0, (last - origin).max(1) as f64 * 1.18),
        y: Axis::lanes(count, ticks),
        height: 158,
        left: 78,
        layers,
    }
}

fn facts(html: &mut Markup, row: &RequestRow, include_text: bool) {
    let mut facts = vec![("trace id", row.trace_id.clone())];
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    fact("status", Some(row.status.name().to_owned()));
    fact("replica", row.replica.clone());
    fact("peer", row.peer.clone());
    fact(
        "connection",
        row.connection.map(|number| number.to_string()),
    );
    fact(
        "load",
        row.concurrent_sessions
            .map(|load| counted(load.into(), "session")),
    );
    fact(
        "lag, at most",
        row.lag_max_ns.map(|ns| Human(ns).to_string()),
    );
    fact(
        "blocked",
        (row.blocked_ns > 0).then(|| Human(row.blocked_ns).to_string()),
    );
    let underruns = format!("{}, {} in all", row.underruns, Human(row.underrun_ns));
    fact("underruns", (row.underruns > 0).then_some(underruns));
    fact("error", row.error.clone());
    if include_text {
        fact("transcript", row.transcript.clone());
        fact("answer", row.response_text.clone());
    }
    html.open("dl", "facts");
    for (name, value) in &facts {
        html.raw("<div>");
        html.element("dt", "", name);
        html.element("dd", "", value);
        html.raw("</div>");
    }
    html.close("dl");
    html.raw("<details><summary>Instants</summary>\n");
    instants(row).put(html);
    html.close("details");
}

/// When what happened, since the start of the turn.
fn instants(row: &RequestRow) -> Table {
    let since = |ns: i64| Human(ns - row.intended_start_ns).to_string();
    let named = [
        ("stream opened", row.opened_ns),
        ("turn started", row.started_ns),
        ("end of speech, planned", row.intended_end_of_speech_ns),
        ("end of speech, sent", row.end_of_speech_sent_ns),
        ("first transcript", row.first_transcript_ns),
        ("final transcript", row.final_transcript_ns),
        ("PROCESSING", row.processing_ns),
        ("first text", row.first_llm_ns),
        ("last text", row.last_llm_ns),
        ("first audio", row.first_audio_ns),
        ("first audible", row.first_audible_ns),
        ("last audio", row.last_audio_ns),
        ("heard to its end", row.playout_end_ns),
        ("closed", row.closed_ns),
    ];
    let rows = named
        .into_iter()
        .filter_map(|(name, ns)| Some(vec![name.to_owned(), since(ns?)]));
    Table::of(
        vec!["what", "since the turn's planned start"],
        rows.collect(),
    )
}
