mod convergence;

use super::forecast::{Forecast, JobOnHost, Never};
use super::standing::{Outcome, Standing};
use super::{Definition, diff, file};
use agent_cron::Zone;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn read(value: impl std::borrow::Borrow<Value>) -> Result<Definition, super::EntryError> {
    Definition::parse(value.borrow().as_object().unwrap())
}

fn backup() -> Value {
    json!({"name": "backup", "selector": "role=db", "schedule": "0 30 2 * * *", "user": "root",
        "cmd": "/usr/local/bin/backup", "timeout": 3600, "missed": "once"})
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut fields = backup();
    for (name, value) in changes {
        fields[*name] = value.clone();
    }
    fields
}

#[test]
fn a_definition_is_read_and_written_with_the_same_fields() {
    let all = with(&[
        ("description", json!("nightly")),
        ("group", json!("backup")),
        ("cwd", json!("/srv")),
        ("env", json!({"A": "b"})),
        ("stdin", json!("x")),
        ("stderr", json!("separate")),
        ("max_output", json!(1000)),
        ("encoding", json!("base64")),
        ("limits", json!({"memory": 1 << 30, "pids": 100})),
        ("timezone", json!("Europe/Berlin")),
        ("overlap", json!("queue")),
        ("horizon", json!(60)),
        ("jitter", json!(300)),
        ("enabled", json!(false)),
        ("calendar", json!("/etc/holidays")),
    ]);
    let read_back = read(all.clone()).unwrap();
    assert_eq!(Value::Object(read_back.to_fields()), all);
    assert_eq!(read(Value::Object(read_back.to_fields())).unwrap(), read_back);
    assert_eq!(read_back.job_name(), "fleet:backup");
    assert_eq!(read_back.zone_name(), Some("Europe/Berlin"));
    assert_eq!(read_back.job().options.revision.as_deref(), Some(read_back.revision()));
}

#[test]
fn the_revision_changes_with_all_that_hosts_get_and_with_nothing_else() {
    let of = |changes: &[(&str, Value)]| read(with(changes)).unwrap().revision().to_owned();
    let plain = of(&[]);
    assert_eq!(plain.len(), 32);
    for same in [
        ("selector", json!("")),
        ("description", json!("x")),
        ("overlap", json!("skip")),
        ("enabled", json!(true)),
        ("jitter", json!(0)),
    ] {
        assert_eq!(of(std::slice::from_ref(&same)), plain, "{same:?}");
    }
    for other in [
        ("schedule", json!("0 31 2 * * *")),
        ("cmd", json!("x")),
        ("user", json!("app")),
        ("env", json!({"A": "b"})),
        ("enabled", json!(false)),
        ("timeout", json!(1)),
    ] {
        assert_ne!(of(std::slice::from_ref(&other)), plain, "{other:?}");
    }
}

#[test]
fn a_mistake_names_its_field_and_its_place() {
    for (change, wanted) in [
        (("schedule", json!("0 60 2 * * *")), "schedule: \"60\" at column 3"),
        (("schedule", json!("@reboot")), "schedule:"),
        (("schedule", json!(null)), "schedule: it is missing"),
        (("selector", json!("role in (db")), "selector:"),
        (("selector", json!(null)), "selector: it is missing; selector = \"\" means every host"),
        (("name", json!("a b")), "name: a name has"),
        (("name", json!("forecast")), "name: the paths of the API and the console use"),
        (("name", json!("x".repeat(101))), "name: a name has"),
        (("cmd", json!(null)), "cmd: is missing"),
        (("cmd", json!(1)), "cmd: must be"),
        (("timeout", json!(0)), "timeout: must be"),
        (("jitter", json!(9999)), "jitter: must be"),
        (("overlap", json!("never")), "overlap: must be"),
        (("limits", json!({"disk": 1})), "limits: may hold"),
        (("limits", json!({"memory": 1})), "limits.memory: must be"),
        (("line", json!("x")), "line: there is no such field"),
        (("revision", json!("x")), "revision: there is no such field"),
        (("id", json!("x")), "id: there is no such field"),
        (("description", json!("a\nb")), "description: a description is one line"),
        (("user", json!("")), "user:"),
    ] {
        let error = read(with(std::slice::from_ref(&change))).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{change:?}: {error}");
    }
    let pointed = format!("{:#}", read(with(&[("schedule", json!("0 60 2 * * *"))])).unwrap_err());
    assert!(pointed.ends_with("0 60 2 * * *\n  ^"), "{pointed}");
}

