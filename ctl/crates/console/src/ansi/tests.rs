use super::*;
use proptest::prelude::*;

/// Bytes of output that are drawn.
const MOST: usize = 24 << 10;

/// Returns the text that a browser shows, and checks that nothing but our spans is in it.
fn shown(markup: &Markup) -> String {
    let mut text = String::new();
    let html = markup.to_string();
    let mut rest = &html[..];
    let mut open = false;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at..=end];
        if open {
            assert_eq!(tag, "</span>");
        } else {
            let classes = tag.strip_prefix("<span class=\"").expect("a span");
            let classes = classes.strip_suffix("\">").expect("nothing but a class");
            assert!(classes.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' '));
        }
        open = !open;
        rest = &rest[end + 1..];
    }
    assert!(!open && !rest.contains('>'), "{html}");
    text.push_str(rest);
    for (entity, letter) in
        [("&lt;", "<"), ("&gt;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(entity, letter);
    }
    text
}

#[test]
fn colors_become_classes_and_end() {
    for (given, wanted) in [
        ("\x1b[31mred\x1b[0m", "<span class=\"t1 \">red</span>"),
        ("\x1b[1;92mok\x1b[m!", "<span class=\"t10 bo \">ok</span>!"),
        ("\x1b[38;5;196mx", "<span class=\"t1 \">x</span>"),
        ("\x1b[38;2;255;255;255;44mx", "<span class=\"t15 g4 \">x</span>"),
        ("\x1b[7mx\x1b[27my", "<span class=\"in \">x</span>y"),
        ("\x1b[31;7mx", "<span class=\"g1 \">x</span>"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
    ] {
        assert_eq!(draw(given).to_string(), wanted, "{given:?}");
    }
}

#[test]
fn a_color_goes_on_in_the_next_line_of_a_comparison() {
    let drawn: Vec<String> =
        lines("\x1b[31ma\nb\x1b[0m\n<c>").map(|line| line.to_string()).collect();
    let red = |text: &str| format!("<span class=\"t1 \">{text}</span>");
    assert_eq!(drawn, [red("a"), red("b"), "&lt;c&gt;".to_owned()]);
}

#[test]
fn a_progress_bar_shows_its_last_state() {
    assert_eq!(shown(&draw(" 10 %\r 50 %\r100 %\ndone\r\n")), "100 %\ndone\n");
    assert_eq!(shown(&draw("waiting\r\x1b[Kdone")), "done");
    assert_eq!(shown(&draw("abc\u{8}\u{8}X")), "aXc");
}

#[test]
fn what_cannot_be_shown_is_a_symbol() {
    for (given, wanted) in [
        ("\x1b]0;title\x07text", "␛text"),
        ("\x1b]8;;http://evil\x1b\\link", "␛link"),
        ("\x1b[2J\x1b[Htop", "␛␛top"),
        ("\x1b[?25lhidden", "hidden"),
        ("\0\x07\x7f", "␀␇␡"),
        ("a\u{202e}b", "a<U+202E>b"),
        ("\x1b[31", "␛[31"),
        ("\x1b", "␛"),
        ("\x1b]0;never ends", "␛]0;never ends"),
    ] {
        assert_eq!(shown(&draw(given)), wanted, "{given:?}");
    }
}

#[test]
fn long_output_has_its_start_and_its_end() {
    let text: String = (0..10_000).map(|line| format!("line {line}\n")).collect();
    let drawn = output(&text, MOST);
    let (head, tail) = (shown(&drawn.head), shown(&drawn.tail));
    assert!(head.starts_with("line 0\n") && head.ends_with('\n'));
    assert!(tail.starts_with("line ") && tail.ends_with("line 9999\n"));
    assert_eq!(head.len() + drawn.omitted + tail.len(), text.len());
}

#[test]
fn no_output_makes_a_large_page() {
    let colors: String = (0..100_000).map(|n| format!("\x1b[3{}m&", n % 8)).collect();
    for text in [colors, "&".repeat(1 << 20), "\r".repeat(1 << 20), "\x1b[".repeat(1 << 18)] {
        let drawn = output(&text, MOST);
        assert!(drawn.head.len() + drawn.tail.len() <= MAX_HTML);
    }
}

proptest! {
    #[test]
    fn text_is_kept_and_nothing_but_spans_comes_out(text in "[^\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u{61c}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}\u{feff}]{0,200}") {
        prop_assert_eq!(shown(&draw(&text)), text);
    }

    #[test]
    fn any_output_is_drawn(text in "(\\x1b\\[[0-9;?]{0,6}[A-Za-z]|\\x1b[\\]P(]|[<>&\"'\\x00-\\x1f\u{9b}é]|.){0,200}", most in 0_usize..300) {
        let drawn = output(&text, most);
        let _ = (shown(&drawn.head), shown(&drawn.tail));
    }
}
