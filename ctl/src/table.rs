//! Tables for people.

/// Formats a head and rows, each column as wide as its widest cell. Cells contain no line breaks.
pub(crate) fn text<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let rows = || std::iter::once(&head).chain(rows);
    let mut widths = [0; N];
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows() {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["é-long-id", ""], ["b", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(text(["HOST", "N"], &rows), "HOST       N\né-long-id\nb          x\n");
    }
}
