//! Framing: any split of any stream decodes alike, bounds hold, and hand-written messages work.

use agent_wire::json::parse_object;
use agent_wire::message::{
    AccountId, Bash, Encoding, Event, GetInfo, Init, InitReply, MAX_SYNC_TIMEOUT, Request, Resp,
    Response,
};
use agent_wire::{Decoder, Limits, Malformed, Retcode, parse_list};
use proptest::prelude::*;

/// Decodes `stream` in pieces that end at `cuts`.
fn decode(stream: &[u8], cuts: &[usize], limits: Limits) -> Vec<Result<String, Malformed>> {
    let mut decoder = Decoder::new(limits);
    let mut out = Vec::new();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut begin = 0;
    for end in ends {
        decoder.push(&stream[begin..end]);
        begin = end;
        loop {
            match decoder.next_message() {
                Ok(Some(text)) => out.push(Ok(text.to_owned())),
                Ok(None) => break,
                Err(error) => out.push(Err(error)),
            }
        }
    }
    out
}

fn small() -> Limits {
    Limits { max_message: 200, max_depth: 4 }
}

/// JSON objects, some beyond the small limits, some with brackets and quotes inside strings.
fn object() -> impl Strategy<Value = String> {
    let text = "[a-z{}\\[\\]\"\\\\ é\n]{0,12}";
    let leaf = prop_oneof![
        Just(serde_json::json!(null)),
        any::<i32>().prop_map(Into::into),
        text.prop_map(Into::into)
    ];
    let value = leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| {
                serde_json::Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())
            }),
        ]
    });
    (prop::collection::btree_map("[a-z]{1,6}", value, 0..4), any::<bool>()).prop_map(
        |(map, pretty)| {
            let text = if pretty {
                serde_json::to_string_pretty(&map)
            } else {
                serde_json::to_string(&map)
            };
            text.expect("a map of strings")
        },
    )
}

fn account() -> impl Strategy<Value = AccountId> {
    let name = "[a-z0-9]{1,8}".prop_map(AccountId::Name);
    prop_oneof![name, any::<u64>().prop_map(AccountId::Number)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_of_any_stream_of_messages_decodes_alike(
        objects in prop::collection::vec((object(), "[ \n\t\r]{0,3}"), 0..8),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let stream: String = objects.iter().map(|(object, blank)| format!("{object}{blank}")).collect();
        let whole = decode(stream.as_bytes(), &[], Limits::default());
        let wanted: Vec<_> = objects.iter().map(|(object, _)| Ok(object.clone())).collect();
        prop_assert_eq!(&whole, &wanted);
        prop_assert_eq!(&decode(stream.as_bytes(), &cuts, Limits::default()), &whole);
        prop_assert_eq!(decode(stream.as_bytes(), &cuts, small()), decode(stream.as_bytes(), &[], small()));
    }

    #[test]
    fn any_split_of_any_bytes_decodes_alike(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\"\\, \n:".to_vec())], 0..400),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let mut stream = b"{\"a\":1}".to_vec();
        stream.extend_from_slice(&bytes);
        prop_assert_eq!(decode(&stream, &cuts, small()), decode(&stream, &[], small()));
        let every_byte: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(decode(&stream, &every_byte, small()), decode(&stream, &[], small()));
    }

    #[test]
    fn a_command_reads_back_as_it_was_written(
        cmd in ".{1,40}", timeout in proptest::option::of(1..=MAX_SYNC_TIMEOUT), user in proptest::option::of(account()),
        env in prop::collection::btree_map("[A-Z]{1,5}", ".{0,9}", 0..4), stdin in proptest::option::of(".{0,20}"),
        base64 in any::<bool>(),
    ) {
        let bash = Bash {
            cmd, timeout, user, stdin, env: env.into_iter().collect(),
            encoding: if base64 { Encoding::Base64 } else { Encoding::Auto }, ..Bash::default()
        };
        let text = serde_json::to_string(&bash).unwrap();
        let map = parse_object(&text).unwrap();
        let back = Bash::parse(agent_wire::Params::new(&map), MAX_SYNC_TIMEOUT).unwrap();
        prop_assert_eq!(back, bash);
    }
}

