//! Tables for people.
//!
//! Columns are two blanks apart and as wide as their widest cell. Where the terminal is narrower,
//! the widest columns give way and `…` marks a cut; into a pipe or file, every cell is whole.

use crate::terminal;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Between two columns.
const GAP: usize = 2;

/// A column is never cut below this width.
const LEAST: usize = 6;

/// Marks a cut.
const CUT: char = '…';

/// A table that is printed in parts. Its columns only grow, so that the parts stay aligned as far
/// as the rows that are known allow.
pub(crate) struct Table {
    head: Vec<&'static str>,
    widths: Vec<usize>,
    /// The columns of the terminal; `None`: nothing is cut.
    room: Option<usize>,
    headed: bool,
}

impl Table {
    /// Begins a table; `whole`: never cut.
    pub(crate) fn new(head: &[&'static str], whole: bool) -> Self {
        Self::in_room(head, if whole { None } else { terminal::columns() })
    }

    fn in_room(head: &[&'static str], room: Option<usize>) -> Self {
        let widths = head.iter().map(|cell| cell.width()).collect();
        Self { head: head.to_vec(), widths, room, headed: false }
    }

    /// Returns the text of some rows, below the head if they are the first. Cells contain no line
    /// breaks.
    pub(crate) fn part(&mut self, rows: &[Vec<String>]) -> String {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let widths = self.room.map_or_else(|| self.widths.clone(), |room| fit(&self.widths, room));
        let mut text = String::new();
        if !self.headed {
            self.headed = true;
            line(&mut text, self.head.iter().copied(), &widths);
        }
        for row in rows {
            line(&mut text, row.iter().map(String::as_str), &widths);
        }
        text
    }
}

/// Formats a head and rows.
pub(crate) fn text<const N: usize>(head: [&'static str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.to_vec()).collect();
    Table::new(&head, false).part(&rows)
}

/// Appends one row.
fn line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>, widths: &[usize]) {
    let begin = text.len();
    let mut pad = 0;
    for (cell, &width) in cells.zip(widths) {
        text.extend(std::iter::repeat_n(' ', pad));
        let taken = cell.width();
        if taken <= width {
            text.push_str(cell);
            pad = width - taken + GAP;
        } else {
            let kept = cut(cell, width);
            pad = width - kept.width() + GAP;
            text.push_str(&kept);
        }
    }
    text.truncate(begin + text[begin..].trim_end_matches(' ').len());
    text.push('\n');
}

/// Cuts a text to `width` columns, the mark included.
fn cut(text: &str, width: usize) -> String {
    let (mut kept, mut taken) = (String::new(), 0);
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken >= width {
            break;
        }
        kept.push(character);
    }
    kept.push(CUT);
    kept
}

/// Makes the widest columns narrower until they all fit into `room`.
fn fit(widths: &[usize], room: usize) -> Vec<usize> {
    let gaps = GAP * widths.len().saturating_sub(1);
    let room = room.saturating_sub(gaps);
    let mut fitted = widths.to_vec();
    let mut over = fitted.iter().sum::<usize>().saturating_sub(room);
    while over > 0 {
        let Some(widest) = fitted.iter().copied().max().filter(|width| *width > LEAST) else {
            break;
        };
        // Down to the next narrower column, in one step for all that are this wide.
        let next = fitted.iter().copied().filter(|width| *width < widest).max().unwrap_or(0);
        let count = fitted.iter().filter(|width| **width == widest).count();
        let step = (widest - next.max(LEAST)).min(over.div_ceil(count));
        for width in fitted.iter_mut().filter(|width| **width == widest) {
            let step = step.min(over);
            *width -= step;
            over -= step;
        }
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[&[&str]]) -> Vec<Vec<String>> {
        cells.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::in_room(&["HOST", "N"], None);
        let text = table.part(&rows(&[&["é-long-id", ""], &["日本", "x"]]));
        assert_eq!(text, "HOST       N\né-long-id\n日本       x\n");
        assert_eq!(table.part(&rows(&[&["b", "y"]])), "b          y\n");
    }

    #[test]
    fn on_a_narrow_terminal_the_widest_columns_give_way() {
        let row =
            rows(&[&["a-long-name-of-a-host.example", "active", "env=prod,role=web,site=fra"]]);
        for (room, wanted) in [
            (80, "a-long-name-of-a-host.example  active  env=prod,role=web,site=fra"),
            (50, "a-long-name-of-a-ho…  active  env=prod,role=web,s…"),
            (24, "a-long…  active  env=pr…"),
            (3, "a-lon…  active  env=p…"),
        ] {
            let mut table = Table::in_room(&["HOST", "STATE", "LABELS"], Some(room));
            let text = table.part(&row);
            let found = text.lines().nth(1).unwrap();
            assert_eq!(found, wanted, "{room}");
            assert!(found.width() <= room.max(22), "{room}: {found}");
        }
    }

    #[test]
    fn a_wide_character_is_never_cut_in_two() {
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本語", 5), "日本…");
    }
}
