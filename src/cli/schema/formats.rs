//! Tables and their columns as text, as Markdown, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::tables::{Table, type_name};
use crate::table::Column;
use crate::units::terminal::wrapped;

/// Most characters in a line of our Markdown that is no table.
pub(super) const PROSE_WIDTH: usize = 122;

/// For people at a terminal: two lines and more a column, none over `width` characters where words
/// allow it.
pub(super) fn text(tables: &[Table], width: usize) -> String {
    let mut text = String::new();
    for table in tables {
        let separator = if text.is_empty() { "" } else { "\n" };
        let (name, file) = (table.name, &table.file);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{separator}{name}: {file} {}", plain(table.place));
        text += &indented(&plain(table.about), 0, width);
        for column in &table.columns {
            let (name, kind, unit) = (column.name, type_name(column), column.unit);
            let _ = writeln!(text, "{}", format!("\n  {name}  {kind}  {unit}").trim_end());
            text += &indented(&plain(&sentences(column)), 6, width);
        }
    }
    text
}

/// A heading and a table for each; tables of one name are headed by their place, too.
pub(super) fn markdown(tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        let namesakes = tables.iter().filter(|other| other.name == table.name);
        let heading = match namesakes.count() {
            1 => table.name.to_owned(),
            _ => format!("{} {}", table.name, table.place),
        };
        let said = format!("`{}` {}. {}", table.file, table.place, table.about);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n### {}\n\n{}\n\
             | column | type | unit | null | definition |\n\
             | --- | --- | --- | --- | --- |\n",
            heading,
            indented(&said, 0, PROSE_WIDTH)
        );
        for column in &table.columns {
            let mut definition = column.definition().to_owned();
            if !column.names.is_empty() {
                let _ = write!(definition, ": `{}`", column.names.join("`, `"));
            }
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {} |",
                column.name,
                type_name(column),
                column.unit,
                column
                    .null_meaning()
                    .unwrap_or_default()
                    .replace('|', "\\|"),
                definition.replace('|', "\\|"),
            );
        }
    }
    text
}

/// An array with an object for each.
pub(super) fn json(tables: &[Table]) -> String {
    let column = |column: &Column| {
        json!({
            "name": column.name,
            "type": type_name(column),
            "unit": Some(column.unit).filter(|unit| !unit.is_empty()),
            "nullable": column.nullable,
            "null": column.null_meaning(),
            "definition": column.definition(),
            "names": Some(column.names).filter(|names| !names.is_empty()),
        })
    };
    let table = |table: &Table| {
        json!({
            "table": table.name,
            "file": table.file,
            "place": table.place,
            "row": table.about,
            "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
        })
    };
    let all: Value = tables.iter().map(table).collect();
    format!("{all:#}\n")
}

/// What a column holds, what it may be, and when it is null.
fn sentences(column: &Column) -> String {
    let mut said = format!("{}.", column.definition());
    if !column.names.is_empty() {
        let _ = write!(said, " One of {}.", column.names.join(", "));
    }
    if let Some(when) = column.null_meaning() {
        let _ = write!(said, " Null {when}.");
    }
    said
}

/// Without the marks of Markdown.
pub(super) fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// `text` in lines of at most `width` characters, each indented.
pub(super) fn indented(text: &str, indent: usize, width: usize) -> String {
    let lines = wrapped(text, width.saturating_sub(indent)).into_iter();
    lines
        .map(|line| format!("{:indent$}{line}\n", ""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::schema::tables::tables;

    fn of(name: &str) -> Vec<Table> {
        let mut all = tables();
        all.retain(|table| table.name == name);
        all
    }

    #[test]
    fn text_fits_the_terminal_and_says_all() {
        let shown = text(&of("turns"), 60);
        assert!(shown.starts_with("turns: turns.parquet in a trace\nOne row per utterance"));
        let column = "\n  speech_start_ns  int64  ns\n      \
                      First voiced sample, since the start of the trace.\n      \
                      Null when there is no speech.\n";
        assert!(shown.contains(column), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 60));
        let shown = text(&of("sessions"), 100);
        assert!(shown.contains("One of open, push_to_talk."), "{shown}");
    }

    #[test]
    fn markdown_has_a_row_for_each_column() {
        let shown = markdown(&tables());
        let columns: usize = tables().iter().map(|table| table.columns.len()).sum();
        let rows = shown.lines().filter(|line| line.starts_with("| `"));
        assert_eq!(rows.count(), columns);
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(
            shown
                .lines()
                .filter(|l| l.starts_with('|'))
                .all(|l| cells(l) == 6)
        );
        let turn = "| `clip` | uint32 |  | for text | Number of the clip |";
        assert!(shown.contains(turn), "{shown}");
        let headings: Vec<_> = shown.lines().filter(|l| l.starts_with("### s")).collect();
        let (trace, run) = ("### sessions in a trace", "### sessions in a run directory");
        assert_eq!(
            headings,
            [trace, "### sources", run, "### started", "### server"]
        );
    }

    #[test]
    fn json_says_null_where_there_is_nothing_to_say() {
        let read: Value = serde_json::from_str(&json(&of("sessions"))).unwrap();
        let columns = &read[0]["columns"];
        assert_eq!(read[0]["file"], "sessions.parquet");
        assert_eq!(columns[0]["unit"], Value::Null);
        assert_eq!(columns[2]["unit"], "ns");
        assert_eq!(columns[5]["names"], json!(["open", "push_to_talk"]));
        assert_eq!(columns[7]["null"], "when not recorded");
        assert_eq!(columns[0]["nullable"], false);
    }
}
