//! Facts over the channel and on the command line, from the same plugins.
//!
//! A little more than 400 lines: one list of what must hold for every provider.

use e2e::{
    Scratch, add_c_plugin, binary, connected, in_mount_namespace, install_plugins, needs_root,
};
use serde_json::{Value, json};
use std::process::{Command, Output};

#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
fn ctl(wrapper: &[String], scratch: &Scratch, args: &[&str]) -> Output {
    let mut words: Vec<String> = wrapper.to_vec();
    words.push(binary("BasicAgentCtl").display().to_string());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg("--plugin-dir").arg(scratch.file("plugins")).args(args);
    command.output().expect("the program starts")
}

#[expect(clippy::disallowed_methods, reason = "an independent source on the machine")]
fn stdout_of(words: &[&str]) -> String {
    let output =
        Command::new(words[0]).args(&words[1..]).output().expect("the program is installed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn getinfo_kernel_agrees_with_uname() {
    let (_server, _agent, mut channel) = connected().await;
    let answer = channel.ask(&json!({"id": "1", "method": "getinfo.kernel"})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    let kernel = &answer["data"];
    for (field, flag) in [
        ("sysname", "-s"),
        ("release", "-r"),
        ("version", "-v"),
        ("machine", "-m"),
        ("hostname", "-n"),
    ] {
        assert_eq!(kernel[field], stdout_of(&["uname", flag]), "{field}");
    }
    assert_eq!(kernel["page_size_bytes"].to_string(), stdout_of(&["getconf", "PAGESIZE"]));
    assert_eq!(kernel["command_line"], stdout_of(&["cat", "/proc/cmdline"]));
    assert_eq!(kernel["boot"]["id"], stdout_of(&["cat", "/proc/sys/kernel/random/boot_id"]));
    assert_eq!(
        kernel["taint"]["value"].to_string(),
        stdout_of(&["cat", "/proc/sys/kernel/tainted"])
    );
}

#[tokio::test]
async fn getinfo_users_agrees_with_getent_and_contains_no_hash() {
    if !needs_root("getinfo_users_agrees_with_getent_and_contains_no_hash") {
        return;
    }
    let (_server, _agent, mut channel) = connected().await;
    let answer = channel.ask(&json!({"id": "1", "method": "getinfo.users", "args": "-A"})).await;
    let users = answer["data"].as_array().unwrap();
    let getent = stdout_of(&["getent", "passwd"]);
    assert_eq!(users.len(), getent.lines().count());
    for line in getent.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let user = users.iter().find(|user| user["name"] == fields[0]).unwrap();
        assert_eq!(user["uid"].to_string(), fields[2]);
        assert_eq!(user["gid"].to_string(), fields[3]);
        assert_eq!(user["home"], fields[5]);
        assert_eq!(user["shell"], fields[6]);
    }
    let one =
        channel.ask(&json!({"id": "2", "method": "getinfo.users", "args": "-U \"root\""})).await;
    assert_eq!(one["data"]["uid"], 0);
    let table =
        [("", 3021), ("-X", 3021), ("-U", 3021), ("-U no-such-user", 3052), ("-U 'unclosed", 3021)];
    for (args, retcode) in table {
        let answer =
            channel.ask(&json!({"id": "3", "method": "getinfo.users", "args": args})).await;
        assert_eq!(answer["retcode"], retcode, "{args}: {answer}");
    }
}

#[tokio::test]
async fn several_providers_share_one_reply_and_failed_ones_give_the_reason() {
    let (_server, agent, mut channel) = connected().await;
    let asked = json!({"id": "1", "method": "getinfo.all",
        "methods": ["getinfo.kernel", "users -U 'no such user'", "nothing", "kernel -x", "getinfo.all", "../etc"]});
    let answer = channel.ask(&asked).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    let parts = answer["data"].as_array().unwrap();
    // A missing privilege and a missing user are both the provider's own error.
    let expected = [
        ("getinfo.kernel", "", 0),
        ("getinfo.users", "-U 'no such user'", 3052),
        ("getinfo.nothing", "", 3051),
        ("getinfo.kernel", "-x", 3021),
        ("getinfo.all", "", 3021),
        ("getinfo.../etc", "", 3051),
    ];
    assert_eq!(parts.len(), expected.len());
    for (part, (method, args, retcode)) in parts.iter().zip(expected) {
        let got = (
            part["method"].as_str().unwrap(),
            part["args"].as_str().unwrap_or(""),
            part["retcode"].as_i64().unwrap(),
        );
        assert_eq!(got, (method, args, retcode), "{part}");
        assert_eq!(part["resp"] == "success", retcode == 0 && part["data"].is_object(), "{part}");
        assert!(retcode == 0 || !part["message"].as_str().unwrap().is_empty(), "{part}");
    }
    assert_eq!(parts[0]["data"]["release"], stdout_of(&["uname", "-r"]));
    // The methods as words of one string, as on the command line; then every installed method.
    let words = channel
        .ask(&json!({"id": "2", "method": "getinfo.all", "args": "kernel 'users -U root'"}))
        .await;
    assert_eq!(words["data"][0]["retcode"], 0, "{words}");
    assert_eq!(words["data"][1]["method"], "getinfo.users");
    let installed = channel.ask(&json!({"id": "3", "method": "getinfo.all"})).await;
    let methods: Vec<&str> = installed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["method"].as_str().unwrap())
        .collect();
    assert_eq!(methods, ["getinfo.kernel", "getinfo.users"]);
    for bad in [json!("os"), json!([1]), json!(vec!["kernel"; 65])] {
        let answer =
            channel.ask(&json!({"id": "4", "method": "getinfo.all", "methods": bad})).await;
        assert_eq!(answer["retcode"], 3021, "{answer}");
    }
    drop(agent);
}

