//! The real binary against a stand-in for the controller's API: its requests, output and exit
//! status.

mod support;

use std::net::TcpListener;
use support::{TOKEN, controller, run};

#[test]
fn a_query_prints_the_data_unchanged() {
    let reply = r#"{"id":"1","resp":"success","retcode":0,"message":"m","data":{"z":1,"a":[18446744073709551615]}}"#;
    let (url, serving) = controller(200, reply);
    let (status, out, err) =
        run(&url, &["--host", "h-1", "-c", "getinfo.users", "-a", "-U root"], "");
    let seen = serving.join().unwrap();
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(String::from_utf8(out).unwrap(), "{\"z\":1,\"a\":[18446744073709551615]}\n");
    assert_eq!(seen.line, "POST /api/v1/hosts/h-1/requests HTTP/1.1");
    assert!(seen.head.contains(&format!("authorization: bearer {TOKEN}\r\n")), "{}", seen.head);
    assert_eq!(seen.body, serde_json::json!({"method": "getinfo.users", "args": "-U root"}));
}

#[test]
fn a_failed_reply_exits_with_1_and_a_missing_reply_with_3() {
    let failed = r#"{"id":"1","resp":"failed","retcode":3004,"message":"No such\nmethod"}"#;
    for (http, body, wanted, line) in [
        (200, failed, 1, "3004 No such\\nmethod"),
        (404, r#"{"detail":"no host \"h\" is connected"}"#, 3, "no host \"h\" is connected"),
        (
            401,
            r#"{"detail":"unauthorized"}"#,
            3,
            "rejected the token from the variable BASICAGENT_TOKEN",
        ),
        (502, r#"{"detail":"disconnected"}"#, 3, "disconnected"),
        (500, "<html>", 3, "is it the API of a controller?"),
        (302, "", 3, "is it the API of a controller?"),
        (200, "[]", 3, "unreadable reply"),
        (200, "{}", 3, "unreadable reply"),
    ] {
        let (url, serving) = controller(http, body);
        let (status, out, err) = run(&url, &["--host", "h", "-c", "a.b"], "");
        serving.join().unwrap();
        assert_eq!((status, out.len()), (wanted, 0), "{body}: {err}");
        assert!(err.contains(line) && err.lines().count() == 1, "{err}");
    }
}

#[test]
fn exec_prints_both_outputs_exactly_and_exits_with_the_commands_status() {
    let reply = r#"{"id":"1","resp":"success","retcode":7,"message":"m","data":"/wAKYQ==","encoding":"base64","stderr":"oops\n","dropped":3}"#;
    let (url, serving) = controller(200, reply);
    let flags = [
        "--host",
        "h",
        "exec",
        "--user",
        "nobody",
        "--group",
        "adm",
        "--timeout",
        "9",
        "--cwd",
        "/x",
    ];
    let rest = ["--env", "A=b=c", "--stdin", "--", "ls", "a b"];
    let (status, out, err) = run(&url, &[&flags[..], &rest].concat(), "in\n");
    let seen = serving.join().unwrap();
    assert_eq!((status, out.as_slice()), (7, b"\xff\x00\x0aa".as_slice()));
    assert!(err.starts_with("oops\n") && err.contains("3 bytes are missing"), "{err}");
    let wanted = serde_json::json!({
        "method": "sync.bash", "cmd": "ls 'a b'", "user": "nobody", "group": "adm", "timeout": 9, "cwd": "/x",
        "env": {"A": "b=c"}, "stdin": "in\n", "stderr": "separate", "max_output": 16 << 20,
    });
    assert_eq!(seen.body, wanted);
}

#[test]
fn exec_exits_with_255_without_an_exit_status_of_the_command() {
    let timed_out =
        r#"{"id":"1","resp":"failed","retcode":3031,"message":"Timed out","data":"so far"}"#;
    let (url, serving) = controller(200, timed_out);
    let (status, out, err) = run(&url, &["--host", "h", "exec", "sleep 9"], "");
    serving.join().unwrap();
    assert_eq!(
        (status, out.as_slice(), err.as_str()),
        (255, b"so far".as_slice(), "BasicAgentCtl: 3031 Timed out\n")
    );
    let (url, serving) = controller(404, r#"{"detail":"no host"}"#);
    assert_eq!(run(&url, &["--host", "h", "exec", "ls"], "").0, 255);
    serving.join().unwrap();
    let big = "x".repeat((1 << 20) + 1);
    let (status, _, err) =
        run("http://127.0.0.1:9", &["--host", "h", "exec", "--stdin", "cat"], &big);
    assert!(status == 255 && err.contains("standard input"), "{err}");
    let (url, serving) = controller(200, timed_out);
    let (status, out, _) = run(&url, &["--host", "h", "exec", "--json", "ls"], "");
    serving.join().unwrap();
    assert_eq!((status, out), (255, format!("{timed_out}\n").into_bytes()));
}

#[test]
fn hosts_prints_a_table_or_the_controllers_json() {
    let reply = r#"{"hosts":[{"id":"h-1","address":"10.0.0.1:5","version":null,"connected_at":"2026-01-01T00:00:00Z","requests_running":0}]}"#;
    let (url, serving) = controller(200, reply);
    let (status, out, _) = run(&url, &["hosts"], "");
    assert_eq!(serving.join().unwrap().line, "GET /api/v1/hosts HTTP/1.1");
    let out = String::from_utf8(out).unwrap();
    assert!(
        status == 0 && out.starts_with("HOST") && out.contains("h-1") && out.lines().count() == 2,
        "{out}"
    );
    let (url, serving) = controller(200, reply);
    assert_eq!(run(&url, &["hosts", "--json"], "").1, format!("{reply}\n").into_bytes());
    serving.join().unwrap();
}

#[test]
fn an_unreachable_controller_or_one_beyond_loopback_exits_with_3() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, wanted) in [
        (format!("http://{free}"), "controller http://127.0.0.1"),
        ("http://192.0.2.1:7480".to_owned(), "plain HTTP would expose the token"),
        ("https://127.0.0.1".to_owned(), "http://"),
    ] {
        let (status, out, err) = run(&url, &["hosts"], "");
        assert!(status == 3 && out.is_empty() && err.contains(wanted), "{err}");
        assert!(!err.contains(TOKEN));
    }
}

#[test]
fn jobs_of_another_host_are_listed_through_its_controller() {
    let jobs = r#"[{"name":"n","schedule":"@daily","cmd":"x","enabled":true,"next":["2026-01-05T00:00:00Z"]}]"#;
    let reply = format!(
        r#"{{"id":"1","resp":"success","retcode":0,"message":"Normal termination","data":{jobs}}}"#
    );
    let (url, serving) = controller(200, &reply);
    let (status, out, err) = run(&url, &["--host", "h", "cron", "list"], "");
    assert_eq!((status, err.as_str()), (0, ""));
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.ends_with("n     @daily    root  yes      Mon 2026-01-05 00:00:00 +00:00  -\n"),
        "{out}"
    );
    let seen = serving.join().unwrap();
    assert!(seen.line.starts_with("POST /api/v1/hosts/h/requests "), "{}", seen.line);
    assert_eq!(seen.body["method"], "cron.list");
}
