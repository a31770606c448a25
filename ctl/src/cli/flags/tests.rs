use super::*;

fn action(line: &[&str]) -> Result<Action, String> {
    let cli = Cli::read([&["BasicAgentCtl"], line].concat()).map_err(|error| error.to_string())?;
    cli.action().map_err(|error| error.to_string())
}

#[test]
fn clap_finds_no_mistake_in_the_declarations() {
    help::trimmed(Cli::command()).debug_assert();
}

#[test]
fn arguments_may_begin_with_a_dash() {
    for (line, wanted) in [
        (&["-c", "getinfo.users", "-a", "-U root"][..], "-U root"),
        (&["-c", "getinfo.users", "-a", "-A"], "-A"),
        (&["-c", "getinfo.users", "-a=-A"], "-A"),
        (&["-c", "getinfo.users", "-a-A"], "-A"),
        (&["-c", "getinfo.users", "-a", "-h"], "-h"),
        (&["-c", "getinfo.users", "-a", "--"], "--"),
        (&["-a", "-S", "-c", "getinfo.users"], "-S"),
        (&["-cgetinfo.users"], ""),
    ] {
        let Ok(Action::Local { method, args, dirs }) = action(line) else { panic!("{line:?}") };
        assert_eq!(
            (method.as_str(), args.as_str(), dirs.len()),
            ("getinfo.users", wanted, 2),
            "{line:?}"
        );
    }
}

#[test]
fn exec_passes_the_words_after_its_flags_unchanged() {
    let flags = ["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--user", "nobody"];
    for (words, wanted) in [
        (&["--", "ls", "-l", "--host"][..], &["ls", "-l", "--host"][..]),
        (&["ls", "-l", "--json"], &["ls", "-l", "--json"]),
        (&["--env", "A=b=c", "--", "--x"], &["--x"]),
        (&["--", "ls | wc -l"], &["ls | wc -l"]),
    ] {
        let found = action(&[&flags, words].concat());
        let Ok(Action::Exec { exec, remote }) = found else { panic!("{words:?}: {found:?}") };
        assert_eq!(
            (exec.command.words, remote.host, exec.json),
            (wanted.iter().map(|w| (*w).to_owned()).collect(), "h".to_owned(), false)
        );
    }
}

#[test]
fn only_task_submit_accepts_a_command() {
    let flags = ["--controller", "http://127.0.0.1:1", "--host", "h", "task"];
    for line in [
        &["submit", "--id", "x", "--timeout", "2592000", "--separate-stderr", "--", "ls", "-l"][..],
        &["status", "x", "--json"],
        &["list"],
        &["output", "x", "--follow", "--stderr"],
        &["result", "x", "--wait", "9"],
        &["cancel", "x"],
    ] {
        let found = action(&[&flags, line].concat());
        assert!(matches!(found, Ok(Action::Task { .. })), "{line:?}: {found:?}");
    }
    for line in [
        &[][..],
        &["submit"],
        &["submit", "--id", "", "ls"],
        &["submit", "--timeout", "2592001", "ls"],
        &["status"],
        &["result", "x", "y"],
        &["list", "x"],
    ] {
        assert!(action(&[&flags, line].concat()).is_err(), "{line:?} was accepted");
    }
}

#[test]
fn cron_reads_schedules_locally_and_sends_requests_about_jobs_to_one_agent() {
    let remote = ["--controller", "http://127.0.0.1:1", "--host", "h"];
    for (line, needs_agent) in [
        (&["cron", "next", "@daily"][..], false),
        (&["cron", "next", "-", "-n", "9", "--tz", "UTC", "--from", "2026-01-01"], false),
        (&["cron", "explain", "0 0 0 1C * ?", "--calendar", "days"], false),
        (&["cron", "check", "a", "b", "--json"], false),
        (&["cron", "list"], true),
        (&["cron", "set", "n", "@daily", "--missed", "once", "--", "ls", "-l"], true),
        (&["cron", "remove", "n"], true),
        (&["cron", "run", "n"], true),
        (&["cron", "history", "n", "-n", "3"], true),
    ] {
        let found = action(line);
        assert!(matches!(found, Ok(Action::Cron { remote: None, .. })), "{line:?}: {found:?}");
        let found = action(&[&remote, line].concat());
        assert_eq!(
            matches!(found, Ok(Action::Cron { remote: Some(_), .. })),
            needs_agent,
            "{line:?}: {found:?}"
        );
        assert!(
            action(&[&remote[..2], line].concat()).is_err(),
            "{line:?} was accepted without a host"
        );
    }
    for line in [
        &["cron"][..],
        &["cron", "next"],
        &["cron", "next", "0", "*", "*"],
        &["cron", "check"],
        &["cron", "set", "n", "@daily"],
        &["cron", "set", "n", "@daily", "--overlap", "x", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "cron", "list", "--socket", "/s"],
    ] {
        assert!(action(line).is_err(), "{line:?} was accepted");
    }
}

