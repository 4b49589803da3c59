//! Blocks for a terminal: lines of at most 80 columns, where names and addresses are not longer.

use super::document::{Block, Column, Table, Words};
use crate::units::terminal::{LABEL, Page, Tone, WIDTH};

/// The least width of a figure, so that tables of short ones are not narrow.
const FIGURE: usize = 7;

/// The blocks as text. Without `colour` it holds no escape codes. Pictures, and what a page folds away,
/// are left out.
#[must_use]
pub(super) fn write(blocks: &[Block], colour: bool) -> String {
    let mut page = Page::new(colour);
    let mut heading = None;
    for (i, block) in blocks.iter().enumerate() {
        let is_first = i == 0;
        if let Block::Heading(words) = block {
            heading = Some(*words);
            continue;
        }
        if matches!(
            block,
            Block::Cards(_) | Block::Figures(_) | Block::Articles(_) | Block::Details(..)
        ) {
            continue;
        }
        let heading = heading.take();
        let begins = matches!(block, Block::Title { .. } | Block::Finding { .. });
        if heading.is_some() || begins && !is_first {
            page.end_line();
        }
        put(&mut page, heading, block);
    }
    page.into_text()
}

fn put(page: &mut Page, heading: Option<&str>, block: &Block) {
    match block {
        Block::Title {
            kind,
            name,
            facts,
            labels,
        } => {
            let facts = facts.iter().map(|fact| (fact.clone(), Tone::Plain));
            let name = std::iter::once((name.clone(), Tone::Strong));
            page.items(kind, &name.chain(facts).collect::<Vec<_>>());
            if !labels.is_empty() {
                let labels = labels.iter().map(|label| (label.clone(), Tone::Plain));
                page.items("labels", &labels.collect::<Vec<_>>());
            }
        }
        Block::Line {
            label,
            items,
            points,
        } => {
            match &items[..] {
                [] => {}
                [only] => page.words(label, &only.text, LABEL, only.tone),
                several => {
                    let items = several.iter().map(|item| (item.text.clone(), item.tone));
                    page.items(label, &items.collect::<Vec<_>>());
                }
            }
            for point in points {
                page.point(&point.text, point.tone);
            }
        }
        Block::Note(words) => page.words("", &words.text, LABEL, words.tone),
        Block::Finding {
            title,
            evidence,
            advice,
        } => {
            let label = heading.map(str::to_lowercase).unwrap_or_default();
            page.words(&label, title, LABEL, Tone::Warning);
            page.words("", evidence, LABEL, Tone::Plain);
            page.words(&format!("{:LABEL$}→ ", ""), advice, LABEL + 2, Tone::Plain);
        }
        Block::Table(table) => columns(page, table),
        Block::Heading(_)
        | Block::Cards(_)
        | Block::Figures(_)
        | Block::Articles(_)
        | Block::Details(..) => {}
    }
}

/// A table whose columns are as wide as they need; a sentence in the last one takes several lines.
fn columns(page: &mut Page, table: &Table) {
    let heads = table.columns.iter().map(|column| column.head().into());
    let heads: Vec<Words> = heads.collect();
    let width = |i: usize| {
        let least = match table.columns[i] {
            Column::Figure(_) => FIGURE,
            _ => 0,
        };
        let cells = table.rows.iter().chain([&heads]);
        let cells = cells.filter_map(|row| row.get(i));
        let widths = cells.map(|cell| cell.text.chars().count());
        widths.fold(least, usize::max)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let sentence = matches!(table.columns.last(), Some(Column::Sentence(_)));
    let fixed = widths.len() - usize::from(sentence);
    let taken = |gap: usize| {
        widths[..fixed]
            .iter()
            .map(|width| width + gap)
            .sum::<usize>()
    };
    let gap = if taken(2) > WIDTH + 2 { 1 } else { 2 };
    let head = heads
        .iter()
        .map(|head| Words::new(Tone::Strong, head.text.clone()));
    let head: Vec<Words> = head.collect();
    for row in std::iter::once(&head).chain(&table.rows) {
        for (i, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
            let (text, width) = (&cell.text, widths[i]);
            if i > 0 && (i + 1 < row.len() || !text.is_empty()) {
                page.put(&" ".repeat(gap), Tone::Plain);
            }
            match column {
                Column::Sentence(_) if i == fixed => page.rest(text, taken(gap), cell.tone),
                Column::Figure(_) => page.put(&format!("{text:>width$}"), cell.tone),
                _ if i + 1 == row.len() => page.put(text, cell.tone),
                _ => page.put(&format!("{text:<width$}"), cell.tone),
            }
        }
        if !sentence {
            page.end_line();
        }
    }
}
