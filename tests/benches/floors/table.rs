//! Rows as they are printed and kept in BENCHMARKS.md.

use crate::sample::Ratio;
use std::fmt;

/// What a figure has to keep.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// Told, not judged.
    None,
}

impl Bar {
    fn verdict(self, figure: f64) -> &'static str {
        match self {
            Self::AtMost(bar) if figure > bar => "MISSED",
            Self::AtLeast(bar) if figure < bar => "MISSED",
            Self::None => "",
            _ => "ok",
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bar) => write!(f, "≤ {bar}"),
            Self::AtLeast(bar) => write!(f, "≥ {bar}"),
            Self::None => Ok(()),
        }
    }
}

/// The head of a table of ratios.
pub(crate) fn ratios() {
    println!("| what | ours | floor | ratio: median (least–most) | bar | |");
    println!("|---|---|---|---|---|---|");
}

/// One row of it; `ours` and `floor` are told with their unit.
pub(crate) fn ratio(what: &str, ours: &str, floor: &str, ratio: &Ratio, bar: Bar) {
    let Ratio { median, least, most } = ratio;
    let bar_text = if matches!(bar, Bar::None) { String::new() } else { format!("{bar} ×") };
    let verdict = bar.verdict(*median);
    println!("| {what} | {ours} | {floor} | {median:.2} × ({least:.2}–{most:.2}) | {bar_text} | {verdict} |");
}

/// A row of rates, in a table of ratios; the bar is for our own figure.
pub(crate) fn rates(what: &str, ours: f64, floor: f64, ratio: &Ratio, bar: Bar) {
    let Ratio { median, least, most } = ratio;
    let bar_text = if matches!(bar, Bar::None) { String::new() } else { format!("{bar}/s") };
    let verdict = bar.verdict(ours);
    println!(
        "| {what} | {ours:.0}/s | {floor:.0}/s | {median:.2} × ({least:.2}–{most:.2}) | {bar_text} | {verdict} |"
    );
}

/// The head of a table of figures.
pub(crate) fn figures() {
    println!("| what | figure | bar | |");
    println!("|---|---|---|---|");
}

/// One row of it.
pub(crate) fn figure(what: &str, figure: f64, unit: &str, bar: Bar) {
    let shown = if figure.fract() == 0.0 { format!("{figure:.0}") } else { format!("{figure:.2}") };
    println!("| {what} | {shown} {unit} | {bar} | {} |", bar.verdict(figure));
}