/// Returns the SHA-256 of a text in hex.
fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn facts_that_the_caller_knows_are_left_out_of_the_reply() {
    let (_server, agent, mut channel) = connected().await;
    // The same plugin prints the same text.
    let scratch = Scratch::new("known");
    install_plugins(&scratch);
    let output = ctl(&[], &scratch, &["-c", "getinfo.users", "-a", "-U root"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let digest = sha256(text.trim_end());
    for (known, same) in [(digest.as_str(), true), (&digest[1..], false), ("", false)] {
        let request =
            json!({"id": "1", "method": "getinfo.users", "args": "-U root", "known": known});
        let answer = channel.ask(&request).await;
        assert_eq!(answer["unchanged"] == true, same, "{answer}");
        assert_eq!(answer.get("data").is_none(), same, "{answer}");
        assert_eq!(answer["resp"], "success");
    }
    // Of several, each has its own; facts with other arguments are not known.
    let request = json!({"id": "2", "method": "getinfo.all", "methods": ["users -U root", "kernel"],
        "known": {"getinfo.users": digest, "getinfo.kernel": "00"}});
    let answer = channel.ask(&request).await;
    for part in answer["data"].as_array().unwrap() {
        assert!(part["data"].is_object() && part.get("unchanged").is_none(), "{part}");
    }
    // Named with its arguments, an answer is known; a provider tells its schema.
    let calls = ["users -U root", "kernel --schema", "os --schema"];
    let first = channel.ask(&json!({"id": "2", "method": "getinfo.all", "methods": calls})).await;
    let schema = &first["data"][1]["data"]["schema"];
    assert_eq!(schema["type"], "object", "{first}");
    assert!(schema["properties"]["modules"]["description"].is_string(), "{schema}");
    let request = json!({"id": "2", "method": "getinfo.all", "methods": calls, "known":
        {"getinfo.users -U root": digest, "getinfo.os --schema": "00", "getinfo.kernel": digest}});
    let answer = channel.ask(&request).await;
    let unchanged: Vec<bool> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["unchanged"] == true && part.get("data").is_none())
        .collect();
    assert_eq!(unchanged, [true, false, false], "{answer}");
    for known in [json!(7), json!(["a"]), json!({"getinfo.users": 7})] {
        let request = json!({"id": "3", "method": "getinfo.all", "known": known});
        assert_eq!(channel.ask(&request).await["retcode"], 3021, "{known}");
    }
    drop(agent);
}

/// Each text is JSON by some reader's rules, but not by those of the channel.
#[tokio::test]
async fn a_plugins_reply_that_no_reader_of_the_channel_accepts_fails_alone_and_at_once() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let deep = nested(32);
    let replies = [
        r#"{"a":1,"a":2}"#,
        r#"[{"b":{"a":1,"\u0061":2}}]"#,
        r#""\ud800""#,
        r#"{"\udfff":1}"#,
        "1e999",
        "[-1e400]",
        &deep,
        "NaN",
        "[1,]",
        "\"a\tb\"",
        "\"\u{0}\"",
        "{} {}",
        "",
        r#"1},{"ok":2"#,
    ];
    let (_server, agent, mut channel) = connected().await;
    let plugins = agent.scratch().file("plugins");
    let say = |text: &str| {
        let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
        let (list, count) = (bytes.join(","), bytes.len());
        format!(
            "static const char r[] = {{{list}{}0}}; emit(sink, r, {count}); return 0;",
            if count > 0 { "," } else { "" }
        )
    };
    for (n, reply) in replies.iter().enumerate() {
        add_c_plugin(&plugins, &format!("bad{n}"), &say(reply));
    }
    add_c_plugin(&plugins, "good", &say("{\n \"a\": [1,\r\n 2]\n}\n"));
    add_c_plugin(
        &plugins,
        "latin",
        &say("").replace("{0}", "{34, 0xe9, 34}").replace("r, 0", "r, 3"),
    );
    add_c_plugin(&plugins, "deepest", &say(&nested(31)));
    add_c_plugin(&plugins, "deep", &say(&nested(29)));

    let mut names: Vec<String> = (0..replies.len()).map(|n| format!("getinfo.bad{n}")).collect();
    names.push("getinfo.latin".to_owned());
    for (n, name) in names.iter().enumerate() {
        let answer = channel.ask(&json!({"id": name, "method": name})).await;
        assert_eq!(answer["retcode"], 3052, "{:?}: {answer}", replies.get(n));
        assert!(answer["message"].as_str().unwrap().contains("broken"), "{answer}");
    }
    for name in ["getinfo.good", "getinfo.deep", "getinfo.deepest"] {
        let answer = channel.ask(&json!({"id": name, "method": name})).await;
        assert_eq!(answer["resp"], "success", "{name}: {answer}");
    }
    let methods: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .chain(["getinfo.good", "getinfo.deep", "getinfo.deepest"])
        .collect();
    let all = channel.ask(&json!({"id": "all", "method": "getinfo.all", "methods": methods})).await;
    assert_eq!(all["resp"], "success", "{all}");
    let retcodes: Vec<i64> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["retcode"].as_i64().unwrap())
        .collect();
    let mut wanted = vec![3052; names.len()];
    // Two more levels than where it stands alone: it no longer fits.
    wanted.extend([0, 0, 3002]);
    assert_eq!(retcodes, wanted, "{all}");
    assert_eq!(all["data"][names.len()]["data"], json!({"a": [1, 2]}));
}

