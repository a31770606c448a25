//! The jobs of an agent, over a stand-in for its local socket.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use crate::run;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::JoinHandle;
use test_support::Scratch;

/// Stands in for an agent: replies to each request with the next reply, after inserting the
/// request's id.
fn agent(path: &Path, replies: &[&str]) -> JoinHandle<Vec<Value>> {
    let listener = UnixListener::bind(path).unwrap();
    let replies: Vec<String> = replies.iter().map(|reply| (*reply).to_owned()).collect();
    std::thread::spawn(move || {
        let serve = |reply: &String| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let request: Value = serde_json::from_str(&line).unwrap();
            let id = request["id"].as_str().unwrap();
            stream.write_all(reply.replace("ID", id).as_bytes()).unwrap();
            request
        };
        replies.iter().map(serve).collect()
    })
}

const DONE: &str =
    r#"{"id":"ID","resp":"success","retcode":0,"message":"Normal termination","data":"#;

#[test]
fn the_jobs_of_an_agent_are_listed() {
    let folder = Scratch::new("list");
    let path = folder.file("agent.sock");
    let jobs = json!([
        {"name": "backup", "schedule": "0 30 2 * * *", "timezone": "Europe/Berlin", "user": "nobody", "cmd": "x",
         "enabled": true, "next": ["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"], "running": 0,
         "last": {"task": "t", "state": "ended", "accepted": "2026-03-29T01:00:00.000Z",
                  "ended": "2026-03-29T01:00:01.250Z", "retcode": 3, "message": "Normal termination"}},
        {"name": "off\u{1b}", "schedule": "@daily", "cmd": "x", "enabled": false, "next": [], "running": 1}
    ]);
    let reply = format!("{DONE}{jobs}}}\n");
    let socket = path.to_str().unwrap();
    let serving = agent(&path, &[&reply, &reply]);
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
    let received = serving.join().unwrap();
    assert_eq!(
        (&received[0]["method"], &received[0]["limit"]),
        (&json!("cron.list"), &json!(1000))
    );
}

#[test]
fn a_job_is_set_run_and_removed() {
    let folder = Scratch::new("set");
    let path = folder.file("agent.sock");
    let planned = format!(
        r#"{DONE}{{"schedule":"0 30 2 * * *","warnings":["odd"],"next":["2026-03-30T00:30:00Z"]}}}}{}"#,
        "\n"
    );
    let started = format!("{DONE}{{\"task\":\"cron:backup:run:1\"}}}}\n");
    let refused =
        "{\"id\":\"ID\",\"resp\":\"failed\",\"retcode\":3024,\"message\":\"No such job: x\"}\n";
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
    assert_eq!(
        out,
        "at 02:30 every day\n\nschedule  0 30 2 * * *\nnext      Mon 2026-03-30 02:30:00 +02:00\n"
    );
    let (status, out, _) = run(&["run", "backup", "--socket", socket], "");
    assert_eq!((status, out.as_str()), (0, "cron:backup:run:1\n"));
    assert_eq!(
        run(&["remove", "backup", "--socket", socket], ""),
        (0, String::new(), String::new())
    );
    let (status, _, err) = run(&["history", "x", "--socket", socket], "");
    assert_eq!((status, err.as_str()), (1, "BasicAgentCtl: 3024 No such job: x\n"));

    let mut received = serving.join().unwrap();
    received[0].as_object_mut().unwrap().remove("id");
    assert_eq!(
        received[0],
        json!({"method": "cron.set", "name": "backup", "schedule": "30 2 * * *", "cmd": "backup --all",
            "user": "nobody", "timezone": "Europe/Berlin", "jitter": 60, "overlap": "queue", "timeout": 9,
            "enabled": false})
    );
    // An invalid schedule is reported before a request is sent.
    let (status, _, err) =
        run(&["set", "x", "61 * * * *", "--socket", "/no/such", "--", "true"], "");
    assert!(status == 1 && err.ends_with("  61 * * * *\n  ^\n"), "{err}");
}

#[test]
fn the_error_for_an_unreachable_agent_gives_advice() {
    let folder = Scratch::new("none");
    let path = folder.file("agent.sock");
    let list = ["list", "--socket", path.to_str().unwrap()];
    let (status, _, err) = run(&list, "");
    assert!(status == 3 && err.contains("start it") && err.contains("--socket"), "{err}");
    drop(UnixListener::bind(&path).unwrap());
    let (status, _, err) = run(&list, "");
    assert!(status == 3 && err.contains("is not running: start it"), "{err}");
    // An agent that closes the connection without a reply, as it does to other users.
    fs::remove_file(&path).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let closing = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let (status, _, err) = run(&list, "");
    assert!(status == 3 && err.contains("root"), "{err}");
    closing.join().unwrap();
}
