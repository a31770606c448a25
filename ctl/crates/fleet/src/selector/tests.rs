use super::*;
use crate::{LabelKey, LabelValue};
use proptest::prelude::*;

fn labels(text: &str) -> Labels {
    text.split_whitespace()
        .map(|label| label.split_once('=').unwrap())
        .map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

/// The examples of Kubernetes' own tests (`TestSelectorMatches`), and ours.
#[test]
fn a_selector_selects_as_in_kubernetes() {
    for (text, host, wanted) in [
        ("", "x=y", true),
        ("x=y", "x=y", true),
        ("x==y", "x=y", true),
        ("x=y,z=w", "x=y z=w", true),
        ("x!=y,z!=w", "x=z z=a", true),
        ("notin=in", "notin=in", true),
        ("x", "x=z", true),
        ("!x", "y=z", true),
        ("x=", "x=", true),
        ("x=", "y=z", false),
        ("x=,z= ", "x= z=", true),
        ("= ", "x=z", false),
        ("x=z", "", false),
        ("x=y", "x=z", false),
        ("x=y,z=w", "x=w z=w", false),
        ("x!=y,z!=w", "x=z z=w", false),
        ("x", "y=z", false),
        ("!x", "x=z", false),
        ("x!=y", "", true),
        ("x in (a,b)", "x=b", true),
        ("x in(a , b )", "x=b", true),
        ("x in (a,)", "x=", true),
        ("x in (,)", "x=", true),
        ("x in (a,b)", "x=c", false),
        ("x in (a,b)", "", false),
        ("x notin (a,b)", "", true),
        ("x notin (a,b)", "x=c", true),
        ("x notin (a,b)", "x=a", false),
        ("in in (in)", "in=in", true),
        ("\tx = y ,\n z = w\r", "x=y z=w", true),
        ("env=prod,role in (web,db),!legacy,os.id=debian", "env=prod role=db os.id=debian", true),
        (
            "env=prod,role in (web,db),!legacy,os.id=debian",
            "env=prod role=db legacy= os.id=debian",
            false,
        ),
        ("example.com/tier=1", "example.com/tier=1", true),
        ("host=web-1", "", true),
        ("host=web-2", "", false),
        ("host!=web-2", "", true),
        ("host in (web-1,web-2)", "", true),
        ("host notin (web-1)", "", false),
        ("host=web-1,x=y", "x=y", true),
    ] {
        let selected = Selector::parse(text).map(|s| s.matches("web-1", &labels(host)));
        if text == "= " {
            assert!(selected.is_err());
        } else {
            assert_eq!(selected, Ok(wanted), "{text:?} {host:?}");
        }
    }
}

#[test]
fn a_mistake_is_named_with_its_place() {
    for (text, at, why) in [
        (",", 0, "expected a label's key or \"!\", but this is \",\""),
        ("x=y,", 4, "expected a label's key or \"!\", but the text ends here"),
        ("x=y,,z", 4, "but this is \",\""),
        (
            "x y",
            2,
            "expected \"=\", \"!=\", \"in\", \"notin\", \",\" or the end, but this is \"y\"",
        ),
        ("x=y z", 4, "expected \",\" or the end, but this is \"z\""),
        ("x=y=z", 3, "expected \",\" or the end, but this is \"=\""),
        ("x===y", 3, "expected a value, but this is \"=\""),
        ("x=(a)", 2, "expected a value, but this is \"(\""),
        ("x in", 4, "expected \"(\", but the text ends here"),
        ("x in a", 5, "expected \"(\", but this is \"a\""),
        ("x in ()", 6, "expected a value, but this is \")\""),
        ("x in (a", 7, "expected \",\" or \")\", but the text ends here"),
        ("x in (a b)", 8, "expected \",\" or \")\", but this is \"b\""),
        ("x in (a", 7, "the text ends here"),
        ("x In (a)", 2, "but this is \"In\""),
        ("!", 1, "expected a label's key behind \"!\", but the text ends here"),
        ("!x=y", 2, "expected \",\" or the end"),
        ("!!x", 1, "expected a label's key behind \"!\""),
        ("x>1", 1, "cannot be compared as numbers"),
        ("x<1", 1, "cannot be compared as numbers"),
        ("-x=1", 0, "\"-x\": a label's key has"),
        ("env=-prod", 4, "\"-prod\": a label's value is empty or has"),
        ("env=a,role in (web,d&b)", 19, "\"d&b\": a label's value"),
        ("a/b/c", 0, "\"a/b/c\": a label's key"),
        ("env=\"prod\"", 4, "a label's value"),
        ("é=1", 0, "a label's key"),
        ("host", 0, "write host=ID"),
        ("!host", 0, "every host has an id"),
        ("host=", 5, "\"\" is not a host id"),
        ("host=a/b", 5, "\"a/b\" is not a host id"),
    ] {
        let error = Selector::parse(text).unwrap_err();
        assert_eq!(error.at(), at, "{text:?}: {error}");
        assert!(error.to_string().contains(why), "{text:?}: {error}");
    }
}

#[test]
fn a_caret_stands_below_the_mistake() {
    let pointed = |text: &str| Selector::parse(text).unwrap_err().pointed();
    assert_eq!(pointed("env=prod,role==="), "env=prod,role===\n               ^");
    assert_eq!(pointed("x=y,"), "x=y,\n    ^");
    assert_eq!(pointed("a=b,\tä=1"), "a=b, ä=1\n     ^");
    assert_eq!(pointed("a=b,ä=1,c=ö"), "a=b,ä=1,c=ö\n    ^");
    let long = format!("{},!!{}", ["a=b"; 60].join(","), ",c=d".repeat(60));
    let shown = pointed(&long);
    let (text, caret) = shown.split_once('\n').unwrap();
    let under = text.chars().nth(caret.chars().count() - 1);
    assert_eq!((under, text.chars().count()), (Some('!'), 74), "{shown}");
    let error = Selector::parse("x in").unwrap_err();
    assert!(!error.to_string().contains('\n'));
    assert_eq!(format!("{error:#}").lines().count(), 3);
}

#[test]
fn a_selector_has_bounds() {
    let terms = |count| vec!["a=b"; count].join(",");
    assert!(Selector::parse(&terms(MAX_TERMS)).is_ok());
    let error = Selector::parse(&terms(MAX_TERMS + 1)).unwrap_err();
    assert_eq!(error.at(), MAX_TERMS * 4);
    let ids = format!("host in ({})", vec!["a"; MAX_TEXT / 2 - 5].join(","));
    assert!(ids.len() <= MAX_TEXT && Selector::parse(&ids).is_ok());
    assert!(Selector::parse(&" ".repeat(MAX_TEXT + 1)).is_err());
}

#[test]
fn one_host_is_a_selector_and_nothing_more_can_slip_in() {
    let selector = Selector::host("web-1").unwrap();
    assert!(
        selector.matches("web-1", &Labels::new()) && !selector.matches("web-2", &Labels::new())
    );
    for bad in ["", "a,x=y", "a b", "a/b", "host", "in (a,b)"] {
        let selector = Selector::host(bad);
        assert!(selector.is_err() || bad == "host", "{bad:?}");
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9]([a-zA-Z0-9._-]{0,6}[a-zA-Z0-9])?",
        Just("in".to_owned()),
        Just("notin".to_owned())
    ]
}

