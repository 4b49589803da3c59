//! The slowest turns, each with the stages of its answer one under the other.

use super::Report;
use crate::report::axis::Axis;
use crate::report::chart::{Chart, Ink, Layer};
use crate::report::document::{Block, Figure, Table, Words, human};
use crate::results::answer::AnswerKind;
use crate::results::row::RequestRow;
use crate::units::{Human, counted};

/// Height of a stage in the picture, of its units.
const BAR: f64 = 0.62;

pub(super) fn blocks(report: &Report<'_>) -> Vec<Block> {
    let Some(pictures) = &report.pictures else {
        return Vec::new();
    };
    let rows = pictures.collected.slowest();
    let turns = rows.iter().enumerate();
    let turns = turns
        .map(|(i, row)| turn((i, row), report.summary.answers_by, pictures.include_text))
        .collect();
    let note = "The slowest answers of the headline figures, from the planned start of the turn; the upright \
                line is the end of speech.";
    match rows.is_empty() {
        true => Vec::new(),
        false => vec![
            Block::Heading("Slowest turns"),
            Block::note(note),
            Block::Articles(turns),
        ],
    }
}

fn turn(
    (i, row): (usize, &RequestRow),
    answers: AnswerKind,
    include_text: bool,
) -> (String, Vec<Block>) {
    let session = match row.copy {
        0 => row.session_id.clone(),
        copy => format!("{}, copy {copy}", row.session_id),
    };
    let answered = human(answers.latency_ns(row));
    let name = format!("{}. {answered}: turn {} of {session}", i + 1, row.turn);
    let figure = Figure {
        chart: picture(format!("slow{i}"), row),
        legend: Vec::new(),
        note: String::new(),
        table: instants(row),
    };
    let facts = facts(row, include_text);
    (
        name,
        vec![Block::Figures(vec![figure]), Block::line("", facts)],
    )
}

/// The stages of a turn, in the order in which they come: a name, and when each began and ended, if
/// it did.
fn stages(row: &RequestRow) -> [(&'static str, Ink, Option<i64>, Option<i64>); 5] {
    let speech_end = row.intended_end_of_speech_ns;
    let is_serial = row.dialect.unwrap_or_default().has_serial_stages();
    let transcribed = match is_serial {
        true => row.final_transcript_ns.or(row.processing_ns),
        // The transcript is made beside the answer.
        false => row.processing_ns,
    };
    let (first_text, last_text) = (row.first_llm_ns, row.last_llm_ns);
    let tts = first_text.or(transcribed).filter(|_| is_serial);
    let heard = row.playout_end_ns.or(row.last_audio_ns);
    [
        ("speech", Ink::Soft, Some(row.intended_start_ns), speech_end),
        ("endpointing", Ink::Second, speech_end, transcribed),
        ("LLM", Ink::Second, transcribed, last_text.or(first_text)),
        ("TTS", Ink::Second, tts, row.first_audio_ns),
        ("audio", Ink::Accent, row.first_audio_ns, heard),
    ]
}

fn picture(id: String, row: &RequestRow) -> Chart {
    let stages = stages(row);
    let origin = row.intended_start_ns;
    let ends = stages
        .iter()
        .flat_map(|(.., from, to)| [from, to])
        .flatten();
    let last = ends.max().copied().unwrap_or(origin);
    let end_of_speech = row.intended_end_of_speech_ns;
    let end_of_speech = end_of_speech.map(|end| Layer::Upright((end - origin) as f64, Ink::Soft));
    let mut layers: Vec<Layer> = end_of_speech.into_iter().collect();
    let count = stages.len() as f64;
    let mut ticks = Vec::new();
    for (i, (name, ink, from, to)) in stages.into_iter().enumerate() {
        let middle = count - i as f64 - 0.5;
        ticks.push((middle, name.to_owned()));
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        let (left, right) = (
            (from.min(to) - origin) as f64,
            (from.max(to) - origin) as f64,
        );
        let corners = ((left, middle - BAR / 2.0), (right, middle + BAR / 2.0));
        layers.push(Layer::Boxes(vec![corners], ink));
        layers.push(Layer::Label((right, middle), Human(to - from).to_string()));
    }
    Chart {
        id,
        title: "Stages of the turn".to_owned(),
        description: "Bars of speech, endpointing, language model, speech synthesis and audio from the start \
                      of the turn; an upright line at the end of speech. The figures are below."
            .to_owned(),
        // Room for the last label.
        x: Axis::clock(0.0, (last - origin).max(1) as f64 * 1.18),
        y: Axis::lanes(count, ticks),
        height: 158.0,
        left: 78.0,
        layers,
    }
}

fn facts(row: &RequestRow, include_text: bool) -> Vec<Words> {
    let some = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let load = row
        .concurrent_sessions
        .map(|load| counted(load.into(), "session"));
    let blocked = (row.blocked_ns > 0).then(|| Human(row.blocked_ns).to_string());
    let underruns = format!("{}, {} in all", row.underruns, Human(row.underrun_ns));
    let text = |text: &Option<String>| text.clone().filter(|_| include_text);
    let facts = [
        some("trace id", Some(row.trace_id.clone())),
        some("status", Some(row.status.to_string())),
        some("replica", row.replica.clone()),
        some("peer", row.peer.clone()),
        some(
            "connection",
            row.connection.map(|number| number.to_string()),
        ),
        some("load", load),
        some(
            "lag at most",
            row.lag_max_ns.map(|ns| Human(ns).to_string()),
        ),
        some("blocked", blocked),
        some("underruns", (row.underruns > 0).then_some(underruns)),
        some("error", row.error.clone()),
        some("transcript", text(&row.transcript)),
        some("answer", text(&row.response_text)),
    ];
    facts.into_iter().flatten().map(Words::from).collect()
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
    let rows = named.into_iter();
    let rows = rows.filter_map(|(name, ns)| Some(vec![name.to_owned(), since(ns?)]));
    Table::figures(["instant", "since the turn's planned start"], rows)
}
