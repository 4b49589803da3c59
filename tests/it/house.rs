//! The rules of the house that clippy cannot say (`clippy.toml` has the others), checked on the source:
//! which room may import which, which rooms know neither a clock nor a runtime, how long a file may be.

mod circles;
mod modules;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Each room of `src/` and the rooms that it may import. `record`, `gateway` and `replay` do not
/// know each other, `report` sees neither a trace nor a gateway, and only `cli` composes.
#[rustfmt::skip]
const ROOMS: &[(&str, &[&str])] = &[
    ("units",    &[]),
    ("fence",    &[]),
    ("table",    &["fence"]),
    ("clock",    &["units"]),
    ("pcm",      &["units"]),
    ("conversation", &["units"]),
    ("dialect",  &["units", "pcm", "conversation"]),
    ("transport", &["units", "clock"]),
    ("storage",  &["units"]),
    ("results",  &["units", "table"]),
    ("trace",    &["units", "fence", "table", "pcm", "conversation", "storage"]),
    ("live",     &["units", "clock", "results"]),
    ("audio",    &["units", "fence", "table", "pcm", "trace"]),
    ("report",   &["units", "table", "results"]),
    ("gateway",  &["units", "table", "clock", "pcm", "conversation", "dialect", "results", "live"]),
    ("record",   &["units", "table", "clock", "pcm", "conversation", "dialect", "transport", "trace", "live"]),
    ("replay",   &["units", "table", "clock", "pcm", "conversation", "dialect", "transport", "trace", "results",
                   "live"]),
    ("campaign", &["units", "clock", "trace", "results", "live", "replay", "report"]),
    ("doctor",   &["units", "table", "clock", "conversation", "dialect", "transport", "results", "replay", "campaign"]),
    ("cli",      &["units", "fence", "table", "clock", "pcm", "conversation", "dialect", "transport", "storage",
                   "trace", "results", "live", "audio", "report", "campaign", "gateway", "record", "replay", "doctor"]),
];

/// Macros stand at the crate's root; this is the room that each belongs to.
const MACROS: &[(&str, &str)] = &[("names", "table")];

/// Rooms and files that compute: no runtime, no clock, so that they are tested by equality.
const SYNCHRONOUS: &[&str] = &[
    "units.rs",
    "fence.rs",
    "table/",
    "pcm/",
    "conversation/",
    "dialect/",
    "audio/",
    "trace/",
    "results/",
    "report/",
    "campaign/capacity.rs",
    "campaign/curve.rs",
    "campaign/feasibility.rs",
    "campaign/repeat.rs",
    "campaign/search.rs",
    "gateway/model.rs",
    "doctor/check.rs",
    "doctor/judge/",
    "replay/plan.rs",
    "replay/population.rs",
];

const MAX_LINES: usize = 500;

/// A source file, named by its path under `src/`.
struct Source {
    path: String,
    text: String,
}

/// One token (`::` is one, so is each delimiter) and the line it is on; a closing delimiter has
/// the line of the opening one.
struct Token {
    text: String,
    line: usize,
}

