//! Schedule expressions: reading them, what they mean as sets of bits, and writing them again.

mod canonical;
mod field;
mod parse;
mod sets;
mod warning;

pub use sets::Expression;
pub(crate) use sets::{MonthDays, WeekDays};
pub use warning::Warning;