#[test]
fn conflicting_flags_are_rejected() {
    for line in [
        &["-a", "x"][..],
        &["--plugin-dir", "/x"],
        &["-c", "a.b", "list"],
        &["-c", "a.b", "--token-file", "f"],
        &["-c", "a.b", "--controller", "http://127.0.0.1:1"],
        &["--controller", "http://127.0.0.1:1", "list"],
        &["--controller", "http://127.0.0.1:1", "--plugin-dir", "/x", "hosts"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "hosts"],
        &["--controller", "http://127.0.0.1:1", "--context", "c", "hosts"],
        &["--context", "a b", "hosts"],
        &["--ca", "ca.pem", "hosts"],
        &["--host", "h", "login", "https://c"],
        &["--plugin-dir", "/x", "--host", "h", "-c", "a.b"],
        &["login", "--password-file", "f", "--password-stdin"],
        &["login", "--days", "0"],
        &["token", "create", "--expires", "31d"],
        &["token", "create", "--uses", "10001"],
        &["token", "create", "--label", "env"],
        &["host", "label", "h"],
        &["host", "label", "h", "env"],
        &["host", "remove"],
        &["host", "settle", "h", "forget"],
        &["operator", "create", "bob"],
        &["operator", "create", "bob", "--role", "viewer", "--no-password", "--password-stdin"],
        &["ca", "rotate"],
        &["audit", "--follow", "verify"],
        &["hosts", "-o", "xml"],
        &["hosts", "--online", "--offline"],
        &["exec", "ls"],
        &["--controller", "http://127.0.0.1:1", "task", "list"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "status", "--socket", "/s"],
        &["task", "submit", "--separate-stderr", "--stderr", "merge", "ls"],
        &["task", "submit", "--memory", "1", "ls"],
        &["--controller", "http://127.0.0.1:1", "exec", "--", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--timeout", "0", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--env", "x", "ls"],
        &["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "--nope", "ls"],
    ] {
        assert!(action(line).is_err(), "{line:?} was accepted");
    }
}

#[test]
fn the_controller_and_the_host_may_stand_on_either_side_of_the_subcommand() {
    let controller = ["--controller", "http://127.0.0.1:1"];
    for line in [
        [&controller[..], &["--host", "h", "exec", "ls"]].concat(),
        [&controller[..], &["exec", "--host", "h", "ls"]].concat(),
        [&["exec"], &controller[..], &["--host", "h", "ls"]].concat(),
    ] {
        let found = action(&line);
        assert!(matches!(found, Ok(Action::Exec { .. })), "{line:?}: {found:?}");
    }
}

#[test]
fn a_host_without_a_controller_is_behind_the_contexts_controller() {
    for line in [
        &["--host", "h", "exec", "ls"][..],
        &["--host", "h", "-c", "a.b"],
        &["--context", "prod", "--host", "h", "task", "list"],
        &["status", "--host", "h"],
        &["cron", "list", "--host", "h"],
    ] {
        let found = format!("{:?}", action(line));
        let context =
            if line.contains(&"prod") { "Context(Some(\"prod\"))" } else { "Context(None)" };
        assert!(found.contains(context), "{line:?}: {found}");
    }
    for line in [&["-c", "a.b"][..], &["task", "list"], &["status"], &["cron", "list"]] {
        let found = format!("{:?}", action(line));
        assert!(!found.contains("Context"), "{line:?}: {found}");
    }
    let both = ["--controller", "http://127.0.0.1:1", "--host", "h", "exec", "ls"];
    assert!(format!("{:?}", action(&both)).contains("Flags"), "--controller wins");
}

/// Returns each subcommand that has none of its own, with its words.
fn leaves(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    let subs =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
    let mut any = false;
    for sub in subs {
        any = true;
        leaves(sub, &[path, &[sub.get_name().to_owned()]].concat(), found);
    }
    if !any || ["audit", "run", "history"].contains(&command.get_name()) {
        found.push((path.to_vec(), command.clone()));
    }
}

fn all_leaves() -> Vec<(Vec<String>, clap::Command)> {
    let mut found = Vec::new();
    leaves(&help::trimmed(Cli::command()), &[], &mut found);
    found
}

/// Returns the words of each example in a text, as a shell would split them.
fn examples(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(str::trim).filter(|line| line.contains("BasicAgentCtl "));
    // A sentence that names the program is no example; neither does it split as a shell's line.
    let words = lines.filter_map(shlex::split);
    let commands = words.flat_map(|words| {
        let command =
            words.split(|word| ["|", "&&"].contains(&word.as_str())).map(<[String]>::to_vec);
        command.collect::<Vec<_>>()
    });
    let commands = commands.map(|words| {
        let wrapped = words.iter().take_while(|word| ["xargs", "sudo"].contains(&word.as_str()));
        words[wrapped.count()..].to_vec()
    });
    commands.filter(|words| words.first().is_some_and(|word| word == "BasicAgentCtl")).collect()
}

#[test]
fn every_subcommand_has_examples_and_they_all_parse() {
    for (path, command) in all_leaves() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let found = examples(&help);
        assert!(!found.is_empty(), "{path:?} has no example");
        for example in found {
            assert!(parses(&example), "{path:?}: {example:?}");
        }
    }
}

