use super::*;
use fleet::facts::Question;
use std::time::Duration;

fn query(text: &str) -> Query {
    Query::new(&Question::parse(text, Some("packages")).unwrap()).unwrap()
}

fn hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[test]
fn a_path_tells_how_much_of_a_document_it_needs() {
    let member = |name: &str| Shape::Member(name.to_owned());
    let elements = |name: &str| Shape::Elements(name.to_owned());
    for (path, wanted) in [
        ("$", Shape::Whole),
        ("$..name", Shape::Whole),
        ("$.*", Shape::Whole),
        ("$['a','b']", Shape::Whole),
        ("$ .a", Shape::Whole),
        ("$.a-b", Shape::Whole),
        ("$[?@.x]", Shape::Whole),
        ("$.a", member("a")),
        ("$.a.b[?@.x]", member("a")),
        ("$.a[0]", member("a")),
        ("$.a..b", member("a")),
        ("$.a[*,0]", member("a")),
        ("$.a[?@.x, 0]", member("a")),
        ("$.a[?@.x, ?@.y]", member("a")),
        ("$.a[*]", elements("a")),
        ("$['a'][?@.x].y", elements("a")),
        ("$.a[?@.x==\"],\"].y", elements("a")),
        ("$.a[?@.x=='\\'],'].y", elements("a")),
        ("$.a[?match(@.x, 'b.*')]..y", elements("a")),
        ("$.a[?(@.x[1] && @['y','z'])]", elements("a")),
    ] {
        assert_eq!(Shape::of(path), wanted, "{path}");
    }
}

#[test]
fn every_path_finds_what_it_finds_in_the_whole_document() {
    let many = |names: std::ops::Range<u32>| -> String {
        let one = |n| format!(r#"{{"name":"p{n}","v":["{n}",{{"name":"deep"}}]}}"#);
        names.map(one).collect::<Vec<_>>().join(",")
    };
    let documents = [
        format!(r#"{{"other":[1],"list":[{}],"name":"x"}}"#, many(0..40)),
        format!(r#"{{"list":[{},{}]}}"#, many(3..9), many(3..5)),
        format!(r#"{{"list":[{}]}}"#, many(0..2000)),
        r#"{"list":{"name":"p4","b":{"name":"p5"}}}"#.to_owned(),
        r#"{"list":[{"name":"p4"}],"list":[{"name":"p5"}]}"#.to_owned(),
        r#"{"l\u0069st":[{"name":"p4"},7,null,"p4",["p4"]]}"#.to_owned(),
        r#"{"list":[],"name":[]}"#.to_owned(),
        r#"[{"list":[{"name":"p4"}]}]"#.to_owned(),
        "7".to_owned(),
        r#"{"list":[{"name":"p4"}"#.to_owned(),
    ];
    for path in [
        "$.list[?@.name=='p4'].v",
        "$.list[?match(@.name, 'p[45].*')].name",
        "$.list[*].name",
        "$.list[*]..name",
        "$['list'][?@.v[0]=='7' || @=='p4']",
        "$.list[*].v[?@.name]",
        "$.list.b",
        "$.list[1:3].name",
        "$.list",
        "$..name",
    ] {
        let mut evaluator = Evaluator::new(query(path), hour());
        // Again, when all elements are known.
        for document in documents.iter().chain(&documents) {
            let whole = serde_json::from_str(document).ok();
            let wanted = whole.and_then(|whole: Value| query(path).find(&whole));
            let found = evaluator.find(document).unwrap();
            assert_eq!(found.as_deref(), wanted.as_ref(), "{path} in {document:.60}");
        }
    }
}

#[test]
fn elements_that_no_other_document_has_are_not_kept() {
    let mut evaluator = Evaluator::new(query("$.list[?@.a>5].a"), hour());
    for number in 0..2 * TRIAL {
        let text = format!(r#"{{"list":[{{"a":{number}}},{{"a":{number}0}}]}}"#);
        let found = evaluator.find(&text).unwrap();
        let wanted = usize::from(number > 0) + usize::from(number > 5);
        assert_eq!(found.map_or(0, |found| found.count), wanted, "{text}");
    }
    assert_eq!(evaluator.shape, Shape::Member("list".to_owned()));
    assert!(evaluator.known.is_empty());
}

#[test]
fn a_question_whose_time_is_up_ends_within_a_document() {
    let mut evaluator = Evaluator::new(query("$.list[*]"), hour());
    assert!(evaluator.find(r#"{"list":[1]}"#).is_ok());
    evaluator.end = Instant::now();
    assert_eq!(evaluator.find(r#"{"list":[1]}"#), Err(Late));
    let mut elements = Elements { evaluator: &mut evaluator, late: false };
    let mut json = serde_json::Deserializer::from_str(r#"{"list":[1,2]}"#);
    let member = Member { name: "list", seed: &mut elements };
    assert!(member.deserialize(&mut json).is_err());
    assert!(elements.late, "the second element is new");
}