#[test]
fn the_source_keeps_the_rules_of_the_house() {
    let sources = read_sources();
    assert!(
        sources.iter().any(|source| source.path == "lib.rs"),
        "nothing was checked"
    );
    let faults: Vec<String> = sources.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Everything that is wrong with a file, as `src/PATH:LINE: what, and what to do`.
fn faults(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: &str| faults.push(format!("src/{path}:{line}: {what}"));

    if !source.text.starts_with("//!") {
        fault(
            1,
            "no module doc; begin with `//!` and what the file is for",
        );
    }
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        fault(
            lines,
            &format!("over {MAX_LINES} lines; a file has one job, so split it"),
        );
    }
    let tokens = match tokens(&source.text) {
        Ok(tokens) => tokens,
        Err(reason) => {
            fault(1, &format!("is not Rust: {reason}"));
            return faults;
        }
    };

    let room = room_of(path);
    if !["lib", "main"].contains(&room) && allowed_imports(room).is_none() {
        fault(
            1,
            &format!("the room `{room}` is not in the import table of tests/it/house.rs"),
        );
    }
    for (line, imported) in imports(&tokens, room) {
        let allowed = match room {
            "main" => imported == "cli",
            _ => allowed_imports(room).is_some_and(|rooms| rooms.contains(&imported.as_str())),
        };
        if imported != room && !allowed {
            fault(line, &format!("`{room}` may not import `{imported}`"));
        }
    }
    // Clippy would not let the derives of `cli` off.
    if !["cli", "main"].contains(&room) {
        for at in occurrences(&tokens, &["clap"]) {
            let what = "`clap` outside `cli`, where arguments are parsed";
            fault(tokens[at].line, what);
        }
    }
    if SYNCHRONOUS.iter().any(|place| path.starts_with(place)) {
        for words in [&["tokio"][..], &["crate", "::", "clock"]] {
            for at in occurrences(&tokens, words) {
                let what = format!("`{}` in a synchronous room", words.concat());
                fault(tokens[at].line, &what);
            }
        }
    }
    faults
}

/// The room of a path under `src/`: its folder, or the file's name at the top.
fn room_of(path: &str) -> &str {
    let top = path.split('/').next().unwrap_or(path);
    top.strip_suffix(".rs").unwrap_or(top)
}

fn allowed_imports(room: &str) -> Option<&'static [&'static str]> {
    let row = ROOMS.iter().find(|(name, _)| *name == room)?;
    Some(row.1)
}

/// The rooms named after `crate::`, `voicelt::` or (for another room than its own) `super::`.
fn imports(tokens: &[Token], room: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for root in ["crate", "voicelt", "super"] {
        for at in occurrences(tokens, &[root, "::"]) {
            for name in first_names(&tokens[at + 2..]) {
                let macro_home = MACROS.iter().find(|(name_of, _)| *name_of == name.text);
                let imported = macro_home.map_or(name.text.as_str(), |(_, home)| home);
                let leaves = root != "super" || allowed_imports(imported).is_some();
                if leaves && imported != room {
                    found.push((name.line, imported.to_owned()));
                }
            }
        }
    }
    found
}

/// The first name of a path, or of each path of a `{…}` group.
fn first_names(tokens: &[Token]) -> Vec<&Token> {
    let Some(first) = tokens.first().filter(|token| token.text == "{") else {
        return tokens.first().into_iter().collect();
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut before = first;
    for token in tokens {
        let starts_path = depth == 1 && ["{", ","].contains(&before.text.as_str());
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            _ if starts_path => names.push(token),
            _ => {}
        }
        before = token;
    }
    names
}

/// Where `words` stand one after another.
fn occurrences<'a>(tokens: &'a [Token], words: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
    let matches = move |window: &[Token]| window.iter().zip(words).all(|(t, word)| t.text == *word);
    let windows = tokens.windows(words.len()).enumerate();
    windows.filter_map(move |(at, window)| matches(window).then_some(at))
}

/// The tokens of Rust source. Comments are none, and a string is one that equals no word.
fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let stream = TokenStream::from_str(text).map_err(|e| e.to_string())?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let token = |text: String| Token { text, line };
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(token(open.to_owned()));
                flatten(group.stream(), tokens);
                tokens.push(token(close.to_owned()));
            }
            TokenTree::Punct(mark) => match tokens.last_mut() {
                Some(last) if last.text == ":" && mark.as_char() == ':' => last.text.push(':'),
                _ => tokens.push(token(mark.to_string())),
            },
            TokenTree::Ident(_) | TokenTree::Literal(_) => tokens.push(token(tree.to_string())),
        }
    }
}

