//! The commands that stand in `README.md`.

/// A command as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// The line above the indented lines among which it stands: commands of one block are typed one
    /// after the other.
    pub(crate) block: usize,
    /// Its line, counted from 1.
    pub(crate) line: usize,
    /// The command, without its comment; lines that are continued are joined.
    pub(crate) text: String,
}

/// The first words of what a shell is given: everything else that is indented is a drawing or
/// output.
const PROGRAMS: [&str; 10] = [
    "voicelt", "mkdir", "cargo", "docker", "podman", "kubectl", "ls", "python", "python3", "pip",
];

/// The commands of a document in Markdown: indented lines that begin with a program, outside of
/// fenced blocks, in their order.
pub(crate) fn commands(markdown: &str) -> Vec<Command> {
    let mut block = 0;
    let mut fenced = false;
    let mut found = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        let Some(shown) = line.strip_prefix("    ").filter(|_| !fenced) else {
            block = number + 1;
            continue;
        };
        let first = shown.split_whitespace().next().unwrap_or_default();
        if !PROGRAMS.contains(&first) && !first.starts_with("tools/") {
            continue;
        }
        let mut text = without_comment(shown).to_owned();
        while let Some(begun) = text.strip_suffix('\\') {
            let (_, next) = lines.next().expect("a continued line goes on");
            text = format!("{} {}", begun.trim_end(), without_comment(next.trim()));
        }
        found.push(Command {
            block,
            line: number + 1,
            text,
        });
    }
    found
}

fn without_comment(line: &str) -> &str {
    match line.split_once("  #") {
        Some((command, _)) => command.trim_end(),
        None => line.trim_end(),
    }
}

#[test]
fn commands_are_found_joined_and_without_their_comments() {
    let markdown = "# A\n\n    voicelt a --b      # why\n    drawing ─►\n\n## C\n\n    \
        voicelt d \\\n        --e 'f # g'\n\n```\n    voicelt not this\n```\n";
    let found = commands(markdown);
    let found: Vec<_> = found
        .iter()
        .map(|command| (command.block, command.line, command.text.as_str()))
        .collect();
    assert_eq!(
        found,
        [(2, 3, "voicelt a --b"), (7, 8, "voicelt d --e 'f # g'")]
    );
}
