//! `task` and `exec --stream` against a stand-in for the controller's API.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

mod support;

use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use support::{controller, controller_of, run, start};

const HOST: [&str; 2] = ["--host", "h"];

fn task(url: &str, args: &[&str]) -> (i32, String, String) {
    let (status, out, err) = run(url, &[&HOST[..], &["task"], args].concat(), "in\n");
    (status, String::from_utf8(out).unwrap(), err)
}

#[test]
fn submit_sends_the_command_with_an_id_and_prints_the_id() {
    let accepted = r#"{"id":"t","resp":"success","retcode":0,"message":"Accepted"}"#;
    let (url, serving) = controller(200, accepted);
    let flags =
        ["submit", "--id", "t", "--user", "nobody", "--timeout", "2592000", "--separate-stderr"];
    let found = task(&url, &[&flags[..], &["--env", "A=b", "--stdin", "--", "ls", "a b"]].concat());
    assert_eq!(found, (0, "t\n".to_owned(), String::new()));
    let wanted = json!({
        "method": "async.bash", "id": "t", "cmd": "ls 'a b'", "user": "nobody", "timeout": 2_592_000,
        "stderr": "separate", "env": {"A": "b"}, "stdin": "in\n",
    });
    assert_eq!(serving.join().unwrap().body, wanted);

    // Without --id, the client chooses one; the error for a lost reply names it.
    for (status, reply, exit) in [(200, accepted, 0), (502, r#"{"detail":"gone"}"#, 3)] {
        let (url, serving) = controller(status, reply);
        let found = task(&url, &["submit", "ls"]);
        let seen = serving.join().unwrap();
        let id = seen.body["id"].as_str().unwrap();
        assert_eq!((found.0, id.len()), (exit, 36), "{found:?}");
        let printed = if exit == 0 { &found.1 } else { &found.2 };
        assert!(printed.contains(id), "{found:?}");
    }
    let (url, serving) = controller(404, r#"{"detail":"no host \"h\" is connected"}"#);
    let found = task(&url, &["submit", "ls"]);
    serving.join().unwrap();
    assert!(found.0 == 3 && !found.2.contains("--id"), "{found:?}");
    let (url, serving) =
        controller(200, r#"{"id":"t","resp":"failed","retcode":3025,"message":"Already exists"}"#);
    let found = task(&url, &["submit", "--id", "t", "ls"]);
    serving.join().unwrap();
    assert_eq!((found.0, found.2.as_str()), (1, "BasicAgentCtl: 3025 Already exists\n"));
}

#[test]
fn status_cancel_and_list_are_a_table_or_the_agents_json() {
    let ended = r#"{"task":"t","state":"ended","accepted":"A","started":"B","ended":"C","acknowledged":true,"resp":"success","retcode":7,"message":"Normal\ntermination"}"#;
    let reply = format!(r#"{{"id":"1","resp":"success","retcode":0,"message":"","data":{ended}}}"#);
    for (command, method) in [("status", "async.status"), ("cancel", "async.cancel")] {
        let (url, serving) = controller(200, &reply);
        let (status, out, _) = task(&url, &[command, "t"]);
        assert_eq!(serving.join().unwrap().body, json!({"method": method, "task": "t"}));
        assert_eq!((status, out.lines().count()), (0, 2));
        assert_eq!(
            out.lines().last().unwrap(),
            "t     ended  A         B        C      7 Normal\\ntermination"
        );
        let (url, serving) = controller(200, &reply);
        assert_eq!(task(&url, &[command, "t", "--json"]).1, format!("{ended}\n"));
        serving.join().unwrap();
    }
    // A full page is followed by a question for the next.
    let states: Vec<_> =
        (0..1001).map(|n| format!(r#"{{"task":"t{n}","state":"waiting"}}"#)).collect();
    let page = |states: &[String]| {
        format!(
            r#"{{"id":"1","resp":"success","retcode":0,"message":"","data":[{}]}}"#,
            states.join(",")
        )
    };
    let (url, serving) =
        controller_of(&[(200, &page(&states[..1000])), (200, &page(&states[1000..]))]);
    let (status, out, _) = task(&url, &["list"]);
    let seen = serving.join().unwrap();
    assert_eq!((status, out.lines().count()), (0, 1002));
    assert_eq!(seen[1].body, json!({"method": "async.list", "limit": 1000, "after": "t999"}));
    let (url, serving) = controller(200, &page(&states[..2]));
    assert_eq!(task(&url, &["list", "--json"]).1, format!("[{}]\n", states[..2].join(",")));
    serving.join().unwrap();
}

#[test]
fn output_is_assembled_from_its_pieces() {
    let piece = |text: &str| {
        format!(r#"{{"id":"1","resp":"success","retcode":0,"message":"","data":{text}}}"#)
    };
    let pieces = [
        piece(r#"{"offset":0,"next":3,"ended":false,"text":"a\nb"}"#),
        piece(r#"{"offset":5,"next":7,"ended":false,"base64":"/wA="}"#),
        piece(r#"{"offset":7,"next":7,"ended":false,"text":""}"#),
        piece(r#"{"offset":7,"next":8,"ended":true,"text":"c"}"#),
    ];
    let replys: Vec<(u16, &str)> = pieces.iter().map(|text| (200, text.as_str())).collect();
    let output = [&HOST[..], &["task", "output", "t"]].concat();
    let (url, serving) = controller_of(&replys[..3]);
    let (status, out, err) = run(&url, &output, "");
    assert_eq!((status, out.as_slice()), (0, b"a\nb\xff\0".as_slice()));
    assert!(err.contains("2 bytes are missing"), "{err}");
    let seen = serving.join().unwrap();
    assert_eq!(seen[2].body, json!({"method": "async.output", "task": "t", "offset": 7}));

    // Followed to its end, while the host disconnects for a while and has delivered no result.
    let away = (404, r#"{"detail":"no host \"h\" is connected"}"#);
    let none = (404, r#"{"detail":"no result"}"#);
    let replys = [&replys[..2], &[away, none, away, none], &replys[2..]].concat();
    let (url, serving) = controller_of(&replys);
    let (status, out, err) = run(&url, &[&output[..], &["--follow", "--stderr"]].concat(), "");
    assert_eq!((status, out.as_slice()), (0, b"a\nb\xff\0c".as_slice()));
    assert_eq!(err.matches("; retrying").count(), 1, "{err}");
    assert_eq!(serving.join().unwrap()[7].body["stream"], "stderr");
    let (url, serving) = controller_of(&[away, none]);
    assert_eq!(run(&url, &[&output[..], &["--follow"]].concat(), "").0, 3);
    serving.join().unwrap();
}

#[test]
fn output_that_the_host_no_longer_has_comes_from_the_result() {
    let reply = |text: &str| format!(r#"{{"id":"1","message":"",{text}}}"#);
    let first = reply(
        r#""resp":"success","retcode":0,"data":{"offset":0,"next":3,"ended":false,"text":"abc"}"#,
    );
    let emptied = reply(
        r#""resp":"success","retcode":0,"data":{"offset":6,"next":6,"ended":true,"text":""}"#,
    );
    let failed = reply(r#""resp":"failed","retcode":3024"#);
    let event = r#"{"method":"async.result","id":"t","resp":"success","retcode":7,"message":"m","data":"abcdef"}"#;
    let output = [&HOST[..], &["task", "output", "t"]].concat();
    for gone in [(200, emptied.as_str()), (200, &failed), (404, r#"{"detail":"away"}"#)] {
        for flags in [&[][..], &["--follow"], &["--json"]] {
            let (url, serving) = controller_of(&[(200, &first), gone, (200, event)]);
            let (status, out, err) = run(&url, &[&output[..], flags].concat(), "");
            serving.join().unwrap();
            assert_eq!((status, err.as_str()), (0, ""), "{gone:?}");
            let out = String::from_utf8(out).unwrap();
            if flags.contains(&"--json") {
                assert_eq!(
                    out.lines().last(),
                    Some(r#"{"offset":3,"next":6,"ended":true,"text":"def"}"#)
                );
            } else {
                assert_eq!(out, "abcdef");
            }
        }
    }
    let (url, serving) = controller_of(&[(200, &failed), (404, r#"{"detail":"none"}"#)]);
    assert_eq!(run(&url, &output, "").0, 1);
    serving.join().unwrap();
}

#[test]
fn result_prints_and_exits_like_exec() {
    let event = r#"{"method":"async.result","id":"a/b","resp":"success","retcode":7,"message":"m","data":"/wA=","encoding":"base64","stderr":"oops\n","dropped":3}"#;
    let (url, serving) = controller(200, event);
    let (status, out, err) =
        run(&url, &[&HOST[..], &["task", "result", "a/b", "--wait", "5"]].concat(), "");
    let line = serving.join().unwrap().line;
    assert!(line.starts_with("GET /api/v1/hosts/h/results/a%2Fb?wait="), "{line}");
    assert_eq!((status, out.as_slice()), (7, b"\xff\0".as_slice()));
    assert!(err.starts_with("oops\n") && err.contains("3 bytes"), "{err}");
    let interrupted = r#"{"method":"async.result","id":"t","resp":"failed","retcode":3035,"message":"Interrupted"}"#;
    let (url, serving) = controller(200, interrupted);
    assert_eq!(
        task(&url, &["result", "t", "--json"]),
        (255, format!("{interrupted}\n"), "BasicAgentCtl: 3035 Interrupted\n".to_owned())
    );
    serving.join().unwrap();
    let (url, serving) = controller(404, r#"{"detail":"none"}"#);
    let (status, out, err) = task(&url, &["result", "t"]);
    assert!(status == 255 && out.is_empty() && err.contains("no result"), "{err}");
    assert!(serving.join().unwrap().line.contains("wait=0"));
    // A long wait takes several requests.
    let none = (404, r#"{"detail":"none"}"#);
    let (url, serving) = controller_of(&[
        (502, r#"{"detail":"gone"}"#),
        none,
        (503, r#"{"detail":"busy"}"#),
        none,
        (200, event),
    ]);
    assert_eq!(
        run(&url, &[&HOST[..], &["task", "result", "t", "--wait", "600"]].concat(), "").0,
        7
    );
    assert!(serving.join().unwrap().iter().all(|seen| seen.line.contains("wait=60")));
}

#[test]
fn a_streamed_command_prints_its_output_and_exits_with_its_status() {
    let frames = concat!(
        r#"{"id":"1","resp":"output","data":"a\n"}"#,
        "\n",
        r#"{"id":"1","resp":"output","data":"oops\n","stream":"stderr"}"#,
        "\n",
        r#"{"id":"1","resp":"output","dropped":5}"#,
        "\n",
        r#"{"id":"1","resp":"output","data":"/wA=","encoding":"base64"}"#,
        "\n",
    );
    let reply = r#"{"id":"1","resp":"success","retcode":7,"message":"m"}"#;
    let stream = [&HOST[..], &["exec", "--stream"]].concat();
    let (url, serving) = controller(200, &format!("{frames}{reply}\n"));
    let (status, out, err) = run(&url, &[&stream[..], &["ls"]].concat(), "");
    assert_eq!((status, out.as_slice()), (7, b"a\n\xff\0".as_slice()));
    assert!(
        err.starts_with("oops\n") && err.contains("5 bytes of output are missing here"),
        "{err}"
    );
    let body = serving.join().unwrap().body;
    assert_eq!((&body["stream"], &body["stderr"]), (&json!(true), &json!("separate")));

    let (url, serving) = controller(200, &format!("{frames}{reply}\n"));
    let (status, out, _) = run(&url, &[&stream[..], &["--json", "ls"]].concat(), "");
    serving.join().unwrap();
    assert_eq!((status, String::from_utf8(out).unwrap()), (7, format!("{frames}{reply}\n")));

    for (last, wanted) in [
        (r#"{"detail":"the host disconnected"}"#, "the host disconnected"),
        (r#"{"id":"1","resp":"failed","retcode":3031,"message":"Timed out"}"#, "3031 Timed out"),
        (r#"{"id":"1","resp":"nonsense"}"#, "unreadable reply"),
    ] {
        let (url, serving) = controller(200, &format!("{frames}{last}\n"));
        let (status, out, err) = run(&url, &[&stream[..], &["ls"]].concat(), "");
        serving.join().unwrap();
        assert!(status == 255 && out == b"a\n\xff\0" && err.contains(wanted), "{err}");
    }
    for cut in [frames.to_owned(), format!("{frames}{reply}")] {
        let (url, serving) = controller(200, &cut);
        let (status, _, err) = run(&url, &[&stream[..], &["ls"]].concat(), "");
        serving.join().unwrap();
        assert!(status == 255 && err.contains("reply ends"), "{err}");
    }
}

#[test]
fn a_piece_is_printed_at_once_and_a_closed_pipe_ends_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut child = start(&url, &[&HOST[..], &["exec", "--stream", "yes"]].concat());
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let mut frame = |data: &str| {
        let line = format!("{}\n", json!({"id": "1", "resp": "output", "data": data}));
        write!(stream, "{:x}\r\n{line}\r\n", line.len())
    };
    frame("first").unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = [0; 5];
    out.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first");
    drop(out);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(40);
    while child.try_wait().unwrap().is_none() {
        assert!(std::time::Instant::now() < end, "the client continues without a reader");
        // The connection ends with the client.
        let _ = frame("more");
    }
    assert_eq!(child.wait().unwrap().code(), Some(255));
}