#[test]
fn a_mistake_in_a_file_names_the_file_and_the_entry() {
    let good = "[[schedules]]\nname = \"a\"\nselector = \"\"\nschedule = \"@daily\"\ncmd = \"x\"\n";
    let mut files = file::Files::default();
    files.add("one.toml", good).unwrap();
    let json =
        json!({"schedules": [{"name": "b", "selector": "", "schedule": "@daily", "cmd": "y"}]});
    files.add("two.json", &json.to_string()).unwrap();
    assert_eq!(files.definitions().map(Definition::name).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(files.place("a"), Some("one.toml:1"));
    let mut failing = |name: &str, text: &str| format!("{:#}", files.add(name, text).unwrap_err());
    let twice = failing("three.toml", good);
    assert_eq!(twice, "three.toml:1: schedule \"a\" stands already in one.toml:1");
    let two = format!("{}\n{}", good.replace("\"a\"", "\"c\""), good.replace("@daily", "@dayly"));
    let wrong = failing("four.toml", &two);
    assert!(wrong.starts_with("four.toml:7: schedule \"a\": schedule: \"@dayly\""), "{wrong}");
    assert!(wrong.ends_with("@dayly\n^"), "{wrong}");
    let form = failing("five.toml", "[[schedules]]\nname = \"a");
    assert!(form.starts_with("five.toml: TOML parse error at line 2"), "{form}");
    assert!(failing("six.toml", "[[schedule]]\n").contains("schedule"));
    assert!(failing("seven.json", "{").starts_with("seven.json: EOF"));
}

#[test]
fn the_difference_of_two_sets_names_fields_and_values() {
    let old = [read(backup()).unwrap(), read(with(&[("name", json!("old"))])).unwrap()];
    let new = [
        read(with(&[("user", json!("app")), ("jitter", json!(60))])).unwrap(),
        read(with(&[("name", json!("added"))])).unwrap(),
    ];
    let found = diff::diff(&old, &new, true);
    assert_eq!(
        (&*found.added, &*found.removed),
        (&["added".to_owned()][..], &["old".to_owned()][..])
    );
    let fields: Vec<_> = found.changed[0]
        .fields
        .iter()
        .map(|change| (change.field.as_str(), change.from.clone(), change.to.clone()))
        .collect();
    assert_eq!(
        fields,
        [("jitter", None, Some(json!(60))), ("user", Some(json!("root")), Some(json!("app")))]
    );
    assert_eq!(diff::diff(&old, &new, false).removed, Vec::<String>::new());
    assert!(diff::diff(&old, &old, true).is_empty());
}

#[test]
fn a_forecast_counts_each_run_in_its_zone_and_finds_collisions_and_never() {
    let berlin = Zone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let utc = Zone::utc();
    let job = |label: &'static str, expression: &'static str, zone| JobOnHost {
        name: label,
        label,
        is_fleet: label != "local",
        expression,
        zone,
        jitter: 0,
        enabled: true,
    };
    // 2026-01-02 00:00:00 UTC, a Friday.
    let midnight = 1_767_312_000;
    let mut forecast = Forecast::new(midnight + 30, 24);
    forecast.add("a", &[job("nine", "0 0 9 * * *", &utc), job("local", "0 9 * * *", &utc)]);
    forecast.add("b", &[job("nine", "0 0 9 * * *", &berlin), job("leap", "0 0 0 29 2 *", &utc)]);
    let off = JobOnHost { enabled: false, ..job("off", "* * * * * *", &utc) };
    forecast.add("c", &[off, job("minutely", "0 * * * * *", &utc)]);
    let summary = forecast.finish();
    assert_eq!((summary.from, summary.load.len(), summary.hosts), (midnight, 1440, 3));
    assert_eq!(summary.load[9 * 60], 3, "two on a and the minutely one on c");
    assert_eq!(summary.load[8 * 60], 2, "09:00 in Berlin is 08:00 UTC");
    assert_eq!(summary.load.iter().sum::<u64>(), 1440 + 3);
    let named = |label: &str| summary.jobs.iter().find(|job| job.label == label).unwrap();
    assert_eq!((named("nine").hosts, named("nine").runs), (2, 2));
    assert_eq!(named("nine").first, Some(midnight + 8 * 3600));
    assert_eq!(named("off").never, Some(Never::SwitchedOff));
    assert_eq!(named("leap").never, Some(Never::Later(1_835_395_200)));
    assert_eq!(summary.jobs.last().unwrap().label, "local");
    assert_eq!(summary.collisions.len(), 1);
    let collision = &summary.collisions[0];
    assert_eq!(
        (&*collision.jobs, collision.times),
        (&["local".to_owned(), "nine".to_owned()][..], 1)
    );
}

#[test]
fn jitter_spreads_a_forecast_as_the_agents_spread_the_starts() {
    let utc = Zone::utc();
    let mut forecast = Forecast::new(1_767_312_000, 2);
    for host in 0..1000 {
        let job = JobOnHost {
            name: "fleet:x",
            label: "x",
            is_fleet: true,
            expression: "0 0 1 * * *",
            zone: &utc,
            jitter: 1799,
            enabled: true,
        };
        forecast.add(&format!("host-{host}"), &[job]);
    }
    let summary = forecast.finish();
    assert_eq!(summary.load.iter().sum::<u64>(), 1000);
    assert!(summary.load[60..90].iter().all(|load| (10..80).contains(load)), "{:?}", summary.load);
}

#[test]
fn a_standing_follows_from_the_revision_that_is_wanted_and_the_one_that_was_tried() {
    for (wanted, tried, standing) in [
        (None, Some((Outcome::Applied, "1")), Standing::Removing),
        (Some("1"), None, Standing::Pending),
        (Some("2"), Some((Outcome::Applied, "1")), Standing::Pending),
        (Some("1"), Some((Outcome::Applied, "1")), Standing::Applied),
        (Some("1"), Some((Outcome::Refused, "1")), Standing::Refused),
        (Some("1"), Some((Outcome::NotAllowed, "1")), Standing::NotAllowed),
        (Some("1"), Some((Outcome::Failed, "1")), Standing::Failed),
    ] {
        assert_eq!(Standing::of(wanted, tried), standing, "{wanted:?} {tried:?}");
    }
}

proptest! {
    #[test]
    fn any_fields_are_read_or_rejected(text in ".{0,40}", name in "[a-z]{1,12}") {
        let mut fields: Map<String, Value> = backup().as_object().unwrap().clone();
        fields.insert(name, text.into());
        if let Ok(definition) = Definition::parse(&fields) {
            prop_assert_eq!(Definition::parse(&definition.to_fields()), Ok(definition));
        }
    }
}