#[test]
fn a_fraction_reads_back_as_it_was_written() {
    // serde_json's quick way of reading makes it …568, another number.
    let text = r#"{"data":123456789.12345679}"#;
    let map = parse_object(text).unwrap();
    assert_eq!(serde_json::to_string(&map).unwrap(), text);
}

#[test]
fn a_result_with_separate_stderr_reads_back_as_it_was_written() {
    let text = r#"{"method":"async.result","id":"1","resp":"success","retcode":0,"message":"m","data":"x","stderr":"eQ==","stderr_encoding":"base64","stderr_dropped":3,"started":"s","ended":"e"}"#;
    let event = Event::parse(&parse_object(text).unwrap()).unwrap().unwrap();
    assert_eq!(event.outcome.stderr.as_deref(), Some("eQ=="));
    assert_eq!(serde_json::to_string(&event).unwrap(), text);
}

#[test]
fn a_message_beyond_a_bound_is_skipped_and_the_next_one_is_read() {
    let deep = "{\"a\":[[[[[[1]]]]]]}";
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(300));
    for (bad, word) in [(deep, "4 levels"), (large.as_str(), "200 bytes")] {
        let stream = format!("{bad}\n{{\"id\":\"2\"}}");
        let out = decode(stream.as_bytes(), &[], small());
        assert_eq!(out.len(), 2, "{out:?}");
        let error = out[0].as_ref().unwrap_err();
        assert_eq!(error.retcode, Retcode::TooLarge);
        assert!(error.message.contains(word) && !error.fatal, "{error:?}");
        assert_eq!(out[1].as_deref(), Ok("{\"id\":\"2\"}"));
    }
}

#[test]
fn a_message_of_exactly_the_bound_is_accepted() {
    let exact = format!("{{\"a\":\"{}\"}}", "x".repeat(200 - 8));
    assert_eq!(exact.len(), 200);
    assert!(decode(exact.as_bytes(), &[], small())[0].is_ok());
    let over = format!("{{\"a\":\"{}\"}}", "x".repeat(200 - 7));
    assert!(decode(over.as_bytes(), &[], small())[0].is_err());
}

#[test]
fn garbage_is_fatal_and_nothing_comes_after_it() {
    for garbage in
        ["GET / HTTP/1.1\r\n", "\u{16}\u{3}\u{1}", "[1]", "\"x\"", "1", "}", "{\"a\":]}", "{[}]"]
    {
        let out = decode(format!("{garbage}{{\"id\":\"1\"}}").as_bytes(), &[], Limits::default());
        assert_eq!(out.len(), 1, "{garbage:?}: {out:?}");
        assert!(out[0].as_ref().unwrap_err().fatal, "{garbage:?}");
    }
}

#[test]
fn a_message_that_never_ends_is_fatal_and_not_kept() {
    let mut decoder = Decoder::new(small());
    decoder.push(b"{\"a\":\"");
    let mut errors = 0;
    for _ in 0..100 {
        decoder.push(&[b'x'; 100]);
        while let Err(error) = decoder.next_message() {
            assert!(error.fatal);
            errors += 1;
        }
    }
    assert_eq!(errors, 1);
}

#[test]
fn bytes_arriving_one_by_one_cost_linear_time() {
    // Quadratic work on 4 MiB would be 8 × 10¹² steps: the suite would not end.
    let message = format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20));
    let mut decoder = Decoder::new(Limits { max_message: 8 << 20, max_depth: 32 });
    let mut whole = None;
    for byte in message.as_bytes() {
        assert!(whole.is_none());
        decoder.push(std::slice::from_ref(byte));
        whole = decoder.next_message().unwrap().map(str::len);
    }
    assert_eq!(whole, Some(message.len()));
}

