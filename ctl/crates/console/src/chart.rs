//! Charts as SVG, without a script and without styles of their own: classes of `chart.css`, and
//! numbers. A chart stretches to its place; its words stand around it as text.

use crate::markup::Markup;
use crate::units::{count, percent};

/// The width and height that shapes are computed in.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 120.0;

/// One bar.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// When or what it is, for people.
    pub(crate) label: String,
    /// The value.
    pub(crate) value: u64,
}

/// What a chart shows.
#[derive(Clone, Debug)]
pub(crate) struct Chart<'a> {
    /// What it shows, in a sentence: all that a screen reader says of it.
    pub(crate) summary: &'a str,
    /// What a value counts, as in `hosts online`.
    pub(crate) unit: &'a str,
    /// The values, in their order.
    pub(crate) points: &'a [Point],
}

/// A part of a whole.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Its color: `ok`, `warn`, `bad`, `idle`, `accent` or `rest`.
    pub(crate) kind: &'static str,
    /// What it is, for people.
    pub(crate) label: String,
    /// How much of the whole.
    pub(crate) value: u64,
}

/// Draws bars over hours, with words at even distances below. The highest bars stand out.
pub(crate) fn load(chart: &Chart<'_>, ticks: &[String]) -> Markup {
    let most = chart.points.iter().map(|point| point.value).max().unwrap_or(0);
    let ticks: Vec<&str> = ticks.iter().map(String::as_str).collect();
    figure(chart, &ticks, |svg, top| {
        let slot = WIDTH / float(chart.points.len().max(1) as u64);
        for (index, point) in chart.points.iter().enumerate().filter(|(_, it)| it.value > 0) {
            // One start is still seen beside thousands.
            let y = height(point.value, top).min(HEIGHT - 1.5);
            let x = float(index as u64) * slot;
            svg.raw(if point.value == most {
                "<rect class=\"bar peak\" x=\""
            } else {
                "<rect class=\"bar\" x=\""
            });
            svg.number(x + slot * 0.1).raw("\" width=\"").number(slot * 0.8).raw("\" y=\"");
            svg.number(y).raw("\" height=\"").number(HEIGHT - y).raw("\"/>");
            hit(svg, chart, point, x, slot);
        }
    })
}

/// Draws what the pointer finds: a value in words.
fn hit(svg: &mut Markup, chart: &Chart<'_>, point: &Point, x: f64, width: f64) {
    svg.raw("<rect class=\"hit\" y=\"0\" x=\"").number(x).raw("\" width=\"").number(width);
    svg.raw("\" height=\"").number(HEIGHT).raw("\"><title>").text(&point.label).raw(": ");
    svg.text(&count(point.value)).raw(" ").text(chart.unit).raw("</title></rect>");
}

/// Draws the frame of a chart, with words at even distances below.
fn figure(chart: &Chart<'_>, words: &[&str], draw: impl FnOnce(&mut Markup, u64)) -> Markup {
    let most = chart.points.iter().map(|point| point.value).max().unwrap_or(0);
    let top = round_up(most.max(1));
    let mut figure = Markup::default();
    figure.raw("<figure class=\"chart\"><span class=\"top\" aria-hidden=\"true\">");
    figure
        .text(&count(top))
        .raw("</span><svg role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 ");
    figure
        .number(WIDTH)
        .raw(" ")
        .number(HEIGHT)
        .raw("\" aria-label=\"")
        .text(chart.summary)
        .raw("\">");
    for part in [0.0, 0.5, 1.0] {
        figure.raw("<path class=\"grid\" d=\"M0 ").number(HEIGHT * part).raw("H").number(WIDTH);
        figure.raw("\"/>");
    }
    draw(&mut figure, top);
    figure.raw("</svg><figcaption>");
    for word in words {
        figure.raw("<span>").text(word).raw("</span>");
    }
    figure.raw("</figcaption></figure>");
    figure
}

/// Draws parts of a whole as one bar. The words, with their numbers, belong beside it: the bar alone
/// tells by color only.
pub(crate) fn meter(summary: &str, parts: &[Part]) -> Markup {
    let whole: u64 = parts.iter().map(|part| part.value).sum();
    let mut svg = Markup::default();
    svg.raw("<svg class=\"meter\" role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 720 8\" aria-label=\"");
    svg.text(summary).raw("\"><rect class=\"part rest\" width=\"720\" height=\"8\"/>");
    let mut before = 0.0;
    for part in parts.iter().filter(|part| part.value > 0) {
        // One host of 100,000 is still a pixel.
        let width = (WIDTH * float(part.value) / float(whole.max(1))).max(1.5);
        svg.raw("<rect class=\"part ").raw(part.kind).raw("\" height=\"8\" x=\"").number(before);
        svg.raw("\" width=\"").number(width).raw("\"><title>").text(&count(part.value)).raw(" ");
        svg.text(&part.label).raw(" (").text(&percent(part.value, whole)).raw(")</title></rect>");
        before += width;
    }
    svg.raw("</svg>");
    svg
}

/// Returns the height of a value below the top.
fn height(value: u64, top: u64) -> f64 {
    // A line at the very edge would lose half of its width.
    let room = HEIGHT - 2.0;
    HEIGHT - room * float(value) / float(top.max(1))
}

/// Returns a round number, at least this one: 1, 2 or 5 times a power of ten.
fn round_up(number: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let round = power.saturating_mul(factor);
            if round >= number {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a pixel does not need the last digits")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[u64]) -> Vec<Point> {
        values.iter().map(|value| Point { label: "<b>".to_owned(), value: *value }).collect()
    }

    fn chart(points: &[Point]) -> Chart<'_> {
        Chart { summary: "hosts \"online\"", unit: "hosts", points }
    }

    #[test]
    fn every_value_is_inside_the_chart_and_its_words_are_escaped() {
        for values in [&[][..], &[0], &[7], &[0, 0, 0], &[1, 100_000, u64::MAX]] {
            let points = points(values);
            let svg = load(&chart(&points), &["<i>".to_owned(), "now".to_owned()]).to_string();
            assert!(!svg.contains("<b>") && !svg.contains("<i>"), "{svg}");
            assert!(svg.contains("hosts &#34;online&#34;"), "{svg}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(!svg.contains("\"-") && !svg.contains(" -") && !svg.contains("style="));
            let some = values.iter().filter(|value| **value > 0).count();
            assert_eq!(svg.matches("class=\"hit\"").count(), some);
        }
    }

    #[test]
    fn a_tiny_part_of_a_whole_is_seen() {
        let part = |kind, value| Part { kind, label: "x".to_owned(), value };
        let svg = meter("all", &[part("ok", 99_999), part("bad", 1), part("idle", 0)]).to_string();
        assert!(svg.contains("part bad") && svg.contains("width=\"1.5\""), "{svg}");
        assert!(svg.contains("under 1 %") && !svg.contains("part idle"), "{svg}");
        assert!(!meter("none", &[]).to_string().contains("NaN"));
    }

    #[test]
    fn the_top_is_a_round_number() {
        let rounded = [1, 2, 3, 6, 11, 18_000, 100_000].map(round_up);
        assert_eq!(rounded, [1, 2, 5, 10, 20, 20_000, 100_000]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }
}
