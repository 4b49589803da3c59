//! A chart in the page: its heading, legend, picture, a sentence under it, and its figures as a
//! table.

use super::chart::{Chart, Ink};
use super::markup::Markup;

/// A table of figures; the first column names the row.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// Heads of the columns.
    pub(super) head: Vec<&'static str>,
    /// Cells of each row.
    pub(super) rows: Vec<Vec<String>>,
    /// What the columns hold.
    pub(super) kind: Columns,
}

/// What the columns of a table hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Columns {
    /// A name, and figures.
    #[default]
    Name,
    /// A name, and figures; the last column says what they are.
    NameAndMeaning,
    /// A sentence, and figures.
    Sentence,
}

impl Table {
    /// A table of names and figures.
    pub(super) fn of(head: Vec<&'static str>, rows: Vec<Vec<String>>) -> Table {
        Table {
            head,
            rows,
            kind: Columns::Name,
        }
    }

    /// The same table with other columns.
    pub(super) fn with(self, kind: Columns) -> Table {
        Table { kind, ..self }
    }

    /// The table, in a box of its own that scrolls where it is wider than the page.
    pub(super) fn put(&self, html: &mut Markup) {
        html.raw("<div class=\"scroll\" tabindex=\"0\">");
        html.open(
            "table",
            match self.kind {
                Columns::Name => "",
                Columns::NameAndMeaning => "meaning",
                Columns::Sentence => "words",
            },
        );
        html.raw("<thead><tr>");
        for head in &self.head {
            html.raw("<th scope=\"col\">");
            html.text(head);
            html.raw("</th>");
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.raw("<tr>");
            for (i, cell) in row.iter().enumerate() {
                html.raw(if i == 0 { "<th scope=\"row\">" } else { "<td>" });
                html.text(cell);
                html.raw(if i == 0 { "</th>" } else { "</td>" });
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody></table></div>\n");
    }
}

/// Puts `chart` into the page; `legend` says what its inks are, `note` what it is over.
pub(super) fn put(
    html: &mut Markup,
    chart: &Chart<'_>,
    legend: &[(Ink, &str)],
    note: &str,
    table: &Table,
) {
    html.open("figure", "");
    html.element("figcaption", "", chart.title);
    if !legend.is_empty() {
        html.open("ul", "legend");
        for (ink, name) in legend {
            html.raw("<li><i class=\"b-");
            html.raw(ink.class());
            html.raw("\"></i>");
            html.text(name);
            html.raw("</li>");
        }
        html.close("ul");
    }
    html.svg(&chart.svg());
    if !note.is_empty() {
        html.element("p", "note", note);
    }
    if !table.rows.is_empty() {
        html.raw("<details><summary>Figures</summary>\n");
        table.put(html);
        html.close("details");
    }
    html.close("figure");
}
