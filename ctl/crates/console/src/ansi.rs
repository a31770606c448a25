//! Output of commands, which is anything at all, as bounded HTML.
//!
//! Colors and emphasis (SGR) become classes; a carriage return, a backspace and "erase in line" do
//! what a terminal does with one line, so that a progress bar shows its last state. Every other
//! sequence is dropped, and a `␛` shows where; every other control character, and what turns the
//! direction of text around, is shown by its symbol.

use crate::markup::Markup;

/// Bytes of HTML that they may become; where colors change at each letter, less is drawn.
const MAX_HTML: usize = 72 << 10;

/// The longest sequence that is taken for one.
const MAX_SEQUENCE: usize = 2048;

/// Output, drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// The start, or all of it.
    pub(crate) head: Markup,
    /// Bytes between the two that are not drawn.
    pub(crate) omitted: usize,
    /// The end.
    pub(crate) tail: Markup,
}

impl Output {
    /// Returns how much is not drawn.
    pub(crate) fn left_out(&self) -> String {
        crate::units::bytes(self.omitted as u64)
    }
}

/// Draws output, at most so many bytes of it.
pub(crate) fn output(text: &str, most: usize) -> Output {
    let mut most = most;
    loop {
        let drawn = drawn(text, most);
        if drawn.head.len() + drawn.tail.len() <= MAX_HTML || most < 1024 {
            return drawn;
        }
        most /= 2;
    }
}

fn drawn(text: &str, most: usize) -> Output {
    if text.len() <= most {
        return Output { head: draw(text), omitted: 0, tail: Markup::default() };
    }
    let (head, tail) = (start(text, most / 2), end(text, most / 2));
    Output { head: draw(head), omitted: text.len() - head.len() - tail.len(), tail: draw(tail) }
}

/// Returns the start of a text: whole lines if there are any.
fn start(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let cut = &text[..end.unwrap_or_default()];
    cut.rfind('\n').map_or(cut, |line| &cut[..=line])
}

/// Returns the end of a text: whole lines if there are any.
fn end(text: &str, most: usize) -> &str {
    let from = (text.len().saturating_sub(most)..text.len()).find(|at| text.is_char_boundary(*at));
    let cut = &text[from.unwrap_or(text.len())..];
    match cut.find('\n') {
        Some(line) if line + 1 < cut.len() => &cut[line + 1..],
        _ => cut,
    }
}

/// How a letter is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    /// One of 16 colors.
    text: Option<u8>,
    back: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    struck: bool,
    inverse: bool,
    /// It stands for something that cannot be shown.
    symbol: bool,
}

/// The line that is being written, as on a terminal.
#[derive(Debug, Default)]
struct Line {
    letters: Vec<(char, Style)>,
    column: usize,
}

impl Line {
    fn put(&mut self, letter: char, style: Style) {
        match self.letters.get_mut(self.column) {
            Some(place) => *place = (letter, style),
            None => {
                self.letters.resize(self.column, (' ', Style::default()));
                self.letters.push((letter, style));
            }
        }
        self.column += 1;
    }

    fn symbols(&mut self, text: &str) {
        let style = Style { symbol: true, ..Style::default() };
        text.chars().for_each(|letter| self.put(letter, style));
    }

    /// Erases to the end (0), from the start (1), or all (2).
    fn erase(&mut self, what: u16) {
        match what {
            0 => self.letters.truncate(self.column),
            1 => {
                let most = self.column.saturating_add(1).min(self.letters.len());
                self.letters[..most].fill((' ', Style::default()));
            }
            2 => self.letters.clear(),
            _ => {}
        }
    }

    fn draw(&mut self, into: &mut Markup) {
        let mut rest = &self.letters[..];
        while let Some((_, style)) = rest.first() {
            let length = rest.iter().take_while(|(_, other)| other == style).count();
            style.open(into);
            rest[..length].iter().for_each(|(letter, _)| into.letter(*letter));
            style.close(into);
            rest = &rest[length..];
        }
        self.letters.clear();
        self.column = 0;
    }
}

/// Draws each line of output by itself; a color goes on in the lines after it.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Markup> {
    let mut style = Style::default();
    text.lines().map(move |line| draw_in(line, &mut style))
}

