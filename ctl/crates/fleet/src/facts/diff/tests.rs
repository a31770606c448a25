use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Applies a patch as RFC 6902 says.
fn apply(mut document: Value, patch: &[Operation]) -> Value {
    for Operation { op, path, value } in patch {
        if path.is_empty() {
            document = value.clone().unwrap();
            continue;
        }
        let (above, name) = path.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/").replace("~0", "~");
        match document.pointer_mut(above).unwrap() {
            Value::Object(members) => {
                assert_eq!(members.contains_key(&name), *op != Op::Add, "{path}");
                match op {
                    Op::Remove => drop(members.remove(&name)),
                    Op::Add | Op::Replace => drop(members.insert(name, value.clone().unwrap())),
                }
            }
            Value::Array(elements) => {
                let place: usize = name.parse().unwrap();
                match op {
                    Op::Remove => drop(elements.remove(place)),
                    Op::Add => elements.insert(place, value.clone().unwrap()),
                    Op::Replace => elements[place] = value.clone().unwrap(),
                }
            }
            other => panic!("{path} is in {other}"),
        }
    }
    document
}

fn package(name: &str, version: &str) -> Value {
    json!({"name": name, "version": version})
}

#[test]
fn one_package_more_is_one_operation_and_one_line() {
    let names: Vec<String> = (0..700).map(|number| format!("p{number:04}")).collect();
    let old: Vec<Value> = names.iter().map(|name| package(name, "1")).collect();
    let mut new = old.clone();
    new.insert(300, package("p0299a", "1"));
    new.remove(500);
    new[10] = package("p0010", "2");
    let (old, new) = (json!({"packages": old}), json!({"packages": new}));
    let patch = diff(&old, &new);
    assert_eq!(apply(old.clone(), &patch), new);
    let text = serde_json::to_value(&patch).unwrap();
    assert_eq!(
        text,
        json!([
            {"op": "replace", "path": "/packages/10/version", "value": "2"},
            {"op": "add", "path": "/packages/300", "value": package("p0299a", "1")},
            {"op": "remove", "path": "/packages/500"}
        ])
    );
    let (shown, more) = lines(&old, &new);
    let shown: Vec<_> = shown.iter().map(|line| (line.sign, line.path.as_str())).collect();
    assert!(!more);
    assert_eq!(
        shown,
        [
            (Sign::Changed, "packages[p0010].version"),
            (Sign::Added, "packages[p0299a]"),
            (Sign::Removed, "packages[p0499]")
        ]
    );
}

#[test]
fn lists_that_have_nothing_in_common_are_compared_in_bounded_time() {
    let list = |from: u32| (from..from + 20_000).map(|number| json!(number)).collect::<Vec<_>>();
    let (old, new) = (Value::from(list(0)), Value::from(list(50_000)));
    let patch = diff(&old, &new);
    assert_eq!(patch.len(), 1);
    assert_eq!(apply(old.clone(), &patch), new);
    assert!(lines(&old, &new).1);
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4u32).prop_map(Value::from),
        "[ab~/]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-c~/]{0,2}|name", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_patch_makes_the_new_document_of_the_old_one(old in documents(), new in documents()) {
        let patch = diff(&old, &new);
        prop_assert_eq!(patch.is_empty(), old == new);
        prop_assert_eq!(lines(&old, &new).0.is_empty(), old == new);
        let text = serde_json::to_string(&patch).unwrap();
        let patch: Vec<Operation> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(apply(old, &patch), new);
    }

    #[test]
    fn a_patch_of_lists_is_short(
        old in prop::collection::vec(0..5u32, 0..30),
        place in 0..30usize,
    ) {
        let mut new = old.clone();
        new.insert(place.min(old.len()), 9);
        let patch = diff(&Value::from(old.clone()), &Value::from(new));
        prop_assert_eq!(patch.len(), 1);
    }
}
