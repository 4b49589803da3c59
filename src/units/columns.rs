//! Lines of cells as text in columns.

use super::plain;

/// Lines of cells in columns as wide as their widest cell, with two spaces between; those of `right` are
/// set to the right. The last cell of a line widens no column.
#[must_use]
pub fn columns(lines: &[Vec<String>], right: &[usize]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        let cells = line.split_last().map_or(&[][..], |(_, cells)| cells);
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| match right.contains(&column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let padded = padded.collect::<Vec<_>>().join("  ");
        // Names are anybody's.
        text += &plain(padded.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_but_for_the_last_of_a_line() {
        let line = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let lines: [Vec<String>; 3] = [
            line(&["NAME", "N", "NOTE"]),
            line(&["ä\x1b", "1,000", ""]),
            line(&["b", "cannot be read, at length"]),
        ];
        assert_eq!(
            columns(&lines, &[1]),
            "NAME      N  NOTE\nä     1,000\nb     cannot be read, at length\n"
        );
    }
}
