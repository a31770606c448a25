//! What hosts answer is drawn whatever it is, within bounds, and never becomes markup.

use super::*;
use proptest::prelude::*;

fn view() -> View {
    View {
        path: "/hosts/h/facts/x".to_owned(),
        keep: Vec::new(),
        list: None,
        filter: String::new(),
        from: 0,
        now: 1_800_000_000_000,
    }
}

fn drawn(answer: &str, schema: &str, view: &View) -> Drawn {
    let answer: Json = serde_json::from_str(answer).unwrap();
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    draw(&answer, Some(Schema::new(&schema)), view)
}

/// The elements that drawing uses.
const ELEMENTS: &[&str] = &[
    "a", "bdi", "button", "dd", "details", "div", "dl", "dt", "form", "h2", "h3", "h4", "input",
    "label", "li", "nav", "p", "progress", "section", "span", "summary", "table", "tbody", "td",
    "th", "thead", "time", "tr", "ul",
];

/// Checks that each tag is one of ours, closes what is open, and has no handler or style.
fn check(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        assert!(ELEMENTS.contains(&name), "<{tag}>");
        let names = tag.split('"').step_by(2).collect::<String>();
        assert!(!names.contains(" on") && !names.contains("style"), "<{tag}>");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in {html}"),
            None if name == "input" => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

fn anything() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        "\\PC{0,40}",
        Just("<script>alert(1)</script>".to_owned()),
        Just("\" onload=\"x".to_owned()),
        Just("\u{202e}evil\u{0}\u{1b}[31m".to_owned()),
        Just("2027-01-12T08:00:00Z".to_owned()),
    ];
    let name = prop_oneof![
        "[a-z_]{1,12}",
        Just("size_bytes".to_owned()),
        Just("boot_epoch".to_owned()),
        Just("used_percent".to_owned()),
        Just("<b>".to_owned()),
        Just("a/b~c".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(8, 200, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Into::into),
            prop::collection::btree_map(name.clone(), inner, 0..12)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_host_answers_never_becomes_markup(answer in anything(), schema in anything()) {
        let answer: Json = serde_json::from_str(&answer.to_string()).unwrap();
        let drawn = draw(&answer, Some(Schema::new(&schema)), &view());
        check(&drawn.html.to_string());
        prop_assert!(drawn.html.len() < 100_000, "{} bytes", drawn.html.len());
        let alone = View { list: Some(String::new()), filter: "<a".to_owned(), ..view() };
        check(&draw(&answer, Some(Schema::new(&schema)), &alone).html.to_string());
    }
}

#[test]
fn an_answer_that_is_too_deep_too_wide_or_too_long_is_cut() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let wide: String = (0..100_000).map(|n| format!(",\"k{n}\":{{\"x\":{n}}}")).collect();
    let rows = format!("[{}{{\"n\":1}}]", "{\"name\":\"x\",\"size_bytes\":1},".repeat(60_000));
    let texts = format!("[{}\"\"]", format!("\"{}\",", "<".repeat(1 << 20)).repeat(4));
    for (answer, cut) in [
        (deep, true),
        (format!("{{\"a\":1{wide}}}"), true),
        (format!("{{\"rows\":{rows}}}"), false),
        (format!("{{\"texts\":{texts}}}"), false),
        (format!("{{\"rows\":[{{\"name\":{texts}}}]}}"), false),
    ] {
        let drawn = drawn(&answer, "{}", &view());
        check(&drawn.html.to_string());
        assert!(drawn.html.len() < 100_000, "{} bytes of {}", drawn.html.len(), &answer[..40]);
        assert_eq!(drawn.cut, cut, "{}", &answer[..40]);
    }
}

const PACKAGES: &str = r#"{"type":"object","required":["count","packages"],"properties":{
    "count":{"description":"How many.","type":"integer"},
    "packages":{"description":"The `deb <b>` packages. In order.","items":{"required":
        ["manager","name","version","size_bytes","installed","installed_epoch","summary"],
        "properties":{"size_bytes":{"title":"Size on disk"},"name":{"type":"string"}}}}}}"#;

fn packages(count: usize) -> String {
    let one = |n: usize| {
        format!(
            "{{\"manager\":\"dpkg\",\"name\":\"p{n}\",\"version\":\"1.{n}\",\"size_bytes\":{},\
         \"installed\":\"2027-01-12T08:00:00Z\",\"installed_epoch\":1799740800,\"summary\":\"{}\"}}",
            n * 1024,
            "long ".repeat(20)
        )
    };
    let rows: Vec<String> = (1..=count).map(one).collect();
    format!("{{\"count\":{count},\"packages\":[{}]}}", rows.join(","))
}

#[test]
fn a_list_becomes_a_table_with_the_columns_of_the_schema_and_what_all_rows_share_above() {
    let Drawn { html, cut } = drawn(&packages(132), PACKAGES, &view());
    let html = html.to_string();
    assert!(!cut);
    let head = html.split("<thead>").nth(1).unwrap().split("</thead>").next().unwrap();
    let columns: Vec<&str> =
        head.split("<bdi>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(columns, ["Name", "Version", "Size on disk"]);
    assert_eq!(html.matches("<tr>").count(), 1 + ROWS);
    for part in [
        "All: Manager <bdi>dpkg</bdi>",
        "3 days ago",
        "1.0 KiB",
        "The <code>deb &lt;b&gt;</code> packages.",
        ">Show all 132<",
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("epoch") && html.contains("?list=%2Fpackages"));
}

#[test]
fn a_long_list_is_shown_by_pages_and_filtered() {
    let page = |filter: &str, from: usize| {
        let view = View {
            list: Some("/packages".to_owned()),
            filter: filter.to_owned(),
            from,
            keep: vec![("at", "x".to_owned())],
            ..view()
        };
        drawn(&packages(132), PACKAGES, &view).html.to_string()
    };
    let second = page("", 50);
    assert!(second.contains("51–100 of 132") && second.contains(">p51<"), "{second}");
    assert!(second.contains("&amp;from=100&amp;at=x") && second.contains("rel=\"prev\""));
    let found = page("P13", 0);
    assert!(found.contains("4 of 132 rows") && !found.contains("rel=\"next\""), "{found}");
    assert!(page("nothing", 0).contains("No row contains this text."));
    assert!(page("", 5000).contains("No row contains this text."));
}

#[test]
fn an_answer_without_a_schema_is_drawn_by_its_shape() {
    let answer = r#"{"racks":[{"id":7,"temp_celsius":41.5,"doors":["a","b"]},{"id":8}],
        "site":{"name":"Köln","power_watts":1200,"empty":null},"note":"hi"}"#;
    let answer: Json = serde_json::from_str(answer).unwrap();
    let html = draw(&answer, None, &view()).html.to_string();
    check(&html);
    for part in
        ["<h2><bdi>Racks</bdi>", "41.5 °C", "Köln", "1,200 W", "Not known or none: <bdi>Empty"]
    {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}
