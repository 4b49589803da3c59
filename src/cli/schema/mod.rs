//! `voicelt schema`: every table that we write, from the declarations that writers and readers use, and
//! every metric, from the catalog.

mod catalog;
mod formats;
mod tables;

use std::process::ExitCode;

use anyhow::anyhow;

use super::exit::BadInput;
use super::stdout;
use tables::{Table, tables};

/// Say what the tables hold: each column with its type, its unit, when it is null, and what it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Tables, such as requests; all of them when none is named
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,
    /// The metrics instead: what each is, and which requests it is over
    #[arg(long, conflicts_with = "tables")]
    metrics: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the tables are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    Text,
    /// As in DATA.md.
    Markdown,
    /// For programs.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  voicelt schema requests
  voicelt schema --metrics
  voicelt schema --format json";

/// Prints the tables, or the metrics.
///
/// # Errors
/// [`BadInput`] for a table that there is not; otherwise a failure to write.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let chosen = choose(&args.tables)?;
    let shown = match (args.format, args.metrics) {
        (Format::Text, true) => catalog::text(stdout::width()),
        (Format::Text, false) => formats::text(&chosen, stdout::width()),
        (Format::Markdown, true) => catalog::markdown(),
        (Format::Markdown, false) => formats::markdown(&chosen),
        (Format::Json, true) => catalog::json()?,
        (Format::Json, false) => formats::json(&chosen),
    };
    stdout::print(&shown)?;
    Ok(ExitCode::SUCCESS)
}

/// The tables of these names, in our order; all of them without names.
fn choose(names: &[String]) -> Result<Vec<Table>, BadInput> {
    let all = tables();
    let known = |name: &&String| all.iter().any(|table| table.name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let mut known: Vec<&str> = Vec::new();
        for table in &all {
            // A trace and a run have tables of one name.
            if !known.contains(&table.name) {
                known.push(table.name);
            }
        }
        return Err(BadInput(anyhow!(
            "there is no table `{unknown}`; there are {}",
            known.join(", ")
        )));
    }
    let asked = |table: &Table| names.is_empty() || names.iter().any(|name| name == table.name);
    Ok(all.into_iter().filter(asked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After this line, DATA.md is what `voicelt schema --format markdown` prints with `--metrics` and
    /// without.
    const MARK: &str = "<!-- From here on made by `voicelt schema`; edit the declarations. -->\n";

    #[test]
    fn the_data_dictionary_is_not_stale() {
        let dictionary = include_str!("../../../DATA.md");
        let (_, tables_there) = dictionary.split_once(MARK).unwrap();
        let made = catalog::markdown() + &formats::markdown(&tables());
        assert!(
            tables_there == made,
            "DATA.md is stale; renew it:\n  \
             sed -i '/^<!-- From here on/q' DATA.md && \
             cargo run --quiet -- schema --format markdown --metrics >> DATA.md && \
             cargo run --quiet -- schema --format markdown >> DATA.md"
        );
    }

    #[test]
    fn tables_are_chosen_by_name_and_a_wrong_one_names_those_there_are() {
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            choose(&names).map(|tables| tables.iter().map(|t| t.name).collect::<Vec<_>>())
        };
        assert_eq!(
            named(&["requests", "turns"]).unwrap(),
            ["turns", "requests"]
        );
        assert_eq!(named(&["sessions"]).unwrap(), ["sessions", "sessions"]);
        assert_eq!(named(&[]).unwrap().len(), tables().len());
        let said = named(&["turns", "request"]).unwrap_err().to_string();
        assert!(
            said.contains("no table `request`; there are sessions,"),
            "{said}"
        );
        assert_eq!(said.matches("sessions").count(), 1, "{said}");
    }
}
