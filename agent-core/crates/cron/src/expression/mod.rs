//! Schedule expressions: parsing, the meaning as sets of bits, and printing.

mod canonical;
mod field;
mod parse;
mod sets;
mod warning;

pub use sets::Expression;
pub(crate) use sets::{MonthDays, WeekDays};
pub use warning::Warning;