fn term() -> impl Strategy<Value = Term> {
    let texts = || prop::collection::btree_set(word(), 1..4);
    let label = word().prop_filter("reserved", |w| w != "host");
    let label = label.prop_map(|word| Subject::Label(LabelKey::new(&word).unwrap())).boxed();
    prop_oneof![
        (label.clone(), texts())
            .prop_map(|(subject, t)| Term { subject, condition: Condition::In(t) }),
        (label.clone(), texts())
            .prop_map(|(subject, t)| Term { subject, condition: Condition::NotIn(t) }),
        label.clone().prop_map(|subject| Term { subject, condition: Condition::Exists }),
        label.prop_map(|subject| Term { subject, condition: Condition::Absent }),
        texts().prop_map(|t| Term { subject: Subject::Host, condition: Condition::In(t) }),
        texts().prop_map(|t| Term { subject: Subject::Host, condition: Condition::NotIn(t) }),
    ]
}

proptest! {
    #[test]
    fn a_selector_reads_its_own_text(terms in prop::collection::vec(term(), 0..6)) {
        let selector = Selector { terms };
        prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn any_text_is_a_selector_or_has_a_mistake_within_it(
        text in prop_oneof![".{0,40}", "[a-c =!(),<>inot\n]{0,30}"],
    ) {
        match Selector::parse(&text) {
            Ok(selector) => {
                prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
            }
            Err(error) => {
                prop_assert!(error.at() <= text.len() && text.is_char_boundary(error.at()));
                prop_assert_eq!(error.pointed().lines().count(), 2);
            }
        }
    }

    #[test]
    fn a_term_and_its_opposite_divide_the_hosts(
        key in word(), texts in prop::collection::btree_set(word(), 1..4), value in prop::option::of(word()),
    ) {
        prop_assume!(key != "host");
        let key = LabelKey::new(&key).unwrap();
        let labels: Labels = value.map(|v| (key.clone(), LabelValue::new(&v).unwrap())).into_iter().collect();
        let subject = Subject::Label(key);
        let holds = |condition| Term { subject: subject.clone(), condition }.holds("h", &labels);
        prop_assert_ne!(holds(Condition::In(texts.clone())), holds(Condition::NotIn(texts)));
        prop_assert_ne!(holds(Condition::Exists), holds(Condition::Absent));
    }
}