/// Messages as a person writes them: on several lines, with trailing commas.
#[test]
fn messages_on_several_lines_with_trailing_commas_are_read() {
    let stream = r#"
{
    "method": "init",
    "hostname": "edd6c192-52cb-4133-a17a-e7d8aec03de7",
}
{
    "method": "redirect",
    "server": "127.0.10.1,10.92.1.130",
}
{
    "id": "xxxxxx",
    "method": "sync.bash",
    "cmd": "ls",
    "timeout": 10,
    "user": "root",
    "group": "root"
}
{
    "id": "xxxxxxx",
    "resp": "success",
    "retcode": 2,
    "message": "Normal termination",
    "data": "xxxx"
}
{
    "id": "xxxxxxx",
    "resp": "failed",
    "retcode": 3021,
    "message": "Invalid params"
}
{
    "id": "xxxxxx",
    "method": "getinfo.users",
    "args": "",
}
"#;
    let every_byte: Vec<usize> = (0..stream.len()).collect();
    let maps: Vec<_> = decode(stream.as_bytes(), &every_byte, Limits::default())
        .into_iter()
        .map(|text| parse_object(&text.unwrap()).unwrap())
        .collect();
    assert_eq!(maps.len(), 6);
    assert_eq!(Init::parse(&maps[0]).unwrap().hostname, "edd6c192-52cb-4133-a17a-e7d8aec03de7");
    let InitReply::Redirect { server } = InitReply::parse(&maps[1]).unwrap() else {
        panic!("no redirect")
    };
    assert_eq!(parse_list(&server).unwrap().len(), 2);
    let request = Request::parse(maps[2].clone()).unwrap();
    let bash = Bash::parse(request.params(), MAX_SYNC_TIMEOUT).unwrap();
    assert_eq!(
        (bash.cmd.as_str(), bash.timeout, bash.user.clone()),
        ("ls", Some(10), Some("root".into()))
    );
    assert_eq!(bash.group, Some("root".into()));
    let success = Response::parse(&maps[3]).unwrap();
    assert_eq!((success.resp, success.retcode), (Resp::Success, 2));
    let failed = Response::parse(&maps[4]).unwrap();
    assert_eq!((failed.resp, failed.retcode), (Resp::Failed, 3021));
    let request = Request::parse(maps[5].clone()).unwrap();
    assert_eq!(GetInfo::parse(request.params()).unwrap().args, "");
}

#[test]
fn errors_name_the_invalid_field_and_its_valid_values() {
    let table = [
        (r#"{"id":"1","method":"sync.bash"}"#, "cmd is missing"),
        (r#"{"id":"1","method":"sync.bash","cmd":""}"#, "cmd must not be empty"),
        (r#"{"id":"1","method":"sync.bash","cmd":7}"#, "cmd must be a string, not 7"),
        (
            r#"{"id":"1","method":"m","cmd":"x","timeout":0}"#,
            "timeout must be a whole number of seconds from 1 to 86400, not 0",
        ),
        (r#"{"id":"1","method":"m","cmd":"x","timeout":1.5}"#, "timeout must be"),
        (r#"{"id":"1","method":"m","cmd":"x","timeout":"10"}"#, "timeout must be"),
        (r#"{"id":"1","method":"m","cmd":"x","timeout":18446744073709551617}"#, "timeout must be"),
        (r#"{"id":"1","method":"m","cmd":"x","user":[]}"#, "user must be a name or a number"),
        (r#"{"id":"1","method":"m","cmd":"x","env":{"A":1}}"#, "env.A must be a string"),
        (
            r#"{"id":"1","method":"m","cmd":"x","stderr":"both"}"#,
            "stderr must be \"merge\" or \"separate\"",
        ),
        (r#"{"id":"1","method":"m","cmd":"x","cwd":"tmp"}"#, "cwd must be an absolute path"),
    ];
    for (text, wanted) in table {
        let request = Request::parse(parse_object(text).unwrap()).unwrap();
        let error = Bash::parse(request.params(), MAX_SYNC_TIMEOUT).unwrap_err();
        assert!(error.0.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_request_without_a_usable_id_gets_a_reply_with_a_null_id() {
    for text in
        [r#"{"method":"agent.ping"}"#, r#"{"id":"","method":"x"}"#, r#"{"id":5,"method":"x"}"#]
    {
        let answer = Request::parse(parse_object(text).unwrap()).unwrap_err().answer();
        let mut line = Vec::new();
        agent_wire::message::line(&answer, &mut line);
        assert!(
            line.starts_with(br#"{"id":null,"resp":"failed","retcode":3021"#),
            "{}",
            String::from_utf8_lossy(&line)
        );
    }
}
