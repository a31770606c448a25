//! The real binary against a stand-in for the controller's API: its requests, output and exit
//! status.

mod support;

use support::{TOKEN, controller, controller_of, run};

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
    let failed = r#"{"id":"1","resp":"failed","retcode":3052,"message":"No such\nuser"}"#;
    for (http, body, wanted, line) in [
        (200, failed, 1, "3052 No such\\nuser"),
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
fn an_unreachable_controller_exits_with_3_and_one_beyond_loopback_is_a_usage_error() {
    for (url, exit, wanted) in [
        // A port that no test listens on.
        ("http://127.0.0.1:1", 3, "controller http://127.0.0.1"),
        ("http://192.0.2.1:7480", 2, "plain HTTP would expose the token"),
        ("ftp://127.0.0.1", 2, "http://"),
        ("https://c.example/api", 2, "https://HOST:PORT"),
    ] {
        let (status, out, err) = run(url, &["hosts"], "");
        assert!(status == exit && out.is_empty() && err.contains(wanted), "{err}");
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

/// The retcodes stand for the same causes as in `local.rs`, and lead to the same statuses.
#[test]
fn the_exit_statuses_of_a_host_are_those_of_this_machine() {
    for (retcode, wanted) in [
        (3004, 3),
        (3021, 2),
        (3022, 1),
        (3023, 1),
        (3024, 1),
        (3041, 1),
        (3051, 3),
        (3052, 1),
        (3053, 1),
        (3054, 1),
        (3099, 1),
    ] {
        let failed = format!(r#"{{"id":"1","resp":"failed","retcode":{retcode},"message":"why"}}"#);
        let asks_for_names = matches!(retcode, 3004 | 3051);
        let names = r#"{"id":"2","resp":"success","retcode":0,"data":[{"method":"getinfo.users","summary":"x"}]}"#;
        let replies = [(200, failed.as_str()), (200, names)];
        let (url, serving) = controller_of(if asks_for_names { &replies } else { &replies[..1] });
        let (status, _, err) = run(&url, &["--host", "h", "-c", "getinfo.user"], "");
        serving.join().unwrap();
        assert_eq!(status, wanted, "{retcode}: {err}");
        assert_eq!(err.contains("did you mean getinfo.users?"), asks_for_names, "{err}");
        let (url, serving) = controller(200, &failed);
        // A command's own status could be any other.
        let (status, _, _) = run(&url, &["--host", "h", "exec", "x"], "");
        serving.join().unwrap();
        assert_eq!(status, 255, "{retcode}");
    }
    // A name that no method can have, or no host, is not sent.
    for args in [&["--host", "h", "-c", "../x"][..], &["--host", "a b", "-c", "agent.ping"]] {
        assert_eq!(run("http://127.0.0.1:1", args, "").0, 2, "{args:?}");
    }
    let part = |retcode: u16| {
        format!(
            r#"{{"id":"1","resp":"success","retcode":0,"data":[{{"method":"getinfo.x","resp":"{}","retcode":{retcode},"message":""}}]}}"#,
            if retcode == 0 { "success" } else { "failed" }
        )
    };
    for (retcode, args, wanted) in
        [(0, "", 0), (3021, "", 0), (3052, "", 1), (3021, "x", 1), (3051, "x", 1)]
    {
        let (url, serving) = controller(200, &part(retcode));
        let status = run(&url, &["--host", "h", "-c", "getinfo.all", "-a", args], "").0;
        serving.join().unwrap();
        assert_eq!(status, wanted, "{retcode} {args:?}");
    }
}

#[test]
fn a_commands_limits_and_outputs_have_flags() {
    let reply = r#"{"id":"1","resp":"success","retcode":0,"message":"","data":""}"#;
    let (url, serving) = controller(200, reply);
    let flags = ["--memory", "64M", "--cpu", "250", "--pids", "9", "--max-output", "4K"];
    let args = [&["--host", "h", "exec", "--stderr", "merge"][..], &flags, &["--", "ls"]].concat();
    assert_eq!(run(&url, &args, "").0, 0);
    let body = serving.join().unwrap().body;
    let limits = serde_json::json!({"memory": 64 << 20, "cpu": 250, "pids": 9});
    assert_eq!((&body["limits"], &body["max_output"]), (&limits, &4096.into()), "{body}");
    assert!(body.get("stderr").is_none_or(|stderr| stderr == "merge"), "{body}");
}
