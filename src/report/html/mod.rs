//! Blocks as one page of HTML that opens from disk: no script, nothing from a network, and one size
//! whatever the length of the run. `markup` escapes whatever is shown, `style.css` is the page's style.

mod markup;

use super::document::{Block, Column, Figure, Table, Words};
use crate::units::terminal::Tone;
use markup::Markup;

const STYLE: &str = include_str!("style.css");
const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n<title>";
const FOOT: &str = concat!(
    "</main>\n<footer>made by voicelt ",
    env!("CARGO_PKG_VERSION"),
    "; this file holds everything it shows</footer></body></html>\n"
);

/// A report in a page of several.
pub(super) struct Part {
    /// What it is about, for the list of contents.
    pub(super) name: String,
    /// Its verdict in a word.
    pub(super) verdict: Words,
    pub(super) blocks: Vec<Block>,
}

/// A page with this title; of several parts, the names come first.
#[must_use]
pub(super) fn page(title: &str, parts: &[Part]) -> String {
    let mut html = Markup::default();
    html.raw(HEAD);
    html.text(title);
    html.raw("</title>\n<style>\n");
    html.raw(STYLE);
    html.raw("</style></head>\n<body><main>\n");
    if parts.len() > 1 {
        html.raw("<nav aria-label=\"Runs\"><ol>\n");
        for (number, part) in parts.iter().enumerate() {
            html.raw("<li>");
            html.open_with("a", "href", &format!("#run{number}"));
            html.text(&part.name);
            html.raw("</a> ");
            span(&mut html, &part.verdict);
            html.raw("</li>\n");
        }
        html.raw("</ol></nav>\n");
    }
    for (number, part) in parts.iter().enumerate() {
        html.open_with("section", "id", &format!("run{number}"));
        put_all(&mut html, &format!("r{number}-"), &part.blocks);
        html.close("section");
    }
    html.raw(FOOT);
    html.into_text()
}

fn put_all(html: &mut Markup, prefix: &str, blocks: &[Block]) {
    blocks.iter().for_each(|block| put(html, prefix, block));
}

/// Puts a block into the page; `prefix` makes names of pictures the only ones.
fn put(html: &mut Markup, prefix: &str, block: &Block) {
    match block {
        Block::Title {
            kind,
            name,
            facts,
            labels,
        } => {
            html.open("header", "");
            html.element("p", "kicker", &format!("voicelt {kind}"));
            html.element("h1", "", name);
            html.open("p", "soft");
            html.text(&facts.join(" · "));
            for label in labels {
                html.raw(" ");
                html.element("span", "label", label);
            }
            html.close("p");
            html.close("header");
        }
        Block::Heading(words) => html.element("h2", "", words),
        Block::Line {
            label,
            items,
            points,
        } => line(html, label, items, points),
        Block::Note(words) => {
            html.open("p", "note");
            span(html, words);
            html.close("p");
        }
        Block::Finding {
            title,
            evidence,
            advice,
        } => {
            html.open("div", "finding");
            html.element("h3", "", title);
            html.element("p", "", evidence);
            html.element("p", "advice", advice);
            html.close("div");
        }
        Block::Table(table) => rows(html, table),
        Block::Cards(cards) => {
            html.open("div", "cards");
            for [name, value, note] in cards {
                html.open("div", "card");
                html.element("span", "name", name);
                html.element("span", "value", value);
                html.element("span", "note", note);
                html.close("div");
            }
            html.close("div");
        }
        Block::Figures(figures) => {
            html.open(
                "div",
                if figures.len() == 1 {
                    "single"
                } else {
                    "charts"
                },
            );
            figures.iter().for_each(|one| figure(html, prefix, one));
            html.close("div");
        }
        Block::Articles(articles) => {
            html.open("div", "turns");
            for (name, blocks) in articles {
                html.open("article", "turn");
                html.element("h3", "", name);
                put_all(html, prefix, blocks);
                html.close("article");
            }
            html.close("div");
        }
        Block::Details(name, blocks) => {
            html.open("details", "");
            html.element("summary", "", name);
            put_all(html, prefix, blocks);
            html.close("details");
        }
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Strong => "strong",
        Tone::Faint => "soft",
        Tone::Good => "good",
        Tone::Warning => "warn",
        Tone::Bad => "bad",
    }
}

fn span(html: &mut Markup, words: &Words) {
    match class(words.tone) {
        "" => html.text(&words.text),
        class => {
            html.open("span", class);
            html.text(&words.text);
            html.raw("</span>");
        }
    }
}

fn line(html: &mut Markup, label: &str, items: &[Words], points: &[Words]) {
    let tone = items.first().map(|item| item.tone);
    let class_of_line = match (label, tone) {
        ("verdict", Some(Tone::Good)) => "verdict good",
        ("verdict", Some(Tone::Bad)) => "verdict bad",
        ("verdict", _) => "verdict warn",
        _ => "line",
    };
    html.open("div", class_of_line);
    if !items.is_empty() {
        html.open("p", "");
        if !label.is_empty() {
            html.open("strong", "");
            html.text(label);
            html.raw("</strong> ");
        }
        for (i, item) in items.iter().enumerate() {
            html.raw(if i > 0 { " · " } else { "" });
            span(html, item);
        }
        html.close("p");
    }
    if !points.is_empty() {
        html.open("ul", "");
        for point in points {
            html.element("li", class(point.tone), &point.text);
        }
        html.close("ul");
    }
    html.close("div");
}

/// A table in a box of its own that scrolls where it is wider than the page.
fn rows(html: &mut Markup, table: &Table) {
    html.raw("<div class=\"scroll\" tabindex=\"0\">");
    html.raw("<table><thead><tr>");
    let kind = |column: &Column| match column {
        Column::Figure(_) => "",
        Column::Name(_) => "name",
        Column::Sentence(_) => "words",
    };
    for column in &table.columns {
        html.open("th", kind(column));
        html.text(column.head());
        html.raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.raw("<tr>");
        for (i, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
            let tag = if i == 0 { "th" } else { "td" };
            html.open(tag, kind(column));
            span(html, cell);
            html.raw(if i == 0 { "</th>" } else { "</td>" });
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table></div>\n");
}

fn figure(html: &mut Markup, prefix: &str, figure: &Figure) {
    html.open("figure", "");
    html.element("figcaption", "", &figure.chart.title);
    if figure.legend.len() > 1 {
        html.open("ul", "legend");
        for (ink, name) in &figure.legend {
            html.raw("<li>");
            html.open_with("i", "class", &format!("b-{ink}"));
            html.raw("</i>");
            html.text(name);
            html.raw("</li>");
        }
        html.close("ul");
    }
    html.svg(&figure.chart.svg(prefix));
    if !figure.note.is_empty() {
        html.element("p", "note", &figure.note);
    }
    if !figure.table.rows.is_empty() {
        html.raw("<details><summary>Figures</summary>\n");
        rows(html, &figure.table);
        html.close("details");
    }
    html.close("figure");
}