#[tokio::test]
async fn getinfo_all_without_names_queries_however_many_providers_are_installed() {
    let (_server, agent, mut channel) = connected().await;
    let plugins = agent.scratch().file("plugins");
    for n in 0..70 {
        std::fs::write(plugins.join(format!("libgetinfo_text{n}.so")), "no library").unwrap();
    }
    let all = channel.ask(&json!({"id": "1", "method": "getinfo.all"})).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 72, "{all}");
    assert_eq!((&all["data"][0]["retcode"], &all["data"][2]["retcode"]), (&json!(0), &json!(3051)));
}

#[tokio::test]
async fn the_command_line_prints_one_json_document() {
    let scratch = Scratch::new("ctl");
    install_plugins(&scratch);
    let output = ctl(&[], &scratch, &["-c", "getinfo.kernel"]);
    assert!(output.status.success(), "{output:?}");
    let kernel: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(kernel["sysname"], "Linux");
    let list = ctl(&[], &scratch, &["list"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("getinfo.kernel ") && list.contains("getinfo.users "), "{list}");
    let table: [(&[&str], i32, &str); 5] = [
        (&["-c", "getinfo.nothing"], 3, "getinfo.nothing"),
        (&["-c", "../../etc"], 2, "../../etc"),
        (&["-c", "getinfo.users", "-a", "-Z"], 2, "-Z"),
        (&["--nonsense"], 2, "--nonsense"),
        (&["-c", "getinfo.kernel", "-a", "'unclosed"], 2, "quot"),
    ];
    for (args, status, word) in table {
        let output = ctl(&[], &scratch, args);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {errors}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(errors.contains(word), "{args:?}: {errors}");
    }
}

#[tokio::test]
async fn login_defs_separates_ordinary_and_system_users() {
    if !needs_root("login_defs_separates_ordinary_and_system_users") {
        return;
    }
    let scratch = Scratch::new("defs");
    install_plugins(&scratch);
    let passwd = scratch.write(
        "passwd",
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/false\nann:x:2000:2000::/home/ann:/bin/sh\nbob:x:2999:2000:B\u{e9}:/:/bin/sh\n",
    );
    let shadow = scratch.write(
        "shadow",
        "root:$6$salt$SECRETHASH:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nann:!$6$salt$SECRETHASH:19000:0:99999:7:::\nbob::19000:0:90:7::20000:\n",
    );
    let defs = scratch.write("login.defs", "UID_MIN 2000\n# UID_MIN 1\nUID_MAX\t2500\n");
    let binds =
        [(passwd.as_path(), "/etc/passwd"), (&shadow, "/etc/shadow"), (&defs, "/etc/login.defs")];
    let wrapper = in_mount_namespace(&binds);
    let names = |flag: &str| -> Vec<String> {
        let output = ctl(&wrapper, &scratch, &["-c", "getinfo.users", "-a", flag]);
        assert!(output.status.success(), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("SECRETHASH"));
        let users: Value = serde_json::from_slice(&output.stdout).unwrap();
        users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = names("-A");
    assert!(
        ["root", "daemon", "ann", "bob"].iter().all(|name| all.contains(&(*name).to_owned())),
        "{all:?}"
    );
    assert!(names("-u").contains(&"ann".to_owned()) && !names("-u").contains(&"bob".to_owned()));
    assert!(names("-S").contains(&"daemon".to_owned()) && !names("-S").contains(&"ann".to_owned()));
    for (name, state) in
        [("root", "set"), ("daemon", "disabled"), ("ann", "locked"), ("bob", "none")]
    {
        let output = ctl(&wrapper, &scratch, &["-c", "getinfo.users", "-a", &format!("-U {name}")]);
        let user: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(user["password"], state, "{user}");
    }
    let output = ctl(&wrapper, &scratch, &["-c", "getinfo.users", "-a", "-U bob"]);
    let bob: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bob["expires"], "2024-10-04", "{bob}");
    assert_eq!(bob["last_change"], "2022-01-08", "{bob}");
}

#[tokio::test]
async fn a_group_of_very_many_members_and_the_groups_after_it_are_found_one_by_one() {
    if !needs_root("a_group_of_very_many_members_and_the_groups_after_it_are_found_one_by_one") {
        return;
    }
    let scratch = Scratch::new("huge-group");
    let plugins = install_plugins(&scratch);
    let library = "libgetinfo_groups.so";
    std::fs::copy(binary(library), plugins.join(library)).unwrap();
    let members: Vec<String> = (0..150_000).map(|n| format!("member{n:06}")).collect();
    let group = std::fs::read_to_string("/etc/group").unwrap()
        + &format!("huge:x:7000:{}\nlater:x:7001:nobody\n", members.join(","));
    let wrapper = in_mount_namespace(&[(&scratch.write("group", group), "/etc/group")]);
    for (name, count) in [("huge", 150_000), ("7000", 150_000), ("later", 1), ("7001", 1)] {
        let args = ["-c", "getinfo.groups", "-a", &format!("-G {name}")];
        let output = ctl(&wrapper, &scratch, &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["groups"][0]["members"].as_array().unwrap().len(), count, "{name}");
    }
    let output = ctl(&wrapper, &scratch, &["-c", "getinfo.users", "-a", "-U nobody"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("later"), "{output:?}");
}

#[tokio::test]
async fn a_plugin_on_a_noexec_mount_is_refused_with_the_reason() {
    if !needs_root("a_plugin_on_a_noexec_mount_is_refused_with_the_reason") {
        return;
    }
    let scratch = Scratch::new("noexec");
    install_plugins(&scratch);
    let dir = scratch.file("plugins").display().to_string();
    let mounted = format!("mount --bind '{dir}' '{dir}' && mount -o remount,bind,noexec '{dir}'");
    let script = format!("{mounted} && exec \"$0\" \"$@\"");
    let wrapper = ["unshare", "-m", "--", "sh", "-c", &script].map(str::to_owned);
    let output = ctl(&wrapper, &scratch, &["-c", "getinfo.kernel"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && errors.contains("mounted noexec"), "{output:?}");
}

#[tokio::test]
async fn without_root_getinfo_users_reports_it() {
    if !needs_root("without_root_getinfo_users_reports_it (it drops root)") {
        return;
    }
    let scratch = Scratch::new("plain");
    install_plugins(&scratch);
    use std::os::unix::fs::PermissionsExt as _;
    for dir in [scratch.path(), &scratch.file("plugins")] {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let wrapper =
        ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"].map(str::to_owned);
    let program = scratch.file("BasicAgentCtl");
    test_support::copy_program(binary("BasicAgentCtl"), &program);
    let mut words = wrapper.to_vec();
    words.push(program.display().to_string());
    words.extend(["--plugin-dir".to_owned(), scratch.file("plugins").display().to_string()]);
    let run = |args: &[&str]| {
        let mut all: Vec<&str> = words.iter().map(String::as_str).collect();
        all.extend(args);
        output_of(&all)
    };
    let output = run(&["-c", "getinfo.users", "-a", "-A"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("root"), "{output:?}");
    assert!(run(&["-c", "getinfo.kernel"]).status.success());
}

#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
fn output_of(words: &[&str]) -> Output {
    Command::new(words[0]).args(&words[1..]).output().expect("the program starts")
}