fn draw(text: &str) -> Markup {
    draw_in(text, &mut Style::default())
}

/// Draws text that begins in a style, which is then the one that it ends in.
fn draw_in(text: &str, style: &mut Style) -> Markup {
    let mut markup = Markup::default();
    let mut line = Line::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '\n' => {
                line.draw(&mut markup);
                markup.raw("\n");
                after
            }
            '\r' => {
                line.column = 0;
                after
            }
            '\u{8}' => {
                line.column = line.column.saturating_sub(1);
                after
            }
            '\u{1b}' => escape(after, &mut line, style),
            letter => {
                plain(letter, &mut line, *style);
                after
            }
        };
    }
    line.draw(&mut markup);
    markup
}

/// Puts a letter, or the symbol of a character that is not drawn.
fn plain(letter: char, line: &mut Line, style: Style) {
    match letter {
        '\t' => line.put('\t', style),
        '\0'..='\u{1f}' => {
            let symbol = char::from_u32(0x2400 + u32::from(letter)).unwrap_or('\u{fffd}');
            line.symbols(symbol.encode_utf8(&mut [0; 4]));
        }
        '\u{7f}' => line.symbols("\u{2421}"),
        // Controls of 8 bits, and what is invisible or turns the direction of text around.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => line.symbols(&format!("<U+{:04X}>", u32::from(letter))),
        letter => line.put(letter, style),
    }
}

/// Reads what follows an ESC; returns what follows the sequence.
fn escape<'a>(rest: &'a str, line: &mut Line, style: &mut Style) -> &'a str {
    let bytes = rest.as_bytes();
    match bytes.first() {
        Some(b'[') => {
            let body = &bytes[1..bytes.len().min(MAX_SEQUENCE)];
            let length = body.iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            match body.get(length) {
                Some(last @ 0x40..=0x7e) => {
                    control(&rest[1..=length], *last, line, style);
                    &rest[length + 2..]
                }
                // It is not complete: what there is stands as text.
                _ => {
                    line.symbols("\u{241b}");
                    rest
                }
            }
        }
        // Titles, links and other strings, up to BEL or ESC \.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            line.symbols("\u{241b}");
            let window = &bytes[..bytes.len().min(MAX_SEQUENCE)];
            let end = window.iter().position(|byte| matches!(byte, 0x07 | 0x1b));
            match end {
                Some(at) if bytes[at] == 0x07 => &rest[at + 1..],
                Some(at) if bytes.get(at + 1) == Some(&b'\\') => &rest[at + 2..],
                _ => rest,
            }
        }
        // The choice of a character set takes one more byte.
        Some(b'(' | b')' | b'*' | b'+') if bytes.get(1).is_some_and(u8::is_ascii_graphic) => {
            &rest[2..]
        }
        Some(b'=' | b'>' | b'7' | b'8') => &rest[1..],
        Some(0x40..=0x7e) => {
            line.symbols("\u{241b}");
            &rest[1..]
        }
        _ => {
            line.symbols("\u{241b}");
            rest
        }
    }
}

/// Obeys a control sequence.
fn control(parameters: &str, last: u8, line: &mut Line, style: &mut Style) {
    let numbers = || parameters.split([';', ':']).map(|number| number.parse().unwrap_or(0));
    match last {
        b'm' if !parameters.starts_with(['<', '=', '>', '?']) => {
            *style = paint(*style, &numbers().collect::<Vec<u16>>());
        }
        b'K' => line.erase(numbers().next().unwrap_or(0)),
        // Modes of the terminal, as a hidden cursor, show nothing.
        b'h' | b'l' if parameters.starts_with('?') => {}
        _ => line.symbols("\u{241b}"),
    }
}

