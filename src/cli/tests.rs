//! What holds of every subcommand: its arguments are consistent, and its help shows how it is used.

use clap::CommandFactory;

use super::*;

/// Every subcommand with the words that name it, those below `trace` and `config` too.
fn subcommands() -> Vec<(String, clap::Command)> {
    fn below(name: &str, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
        for subcommand in command.get_subcommands() {
            let name = format!("{name} {}", subcommand.get_name());
            below(&name, subcommand, found);
            found.push((name, subcommand.clone()));
        }
    }
    let mut found = Vec::new();
    below("voicelt", &Cli::command(), &mut found);
    found
}

/// The commands that a help text shows, without what their output is given to.
fn examples(help: &str) -> Vec<String> {
    let joined = help.replace("\\\n", "");
    let lines = joined.lines().map(str::trim);
    let shown = lines.filter(|line| line.starts_with("voicelt "));
    let program = |line: &str| {
        let ends = [" | ", " > "].map(|mark| line.find(mark).unwrap_or(line.len()));
        line[..ends[0].min(ends[1])].to_owned()
    };
    shown.map(program).collect()
}

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_subcommand_shows_examples_of_itself_that_can_be_parsed() {
    for (name, command) in subcommands() {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let own = format!("{name} ");
        let examples = examples(&help);
        assert!(
            help.contains("\nExample") || help.starts_with("Example"),
            "`{name} --help` has no examples: give it an `after_help`"
        );
        let of_itself = |example: &String| example.starts_with(&own) || *example == name;
        assert!(
            !examples.is_empty() && examples.iter().all(of_itself),
            "{name}: {help}"
        );
        for example in examples {
            let words = shlex::split(&example).expect("quotes are closed");
            let parsed = Cli::try_parse_from(words);
            assert!(parsed.is_ok(), "{example}\n{}", parsed.unwrap_err());
        }
    }
}

#[test]
fn examples_of_the_whole_can_be_parsed() {
    let commands = examples(EXAMPLES);
    let commands = commands
        .iter()
        .filter(|example| !example.contains("COMMAND"));
    for example in commands {
        let words = shlex::split(example).expect("quotes are closed");
        assert!(Cli::try_parse_from(words).is_ok(), "{example}");
    }
}