/// Returns whether an example parses. One at the end of a pipe gets its last words from there.
fn parses(example: &[String]) -> bool {
    let words: Vec<&str> = example[1..].iter().map(String::as_str).collect();
    action(&words).is_ok() || action(&[&words[..], &["x"]].concat()).is_ok()
}

#[test]
fn the_guide_names_every_subcommand_and_its_examples_parse() {
    let guide =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ctl.md")).unwrap();
    let mut missing = Vec::new();
    for (path, command) in all_leaves() {
        let words = path.join(" ");
        if !guide.contains(&format!("`{words}")) {
            missing.push(words.clone());
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let long = arg.get_long().filter(|long| *long != "help");
            if long.is_some_and(|long| !guide.contains(&format!("`--{long}`"))) {
                missing.push(format!("{words} --{}", long.unwrap_or_default()));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "docs/ctl.md does not name these");
    let known: Vec<String> = all_leaves().into_iter().map(|(path, _)| path.join(" ")).collect();
    for table in guide.split("\n\n").filter(|part| part.starts_with("| command |")) {
        for named in table.lines().skip(2).flat_map(|row| row.split('|').nth(1)) {
            for words in named.split(',').map(|words| words.trim().trim_matches('`')) {
                let is_of = |known: &String| format!("{words} ").starts_with(&format!("{known} "));
                assert!(known.iter().any(is_of), "docs/ctl.md names {words:?}");
            }
        }
    }
    let found = examples(&guide);
    assert!(found.len() > 15, "{found:?}");
    for example in found {
        assert!(parses(&example), "{example:?}");
    }
}

#[test]
fn the_examples_in_every_document_parse() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let folders = ["", "docs", "examples/plugin-c", "examples/plugin-go", "examples/plugin-rust"];
    let folders = folders.iter().chain(&["examples/prometheus", "examples/systemd"]);
    let mut count = 0;
    for folder in folders {
        let entries = std::fs::read_dir(format!("{root}/{folder}")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        for path in paths.filter(|path| path.extension().is_some_and(|name| name == "md")) {
            let text = std::fs::read_to_string(&path).unwrap();
            // Only lines of code: a sentence may begin with the program's name.
            let code: Vec<&str> = text.lines().filter(|line| line.starts_with("    ")).collect();
            for example in examples(&code.join("\n")) {
                assert!(parses(&example), "{}: {example:?}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 40, "only {count} examples were found");
}