/// Every Rust file under `src/`, in a stable order.
fn read_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(&root)
        .into_iter()
        .map(|entry| entry.expect("src/ is readable").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| Source {
        path: path
            .strip_prefix(&root)
            .expect("walked from the root")
            .to_string_lossy()
            .replace('\\', "/"),
        text: std::fs::read_to_string(path).expect("a source file is readable text"),
    };
    paths.iter().map(read).collect()
}

/// The faults of a file that holds a module doc and `body`.
fn faults_of(path: &str, body: &str) -> String {
    let source = Source {
        path: path.into(),
        text: format!("//! A planted file.\n{body}"),
    };
    let mut all = String::new();
    for fault in faults(&source) {
        writeln!(all, "{fault}").expect("a string takes everything");
    }
    all
}

#[test]
fn a_planted_fault_is_found_where_it_stands() {
    #[rustfmt::skip]
    let planted = [
        ("report/text.rs", "use crate::trace::model;", "src/report/text.rs:2: `report` may not import `trace`"),
        ("report/text.rs", "use crate::{results::row, units,\n    gateway};", ":3: `report` may not import `gateway`"),
        ("report/text.rs", "use crate::{units::{self, NS_PER_S}, transport};", "may not import `transport`"),
        ("report/text.rs", "fn f() -> crate::transport::Sent { todo() }", "may not import `transport`"),
        ("pcm/wav.rs", "crate::names! {}", "`pcm` may not import `table`"),
        ("pcm/mod.rs", "use super::audio::decode;", "`pcm` may not import `audio`"),
        ("pcm/wav.rs", "use crate::*;", "`pcm` may not import `*`"),
        ("main.rs", "use voicelt::replay;", "`main` may not import `replay`"),
        ("lib.rs", "use crate::pcm::wav;", "`lib` may not import `pcm`"),
        ("helpers/mod.rs", "", "the room `helpers` is not in the import table"),
        ("trace/mod.rs", "#[derive(clap::Args)] struct A;", "`clap` outside `cli`"),
        ("gateway/model.rs", "use crate::clock::Clock;", "`crate::clock` in a synchronous room"),
        ("audio/walk.rs", "async fn f() { tokio::task::yield_now().await }", "`tokio` in a synchronous room"),
        ("pcm/wav.rs", "fn f( {", "is not Rust"),
    ];
    for (path, body, fault) in planted {
        let found = faults_of(path, body);
        assert!(found.contains(fault), "{path}: {body}\nfound: {found}");
    }
    let long = "\n".repeat(MAX_LINES);
    assert!(faults_of("pcm/wav.rs", &long).contains("over 500 lines"));
    let bare = Source {
        path: "pcm/wav.rs".into(),
        text: "fn f() {}\n".into(),
    };
    assert!(faults(&bare)[0].contains("no module doc"));
}

#[test]
fn what_the_rules_allow_is_no_fault() {
    #[rustfmt::skip]
    let allowed = [
        ("report/text.rs", "use crate::results::row;\nuse crate::report::stats;"),
        ("report/text.rs", "use super::stats;\nmod tests { use super::*; }"),
        ("report/text.rs", "// use crate::transport;\n/* crate::transport */\n/// [`crate::transport`] on tokio\nfn f() {}"),
        ("report/text.rs", "const A: &str = \"use crate::transport;\";\nconst B: &str = r#\"crate::transport\"#;"),
        ("results/row.rs", "crate::table! {}\ncrate::names! {}"),
        ("table/mod.rs", "macro_rules! t { () => { $crate::table::Row } }"),
        ("cli/replay.rs", "fn f() { crate::replay::run() }"),
        ("cli/replay.rs", "use clap::Parser;"),
        ("main.rs", "fn main() { voicelt::cli::run() }"),
        ("gateway/service.rs", "use tokio::sync::mpsc;\nuse crate::clock::Clock;"),
    ];
    for (path, body) in allowed {
        assert_eq!(faults_of(path, body), "", "{path}: {body}");
    }
}
