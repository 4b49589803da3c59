//! Blocks as Markdown, for the pages of continuous integration, a pull request or a wiki.

use super::document::{Block, Column, Table, Words};
use crate::units;
use crate::units::terminal::Tone;

/// The blocks as Markdown; pictures are left out.
#[must_use]
pub(super) fn write(blocks: &[Block]) -> String {
    let mut page = String::new();
    blocks.iter().for_each(|block| put(&mut page, block));
    page
}

fn put(page: &mut String, block: &Block) {
    match block {
        Block::Title {
            kind,
            name,
            facts,
            labels,
        } => {
            let kind = match *kind {
                "run" => String::new(),
                other => format!(" {other}"),
            };
            page.push_str(&format!("### voicelt{kind}: {}\n\n", plain(name)));
            let facts = facts.iter().chain(labels).map(|fact| plain(fact));
            page.push_str(&facts.collect::<Vec<_>>().join(" · "));
            page.push_str("\n\n");
        }
        Block::Heading(words) => page.push_str(&format!("#### {words}\n\n")),
        Block::Line {
            label,
            items,
            points,
        } => {
            let said: Vec<String> = items.iter().map(shown).collect();
            let name = match label.is_empty() {
                true => String::new(),
                false => format!("**{label}** "),
            };
            if !said.is_empty() {
                page.push_str(&format!("{name}{}\n", said.join(" · ")));
            }
            for point in points {
                page.push_str(&format!("- {}\n", shown(point)));
            }
            page.push('\n');
        }
        Block::Note(words) => page.push_str(&format!("{}\n\n", shown(words))),
        Block::Finding {
            title,
            evidence,
            advice,
        } => {
            let [title, evidence, advice] = [title, evidence, advice].map(|text| plain(text));
            page.push_str(&format!("- **{title}** {evidence}\n  → {advice}\n\n"));
        }
        Block::Table(table) => rows(page, table),
        Block::Details(name, blocks) => {
            page.push_str(&format!("<details><summary>{name}</summary>\n\n"));
            blocks.iter().for_each(|block| put(page, block));
            page.push_str("</details>\n\n");
        }
        Block::Articles(articles) => {
            for (name, blocks) in articles {
                page.push_str(&format!("**{}**\n\n", plain(name)));
                blocks.iter().for_each(|block| put(page, block));
            }
        }
        Block::Cards(_) | Block::Figures(_) => {}
    }
}

fn rows(page: &mut String, table: &Table) {
    let mut row = |cells: Vec<String>| page.push_str(&format!("| {} |\n", cells.join(" | ")));
    row(table
        .columns
        .iter()
        .map(|column| column.head().to_owned())
        .collect());
    let rules = table.columns.iter().map(|column| match column {
        Column::Figure(_) => "---:".to_owned(),
        Column::Name(_) | Column::Sentence(_) => "---".to_owned(),
    });
    row(rules.collect());
    table
        .rows
        .iter()
        .for_each(|cells| row(cells.iter().map(shown).collect()));
    page.push('\n');
}

/// Words with a sign for how they are meant, since Markdown has no colours.
fn shown(words: &Words) -> String {
    let text = plain(&words.text);
    match words.tone {
        _ if text.is_empty() => text,
        Tone::Plain | Tone::Faint => text,
        Tone::Strong => format!("**{text}**"),
        Tone::Good => format!("✅ {text}"),
        Tone::Warning => format!("⚠️ {text}"),
        Tone::Bad => format!("❌ {text}"),
    }
}

/// `text` with what means something in Markdown or HTML made harmless, on one line: messages come
/// from gateways.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in units::plain(text).chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    plain
}
