//! Prints tables in the form that BENCHMARKS.md keeps.

use crate::sample::Ratio;
use std::fmt;

/// The bar of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// The figure is printed, but has no bar.
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

/// Prints the head of a table of ratios.
pub(crate) fn ratios() {
    println!("| what | ours | floor | ratio: median (least–most) | bar | |");
    println!("|---|---|---|---|---|---|");
}

/// Prints a row of ratios; `ours` and `floor` include their unit.
pub(crate) fn ratio(what: &str, ours: &str, floor: &str, ratio: &Ratio, bar: Bar) {
    let Ratio { median, least, most } = ratio;
    let bar_text = if matches!(bar, Bar::None) { String::new() } else { format!("{bar} ×") };
    let verdict = bar.verdict(*median);
    println!(
        "| {what} | {ours} | {floor} | {median:.2} × ({least:.2}–{most:.2}) | {bar_text} | {verdict} |"
    );
}

/// Prints a row of rates in a table of ratios; the bar applies to our own figure.
pub(crate) fn rates(what: &str, ours: f64, floor: f64, ratio: &Ratio, bar: Bar) {
    let Ratio { median, least, most } = ratio;
    let bar_text = if matches!(bar, Bar::None) { String::new() } else { format!("{bar}/s") };
    let verdict = bar.verdict(ours);
    println!(
        "| {what} | {ours:.0}/s | {floor:.0}/s | {median:.2} × ({least:.2}–{most:.2}) | {bar_text} | {verdict} |"
    );
}

/// Prints the head of a table of figures.
pub(crate) fn figures() {
    println!("| what | figure | bar | |");
    println!("|---|---|---|---|");
}

/// Prints a row of figures.
pub(crate) fn figure(what: &str, figure: f64, unit: &str, bar: Bar) {
    let shown = if figure.fract() == 0.0 { format!("{figure:.0}") } else { format!("{figure:.2}") };
    println!("| {what} | {shown} {unit} | {bar} | {} |", bar.verdict(figure));
}
