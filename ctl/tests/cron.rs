//! The real binary reading schedules: every vector of the language, answers in time, words for people.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests start the real binary")]

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

const VECTORS: &str = include_str!("../../agent-core/crates/cron/tests/vectors.jsonl");

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

/// Status, standard output, standard error.
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
fn every_vector_is_answered_as_other_implementations_do() {
    let (status, out, err) = run(&["next", "-", "--from", "2026-01-01T00:00:00Z"], VECTORS);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(out.lines().count(), VECTORS.lines().count());
    let mut wrong = Vec::new();
    for (vector, answer) in VECTORS.lines().zip(out.lines()) {
        let [vector, answer]: [Value; 2] = [vector, answer].map(|line| serde_json::from_str(line).unwrap());
        if answer["error"].is_string() != (vector["error"] == json!(true)) || answer["next"] != vector["next"]
        {
            wrong.push(format!("{vector}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_question_that_makes_no_sense_is_answered_and_the_next_has_its_turn() {
    let long = "x".repeat(2 << 20);
    let questions = [
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
    let text = questions.join("\n");
    let (status, out, err) = run(&["next", "-", "-n", "2"], &text);
    assert_eq!((status, err.as_str()), (0, ""));
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len(), "{out}");
    let next = |times: &[&str]| json!({ "next": times });
    for (index, answer) in answers.iter().enumerate() {
        let wanted = match index {
            0 => next(&["2027-01-01T00:00:00Z"]),
            // In the zone of this host, from midnight there.
            13 => next(&["2100-12-30T23:00:00Z"]),
            14 => next(&["2026-01-02T00:00:00Z"]),
            15 => next(&["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
            _ => {
                assert!(answer["error"].as_str().is_some_and(|why| !why.is_empty()), "{answer}");
                continue;
            }
        };
        assert_eq!(*answer, wanted, "{}", questions[index]);
    }
}

#[test]
fn whoever_asks_and_waits_is_answered() {
    let mut child = start(&["next", "-"]);
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for year in 2026..2036 {
        writeln!(input, r#"{{"expr":"@yearly","tz":"UTC","n":1,"from":"{year}-01-01T00:00:00Z"}}"#).unwrap();
        let wanted = format!(r#"{{"next":["{}-01-01T00:00:00Z"]}}"#, year + 1);
        assert_eq!(answers.next().unwrap().unwrap(), wanted);
    }
    drop(input);
    assert!(answers.next().is_none() && child.wait().unwrap().success());
}

#[test]
fn a_reader_who_has_gone_is_no_error() {
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
fn times_are_told_with_weekday_and_offset() {
    let (status, out, err) =
        run(&["next", "0 30 2 * * *", "--from", "2026-03-28", "-n", "3", "--tz", "America/New_York"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "Sat 2026-03-28 02:30:00 -04:00\nSun 2026-03-29 02:30:00 -04:00\nMon 2026-03-30 02:30:00 -04:00\n"
    );
    // The zone of this host; and the time that its clocks skip comes right behind the gap.
    let (_, out, _) = run(&["next", "30 2 * * *", "--from", "2026-03-28T12:00", "-n", "2"], "");
    assert_eq!(out, "Sun 2026-03-29 03:00:00 +02:00\nMon 2026-03-30 02:30:00 +02:00\n");
    let (_, out, _) = run(&["next", "30 2 * * *", "--from", "2026-03-28T12:00Z", "-n", "1", "--json"], "");
    assert_eq!(out, "{\"next\":[\"2026-03-29T01:00:00Z\"]}\n");
    let (status, out, err) = run(&["next", "@yearly", "--from", "2099-06-01"], "");
    assert_eq!((status, out.as_str()), (0, "Fri 2100-01-01 00:00:00 +01:00\n"));
    assert!(err.contains("2100"), "{err}");
}

#[test]
fn an_error_is_marked_where_it_is() {
    let (status, out, err) = run(&["next", "0 0 25 * * *"], "");
    assert_eq!((status, out.as_str()), (1, ""));
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines[0].contains("\"25\" at column 5") && lines[0].contains("hour"), "{err}");
    assert_eq!(lines[1..], ["  0 0 25 * * *", "      ^"]);
    let (status, out, _) = run(&["next", "0 0 25 * * *", "--json"], "");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert!(status == 1 && answer["error"].as_str().unwrap().contains("hour"), "{out}");
    // A zone that does not exist is a mistake of the flag, not of the expression.
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
    let (_, out, _) = run(&["explain", "0 0 0 */2 * MON", "--json", "--from", "2026-01-01", "-n", "1"], "");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["warnings"].as_array().unwrap().len(), 1, "{out}");
    assert_eq!(
        (&told["timezone"], &told["next"]),
        (&json!("Europe/Berlin"), &json!(["2026-01-04T23:00:00Z"]))
    );
}

/// A folder of this test's own, gone when it is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ctl-cron-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_crontab_is_checked_line_by_line() {
    let folder = Folder::new("lines");
    let text = "\
        # a comment\n\
        CRON_TZ=Asia/Tokyo\n\
        0 30 9 * * MON-FRI root /usr/bin/true\n\
        30 9 * * 1-5 root echo five\n\
        0 61 9 * * * root echo broken\n\
        @reboot root echo up\n\
        @daily nosuchuser_ echo who\n\
        CRON_TZ=Mars/Base\n\
        @daily root echo where\n\
        0 0 0 */2 * MON root echo narrow\n";
    let good: String = text.lines().take(4).map(|line| format!("{line}\n")).collect();
    let good = folder.write("good", &good, 0o644);
    let (status, out, err) = run(&["check", &good], "");
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("at 09:30, Monday to Friday") && out.contains(" 09:30:00 +09:00"), "{out}");
    assert!(out.ends_with("\n1 file, 2 entries, 0 problems, 0 warnings\n"), "{out}");

    let bad = folder.write("bad", text, 0o644);
    let (status, out, err) = run(&["check", &bad], "");
    assert_eq!(status, 1);
    let places: Vec<&str> =
        err.lines().map(|line| line.strip_prefix(&bad).unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(places, [":5:3:", ":7:1:", ":9:1:", ":10:1:", ":10:1:"], "{err}");
    assert!(err.contains("nosuchuser_") && err.contains("Mars/Base") && err.contains("minute"), "{err}");
    assert!(out.contains("once after the host has started"), "{out}");
    assert!(out.ends_with("\n1 file, 3 entries, 4 problems, 1 warning\n"), "{out}");

    let (status, out, err) = run(&["check", "--json", &bad, &good], "");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, err.as_str(), &told["problems"]), (1, "", &json!(4)));
    let entry = &told["files"][1]["entries"][0];
    assert_eq!(
        (&entry["line"], &entry["schedule"], &entry["user"], &entry["timezone"], &entry["command"]),
        (
            &json!(3),
            &json!("0 30 9 * * MON-FRI"),
            &json!("root"),
            &json!("Asia/Tokyo"),
            &json!("/usr/bin/true")
        )
    );
    assert_eq!(told["files"][0]["problems"][0]["line"], json!(5));
}

#[test]
fn a_file_that_the_agent_would_not_take_is_a_problem() {
    let folder = Folder::new("files");
    folder.write("shared", "@daily root x\n", 0o664);
    folder.write("draft.bak", "@daily root x\n", 0o600);
    let (status, out, err) = run(&["check", folder.0.to_str().unwrap()], "");
    assert_eq!(status, 1, "{out}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(lines[0].contains("draft.bak: warning: ") && lines[1].contains("shared: others"), "{err}");
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(folder.0.join("shared"), Some(1), None).unwrap();
        let (_, _, err) = run(&["check", folder.0.join("shared").to_str().unwrap()], "");
        assert!(err.contains("belongs to uid 1"), "{err}");
    }
    let (status, _, err) = run(&["check", "/no/such/file"], "");
    assert!(status == 1 && err.starts_with("/no/such/file: No such file"), "{err}");
    // A crontab of a user's own, from a pipe.
    let (status, out, _) = run(&["check", "--user", "root", "-"], "30 9 * * * backup --all\n");
    assert!(status == 0 && out.contains("backup --all") && out.contains("  root  "), "{out}");
}

/// Stands in for an agent: answers each request with the next of these, the request's id put in.
fn agent(path: &Path, answers: &[&str]) -> JoinHandle<Vec<Value>> {
    let listener = UnixListener::bind(path).unwrap();
    let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    std::thread::spawn(move || {
        let serve = |answer: &String| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let request: Value = serde_json::from_str(&line).unwrap();
            let id = request["id"].as_str().unwrap();
            stream.write_all(answer.replace("ID", id).as_bytes()).unwrap();
            request
        };
        answers.iter().map(serve).collect()
    })
}

const DONE: &str = r#"{"id":"ID","resp":"success","retcode":0,"message":"Normal termination","data":"#;

#[test]
fn the_jobs_of_an_agent_are_listed() {
    let folder = Folder::new("list");
    let path = folder.0.join("agent.sock");
    let jobs = json!([
        {"name": "backup", "schedule": "0 30 2 * * *", "timezone": "Europe/Berlin", "user": "nobody", "cmd": "x",
         "enabled": true, "next": ["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"], "running": 0,
         "last": {"task": "t", "state": "ended", "accepted": "2026-03-29T01:00:00.000Z",
                  "ended": "2026-03-29T01:00:01.250Z", "retcode": 3, "message": "Normal termination"}},
        {"name": "off\u{1b}", "schedule": "@daily", "cmd": "x", "enabled": false, "next": [], "running": 1}
    ]);
    let answer = format!("{DONE}{jobs}}}\n");
    let socket = path.to_str().unwrap();
    let serving = agent(&path, &[&answer, &answer]);
    let (status, out, err) = run(&["list", "--socket", socket], "");
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "NAME       SCHEDULE      USER    ENABLED  NEXT                            LAST\n\
         backup     0 30 2 * * *  nobody  yes      Mon 2026-03-30 02:30:00 +02:00  Sun 2026-03-29 03:00:01 +02:00 3 Normal termination\n\
         off\\u{1b}  @daily        root    no       -                               running\n"
    );
    let (status, out, _) = run(&["list", "--json", "--socket", socket], "");
    assert_eq!((status, serde_json::from_str::<Value>(&out).unwrap()), (0, jobs));
    let asked = serving.join().unwrap();
    assert_eq!((&asked[0]["method"], &asked[0]["limit"]), (&json!("cron.list"), &json!(1000)));
}

#[test]
fn a_job_is_set_run_and_removed() {
    let folder = Folder::new("set");
    let path = folder.0.join("agent.sock");
    let planned = format!(
        r#"{DONE}{{"schedule":"0 30 2 * * *","warnings":["odd"],"next":["2026-03-30T00:30:00Z"]}}}}{}"#,
        "\n"
    );
    let started = format!("{DONE}{{\"task\":\"cron:backup:run:1\"}}}}\n");
    let refused = "{\"id\":\"ID\",\"resp\":\"failed\",\"retcode\":3024,\"message\":\"No such job: x\"}\n";
    let serving = agent(&path, &[&planned, &started, &format!("{DONE}null}}\n"), refused]);
    let socket = path.to_str().unwrap();
    let set = [
        "set",
        "backup",
        "30 2 * * *",
        "--socket",
        socket,
        "--user",
        "nobody",
        "--tz",
        "Europe/Berlin",
        "--jitter",
        "60",
        "--overlap",
        "queue",
        "--timeout",
        "9",
        "--disabled",
        "--",
        "backup",
        "--all",
    ];
    let (status, out, err) = run(&set, "");
    assert_eq!((status, err.as_str()), (0, "BasicAgentCtl: warning: odd\n"));
    assert_eq!(out, "at 02:30 every day\n\nschedule  0 30 2 * * *\nnext      2026-03-30T00:30:00Z\n");
    let (status, out, _) = run(&["run", "backup", "--socket", socket], "");
    assert_eq!((status, out.as_str()), (0, "cron:backup:run:1\n"));
    assert_eq!(run(&["remove", "backup", "--socket", socket], ""), (0, String::new(), String::new()));
    let (status, _, err) = run(&["history", "x", "--socket", socket], "");
    assert_eq!((status, err.as_str()), (1, "BasicAgentCtl: 3024 No such job: x\n"));

    let mut asked = serving.join().unwrap();
    asked[0].as_object_mut().unwrap().remove("id");
    assert_eq!(
        asked[0],
        json!({"method": "cron.set", "name": "backup", "schedule": "30 2 * * *", "cmd": "backup --all",
            "user": "nobody", "timezone": "Europe/Berlin", "jitter": 60, "overlap": "queue", "timeout": 9,
            "enabled": false})
    );
    // What is wrong with a schedule is told before anybody is asked.
    let (status, _, err) = run(&["set", "x", "61 * * * *", "--socket", "/no/such", "--", "true"], "");
    assert!(status == 1 && err.ends_with("  61 * * * *\n  ^\n"), "{err}");
}

#[test]
fn an_agent_that_can_not_be_asked_is_told_with_what_to_do() {
    let folder = Folder::new("none");
    let path = folder.0.join("agent.sock");
    let list = ["list", "--socket", path.to_str().unwrap()];
    let (status, _, err) = run(&list, "");
    assert!(status == 3 && err.contains("start it") && err.contains("--socket"), "{err}");
    drop(UnixListener::bind(&path).unwrap());
    let (status, _, err) = run(&list, "");
    assert!(status == 3 && err.contains("is gone: start it"), "{err}");
    // One that closes without a word, as it does to a user it does not answer.
    fs::remove_file(&path).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let closing = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let (status, _, err) = run(&list, "");
    assert!(status == 3 && err.contains("root"), "{err}");
    closing.join().unwrap();
}

#[test]
fn the_examples_of_the_help_are_right() {
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
    let (question, answer) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(run(&["next", "-"], question).1.trim(), answer);
}
