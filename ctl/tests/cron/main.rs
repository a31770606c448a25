//! `cron` with the real binary: every vector of the schedule language, batches, and text for
//! people.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests start the real binary")]

mod crontabs;
mod jobs;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

const VECTORS: &str = include_str!("../../../agent-core/crates/cron/tests/vectors.jsonl");

fn start(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_BasicAgentCtl"))
        .arg("cron")
        .args(args)
        .env("TZ", "Europe/Berlin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs `cron`, and returns the exit status, standard output and standard error.
fn run(args: &[&str], stdin: &str) -> (i32, String, String) {
    let mut child = start(args);
    let mut input = child.stdin.take().unwrap();
    let text = stdin.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = input.write_all(text.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_vector_gets_the_same_reply_as_from_other_implementations() {
    let (status, out, err) = run(&["next", "-", "--from", "2026-01-01T00:00:00Z"], VECTORS);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out.lines().count(), VECTORS.lines().count());
    let mut wrong = Vec::new();
    for (vector, reply) in VECTORS.lines().zip(out.lines()) {
        let [vector, reply]: [Value; 2] =
            [vector, reply].map(|line| serde_json::from_str(line).unwrap());
        if reply["error"].is_string() != (vector["error"] == json!(true))
            || reply["next"] != vector["next"]
        {
            wrong.push(format!("{vector}: {reply}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_invalid_query_gets_an_error_and_the_next_query_a_reply() {
    let long = "x".repeat(2 << 20);
    let queries = [
        r#"{"expr":"0 0 0 1 1 ?","tz":"UTC","from":"2026-06-01T00:00:00Z","n":1}"#,
        "",
        "{",
        "[]",
        r#"{"tz":"UTC"}"#,
        r#"{"expr":"60 * * * * *"}"#,
        r#"{"expr":"* * * * * *","tz":"Mars/Base"}"#,
        r#"{"expr":"* * * * * *","from":"tomorrow"}"#,
        r#"{"expr":"* * * * * *","n":10001}"#,
        r#"{"expr":"* * * * * *","n":-1}"#,
        r#"{"expr":"* * * * * *","calendar":["2026-02-30"]}"#,
        r#"{"expr":"* * * * * *","calendar":["a\nb"]}"#,
        &long,
        r#"{"expr":"0 0 0 31 12 ?","from":"2099-12-31T00:00:00+01:00"}"#,
        r#"{"expr":"0 0 0 1C * ?","tz":"UTC","from":"2025-12-31T12:00:00Z","n":1,"calendar":["2026-01-01"]}"#,
        r#"{"expr":"TZ=Asia/Tokyo 0 9 * * *","from":"2026-01-01T00:00:00Z","tz":"UTC"}"#,
    ];
    let text = queries.join("\n");
    let (status, out, err) = run(&["next", "-", "-n", "2"], &text);
    assert_eq!((status, err.as_str()), (0, ""));
    let replies: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(replies.len(), queries.len(), "{out}");
    let next = |times: &[&str]| json!({ "next": times });
    for (index, reply) in replies.iter().enumerate() {
        let wanted = match index {
            0 => next(&["2027-01-01T00:00:00Z"]),
            // In this host's zone, from midnight there.
            13 => next(&["2100-12-30T23:00:00Z"]),
            14 => next(&["2026-01-02T00:00:00Z"]),
            15 => next(&["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
            _ => {
                assert!(reply["error"].as_str().is_some_and(|why| !why.is_empty()), "{reply}");
                continue;
            }
        };
        assert_eq!(*reply, wanted, "{}", queries[index]);
    }
}

#[test]
fn a_client_that_waits_gets_its_reply() {
    let mut child = start(&["next", "-"]);
    let mut input = child.stdin.take().unwrap();
    let mut replies = BufReader::new(child.stdout.take().unwrap()).lines();
    for year in 2026..2036 {
        writeln!(input, r#"{{"expr":"@yearly","tz":"UTC","n":1,"from":"{year}-01-01T00:00:00Z"}}"#)
            .unwrap();
        let wanted = format!(r#"{{"next":["{}-01-01T00:00:00Z"]}}"#, year + 1);
        assert_eq!(replies.next().unwrap().unwrap(), wanted);
    }
    drop(input);
    assert!(replies.next().is_none() && child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut child = start(&["next", "-"]);
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    for _ in 0..100_000 {
        if writeln!(input, r#"{{"expr":"* * * * * *"}}"#).is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn times_have_weekday_and_offset() {
    let (status, out, err) = run(
        &["next", "0 30 2 * * *", "--from", "2026-03-28", "-n", "3", "--tz", "America/New_York"],
        "",
    );
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "Sat 2026-03-28 02:30:00 -04:00\nSun 2026-03-29 02:30:00 -04:00\nMon 2026-03-30 02:30:00 -04:00\n"
    );
    // In the zone of this host; a skipped time comes right after the gap.
    let (_, out, _) = run(&["next", "30 2 * * *", "--from", "2026-03-28T12:00", "-n", "2"], "");
    assert_eq!(out, "Sun 2026-03-29 03:00:00 +02:00\nMon 2026-03-30 02:30:00 +02:00\n");
    let (_, out, _) =
        run(&["next", "30 2 * * *", "--from", "2026-03-28T12:00Z", "-n", "1", "--json"], "");
    assert_eq!(out, "{\"next\":[\"2026-03-29T01:00:00Z\"]}\n");
    let (status, out, err) = run(&["next", "@yearly", "--from", "2099-06-01"], "");
    assert_eq!((status, out.as_str()), (0, "Fri 2100-01-01 00:00:00 +01:00\n"));
    assert!(err.contains("2101"), "{err}");
}

#[test]
fn an_error_marks_its_place() {
    let (status, out, err) = run(&["next", "0 0 25 * * *"], "");
    assert_eq!((status, out.as_str()), (1, ""));
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines[0].contains("\"25\" at column 5") && lines[0].contains("hour"), "{err}");
    assert_eq!(lines[1..], ["  0 0 25 * * *", "      ^"]);
    let (status, out, _) = run(&["next", "0 0 25 * * *", "--json"], "");
    let reply: Value = serde_json::from_str(&out).unwrap();
    assert!(status == 1 && reply["error"].as_str().unwrap().contains("hour"), "{out}");
    // An unknown zone is an error in the flag, not in the expression, so no place is marked.
    let (status, _, err) = run(&["next", "@daily", "--tz", "Mars/Base"], "");
    assert!(status == 1 && err.lines().count() == 1 && err.contains("Mars/Base"), "{err}");
    let (status, _, err) = run(&["explain", "@daily", "--calendar", "/no/such/file"], "");
    assert!(status == 1 && err.contains("/no/such/file"), "{err}");
    for args in [
        &["next"][..],
        &["next", "@daily", "-n", "0"],
        &["next", "@daily", "--from", "now"],
        &["next", "*", "a"],
    ] {
        assert_eq!(run(args, "").0, 2, "{args:?}");
    }
}

#[test]
fn a_schedule_is_explained() {
    let args = ["explain", "30 9 * * MON-FRI", "--from", "2026-01-02T09:30", "-n", "2"];
    let (status, out, err) = run(&args, "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "at 09:30, Monday to Friday\n\n\
         schedule  0 30 9 * * MON-FRI\n\
         time zone Europe/Berlin\n\
         next      Mon 2026-01-05 09:30:00 +01:00\n          \
         Tue 2026-01-06 09:30:00 +01:00\n"
    );
    let (_, out, err) = run(&["explain", "0 0 0 */2 * MON"], "");
    assert!(err.contains("warning: ") && out.starts_with("at 00:00 on the 1st"), "{out}{err}");
    let (_, out, _) =
        run(&["explain", "0 0 0 */2 * MON", "--json", "--from", "2026-01-01", "-n", "1"], "");
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["warnings"].as_array().unwrap().len(), 1, "{out}");
    assert_eq!(
        (&value["timezone"], &value["next"]),
        (&json!("Europe/Berlin"), &json!(["2026-01-04T23:00:00Z"]))
    );
}

#[test]
fn the_examples_in_the_help_are_valid() {
    let (_, help, _) = run(&["--help"], "");
    let examples = help.lines().skip_while(|line| !line.starts_with("A schedule has six fields"));
    let mut count = 0;
    for line in examples.filter_map(|line| line.strip_prefix("  ")) {
        let schedules: Vec<&str> = match line.split_once("  ") {
            Some((schedule, _)) => vec![schedule],
            None => line.split(' ').collect(),
        };
        for schedule in schedules {
            assert_eq!(run(&["explain", schedule], "").0, 0, "{schedule}");
            count += 1;
        }
    }
    assert_eq!(count, 11, "{help}");
    let (_, help, _) = run(&["next", "--help"], "");
    let mut lines = help.lines().map(str::trim).skip_while(|line| !line.starts_with("{\"expr\""));
    let (query, reply) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(run(&["next", "-"], query).1.trim(), reply);
}