/// Applies the numbers of "select graphic rendition".
fn paint(mut style: Style, numbers: &[u16]) -> Style {
    let mut rest = numbers;
    while let Some((number, after)) = rest.split_first() {
        rest = after;
        match *number {
            0 => style = Style::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 => style.underlined = true,
            7 => style.inverse = true,
            9 => style.struck = true,
            22 => (style.bold, style.dim) = (false, false),
            23 => style.italic = false,
            24 => style.underlined = false,
            27 => style.inverse = false,
            29 => style.struck = false,
            number @ 30..=37 => style.text = small(number - 30),
            38 => (style.text, rest) = extended(rest),
            39 => style.text = None,
            number @ 40..=47 => style.back = small(number - 40),
            48 => (style.back, rest) = extended(rest),
            49 => style.back = None,
            number @ 90..=97 => style.text = small(number - 82),
            number @ 100..=107 => style.back = small(number - 92),
            _ => {}
        }
    }
    style
}

fn small(color: u16) -> Option<u8> {
    u8::try_from(color).ok().filter(|color| *color < 16)
}

/// Reads a color of 256 or of 24 bits, and returns the nearest of the 16.
fn extended(numbers: &[u16]) -> (Option<u8>, &[u16]) {
    match numbers {
        [5, color @ 0..=15, rest @ ..] => (small(*color), rest),
        [5, color @ 16..=231, rest @ ..] => {
            let part = |part: u16| [0, 95, 135, 175, 215, 255][usize::from(part % 6)];
            let cube = color - 16;
            (nearest([part(cube / 36), part(cube / 6), part(cube)]), rest)
        }
        [5, color @ 232..=255, rest @ ..] => {
            let gray = i32::from(8 + 10 * (color - 232));
            (nearest([gray; 3]), rest)
        }
        [2, red, green, blue, rest @ ..] => {
            (nearest([*red, *green, *blue].map(|part| i32::from(part.min(255)))), rest)
        }
        [5, _, rest @ ..] => (None, rest),
        _ => (None, &[]),
    }
}

/// Returns the nearest of the 16 colors.
fn nearest(color: [i32; 3]) -> Option<u8> {
    const COLORS: [[i32; 3]; 16] = [
        [0, 0, 0],
        [187, 0, 0],
        [0, 187, 0],
        [187, 187, 0],
        [0, 0, 187],
        [187, 0, 187],
        [0, 187, 187],
        [187, 187, 187],
        [85, 85, 85],
        [255, 85, 85],
        [85, 255, 85],
        [255, 255, 85],
        [85, 85, 255],
        [255, 85, 255],
        [85, 255, 255],
        [255, 255, 255],
    ];
    let distance =
        |other: &[i32; 3]| -> i32 { color.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum() };
    let best = (0_u8..).zip(&COLORS).min_by_key(|(_, other)| distance(other));
    best.map(|(index, _)| index)
}

/// The classes of colors: `t` for text, `g` for ground.
const TEXT: [&str; 16] = [
    "t0 ", "t1 ", "t2 ", "t3 ", "t4 ", "t5 ", "t6 ", "t7 ", "t8 ", "t9 ", "t10 ", "t11 ", "t12 ",
    "t13 ", "t14 ", "t15 ",
];

const GROUND: [&str; 16] = [
    "g0 ", "g1 ", "g2 ", "g3 ", "g4 ", "g5 ", "g6 ", "g7 ", "g8 ", "g9 ", "g10 ", "g11 ", "g12 ",
    "g13 ", "g14 ", "g15 ",
];

impl Style {
    fn open(self, into: &mut Markup) {
        if self == Self::default() {
            return;
        }
        let (text, back) =
            if self.inverse { (self.back, self.text) } else { (self.text, self.back) };
        into.raw("<span class=\"");
        if let Some(color) = text {
            into.raw(TEXT[usize::from(color % 16)]);
        }
        if let Some(color) = back {
            into.raw(GROUND[usize::from(color % 16)]);
        }
        for (set, class) in [
            (self.bold, "bo "),
            (self.dim, "di "),
            (self.italic, "it "),
            (self.underlined, "un "),
            (self.struck, "st "),
            (self.inverse && text.is_none() && back.is_none(), "in "),
            (self.symbol, "sy "),
        ] {
            if set {
                into.raw(class);
            }
        }
        into.raw("\">");
    }

    fn close(self, into: &mut Markup) {
        if self != Self::default() {
            into.raw("</span>");
        }
    }
}

#[cfg(test)]
mod tests;
